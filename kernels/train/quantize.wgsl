// Fake-quantised copy of a weight from its latent values; gaps of the layout stay zero.
@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> quantized: array<f32>;
@group(0) @binding(2) var<storage, read> peak: array<f32>; // largest magnitude, of tanh for DoReFa; learned steps

//#if DOREFA
//#include TANH
//#end

//#include REAL

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (at >= {{COUNT}}u) { return; }
  //#if STEPPED
  let step = peak[{{STEP_AT}}];
  let value = round(clamp(values[at] / step, f32({{LOW}}), f32({{HIGH}}))) * step;
  //#else
  let most = select(peak[0], 1.0, peak[0] == 0.0);
  //#if DOREFA
  let code = round((hyperbolic(values[at]) / (2.0 * most) + 0.5) * f32({{LEVELS}}));
  let value = (code - f32({{LEVELS}}) / 2.0) * (2.0 / f32({{LEVELS}}));
  //#else
  let scale = most / f32({{LEVELS}});
  let value = round(values[at] / scale) * scale;
  //#end
  //#end
  quantized[at] = select(0.0, value, real(at));
}
