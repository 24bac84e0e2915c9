// Softmax over the channels of each position, one position per invocation.
struct Params {
  positions: u32,
  channels: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let position = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  if (position >= p.positions) { return; }
  let base = position * p.channels;
  var largest = x[base];
  for (var c = 1u; c < p.channels; c++) { largest = max(largest, x[base + c]); }
  var total = 0.0;
  for (var c = 0u; c < p.channels; c++) { total += exp(x[base + c] - largest); }
  for (var c = 0u; c < p.channels; c++) { y[base + c] = exp(x[base + c] - largest) / total; }
}
