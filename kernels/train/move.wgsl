// Channels of one buffer to channels of another, written or added: sums, concatenation, slices, shuffles, flattening, and their gradients.
alias Item = {{ITEM}}; // one channel, or a quad of them; all numbers below count items
@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> y: array<Item>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (at >= {{COUNT}}u) { return; }
  let channel = at % {{CHANNELS}}u;
  let pixel = at / {{CHANNELS}}u % {{PIXELS}}u;
  let image = at / {{CHANNELS}}u / {{PIXELS}}u;
  let mixed = (channel % {{HEAPS}}u) * ({{CHANNELS}}u / {{HEAPS}}u) + channel / {{HEAPS}}u;
  let source = i32(mixed) + {{SHIFT}};
  var value = Item();
  if (source >= 0 && source < {{LIMIT}}) { value = x[image * {{FROM_IMAGE}}u + pixel * {{FROM_PIXEL}}u + u32(source)]; }
  let to = image * {{TO_IMAGE}}u + pixel * {{TO_PIXEL}}u + {{TO_FIRST}}u + channel;
  //#if ACCUMULATE
  y[to] += value;
  //#else
  y[to] = value;
  //#end
}
