// Element-wise steps on words: affine from any type, relu, sum into the output, and a copy to a range of channels.
struct Params {
  elements: u32,
  channels: u32,
  outChannels: u32,
  offset: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<{{TYPE}}>; // u32: four u8 per word
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>; // [channel]
@group(0) @binding(4) var<storage, read> bias: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  if (at >= p.elements) { return; }
  //#if BYTES
  let value = f32((x[at >> 2u] >> ((at & 3u) * 8u)) & 255u);
  //#else
  let value = f32(x[at]);
  //#end
  //#if AFFINE
  y[at] = value * scale[at % p.channels] + bias[at % p.channels];
  //#end
  //#if RELU
  y[at] = max(value, 0.0);
  //#end
  //#if ADD
  y[at] += value;
  //#end
  //#if COPY
  y[at / p.channels * p.outChannels + p.offset + at % p.channels] = value;
  //#end
}
