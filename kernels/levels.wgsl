// Codes by counting thresholds reached: batch norm, ReLU and quantisation of integers, and exact quantisation of floats.
struct Params {
  elements: u32,
  channels: u32, // 1: one list of thresholds for all
  levels: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<{{TYPE}}>;
@group(0) @binding(2) var<storage, read> thresholds: array<{{TYPE}}>; // [channel][level], ascending
@group(0) @binding(3) var<storage, read> sign: array<{{TYPE}}>; // [channel]
@group(0) @binding(4) var<storage, read_write> codes: array<u32>; // four u8 per word

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
    let channel = at % p.channels;
    let value = x[at] * sign[channel];
    var low = 0u;
    var high = p.levels;
    while (low < high) {
      let middle = (low + high) >> 1u;
      if (value >= thresholds[channel * p.levels + middle]) { low = middle + 1u; } else { high = middle; }
    }
    packed |= low << (8u * i);
  }
  codes[word] = packed;
}
