// Rows of a placed layer: each position reads pixels around an origin of its own; four u8 per invocation.
struct Params {
  elements: u32, // images · positions · rows
  positions: u32,
  rows: u32,
  height: u32,
  width: u32,
  channels: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>; // four u8 per word
@group(0) @binding(2) var<storage, read> origins: array<vec2<i32>>; // [position]: line, column
@group(0) @binding(3) var<storage, read> rows: array<vec4<i32>>; // [row]: lines and columns from the origin, channel
@group(0) @binding(4) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let word = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  if (word * 4u >= p.elements) { return; }
  var packed = 0u;
  for (var i = 0u; i < 4u; i++) {
    let at = word * 4u + i;
    if (at >= p.elements) { break; }
    let place = at / p.rows;
    let row = rows[at % p.rows];
    let pixel = origins[place % p.positions] + row.xy;
    if (pixel.x < 0 || pixel.x >= i32(p.height) || pixel.y < 0 || pixel.y >= i32(p.width)) { continue; }
    let line = place / p.positions * p.height + u32(pixel.x);
    let source = (line * p.width + u32(pixel.y)) * p.channels + u32(row.z);
    packed |= ((x[source >> 2u] >> ((source & 3u) * 8u)) & 255u) << (8u * i);
  }
  y[word] = packed;
}
