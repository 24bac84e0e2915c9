// Adds one buffer to another of the same length: sums over batches that stay on the device.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (at < arrayLength(&y)) { y[at] += x[at]; }
}
