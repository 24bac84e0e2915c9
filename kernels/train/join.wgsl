// Sum of the slices of a split matrix product, in order, plus a bias per column where there is one.
@group(0) @binding(0) var<storage, read> slices: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4<f32>>;
//#if BIAS
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (at >= {{QUADS}}u) { return; }
  var total = slices[at];
  for (var slice = 1u; slice < {{SLICES}}u; slice++) { total += slices[slice * {{QUADS}}u + at]; }
  //#if BIAS
  total += bias[at % {{BIAS_QUADS}}u];
  //#end
  result[at] = total;
}
