// Partial results of a placed layer: the output's start, or one part added where it belongs. No two elements of a part share an output.
struct Params {
  elements: u32, // of the part, or of the output
  positions: u32,
  columns: u32,
  size: u32, // of an output image
  channels: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<{{FROM}}>;
@group(0) @binding(2) var<storage, read> pixels: array<u32>; // [position]
@group(0) @binding(3) var<storage, read> channels: array<u32>; // [column]
@group(0) @binding(4) var<storage, read> factor: array<{{TO}}>;
@group(0) @binding(5) var<storage, read_write> y: array<{{TO}}>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  if (at >= p.elements) { return; }
  //#if START
  //#if BIASED
  y[at] = {{TO}}(x[at % p.size]);
  //#else
  y[at] = {{TO}}(0);
  //#end
  //#else
  let place = at / p.columns;
  let to = place / p.positions * p.size + pixels[place % p.positions] * p.channels + channels[at % p.columns];
  y[to] += factor[0] * {{TO}}(x[at]);
  //#end
}
