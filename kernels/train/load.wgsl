// Pixels, four to a word, to floats with padded channels: one pixel and channel per invocation.
@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (at >= {{COUNT}}u) { return; }
  let code = (pixels[at / 4u] >> (at % 4u * 8u)) & 255u;
  y[at / {{CHANNELS}}u * {{PADDED}}u + at % {{CHANNELS}}u] = (f32(code) - f32({{ZERO}})) * f32({{SCALE}});
}
