// One step of SGD with momentum on one parameter; the gradient of a DoReFa weight is taken back through tanh first.
struct Step {
  rate: f32,
}
@group(0) @binding(0) var<uniform> step_: Step;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> peak: array<f32>;

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
  if (at >= {{COUNT}}u || !real(at)) { return; }
  let value = values[at];
  //#if DOREFA
  let t = hyperbolic(value);
  let given = gradient[at] * (1.0 - t * t) / select(peak[0], 1.0, peak[0] == 0.0);
  //#else
  let given = gradient[at];
  //#end
  let slope = given + f32({{DECAY}}) * value;
  let speed = f32({{MOMENTUM}}) * velocity[at] + slope;
  velocity[at] = speed;
  //#if NESTEROV
  let next = value - step_.rate * f32({{RATE}}) * (slope + f32({{MOMENTUM}}) * speed);
  //#else
  let next = value - step_.rate * f32({{RATE}}) * speed;
  //#end
  //#if ALPHA
  values[at] = max(next, f32({{SMALLEST}}));
  //#else
  values[at] = next;
  //#end
}
