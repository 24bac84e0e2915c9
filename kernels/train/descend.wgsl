// One step of SGD with momentum, or of Adam, on one parameter; the gradient of a DoReFa weight is taken back through tanh first,
// that of a weight with a learned step passes inside the range only. Learned steps stay positive.
struct Step {
  rate: f32,
  mean: f32, // factors that free Adam's means of their start at 0
  square: f32,
}
@group(0) @binding(0) var<uniform> step_: Step;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> peak: array<f32>;
//#if ADAM
@group(0) @binding(5) var<storage, read_write> squares: array<f32>;
//#end

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
  //#if STEPPED
  let place = value / peak[{{STEP_AT}}];
  let given = select(0.0, gradient[at], place > f32({{LOW}}) && place < f32({{HIGH}}));
  //#else
  //#if DOREFA
  let t = hyperbolic(value);
  let given = gradient[at] * (1.0 - t * t) / select(peak[0], 1.0, peak[0] == 0.0);
  //#else
  let given = gradient[at];
  //#end
  //#end
  let slope = given + f32({{DECAY}}) * value;
  //#if ADAM
  let mean = velocity[at] + f32({{MISSING_MEAN}}) * (slope - velocity[at]);
  let square = squares[at] + f32({{MISSING_SQUARE}}) * (slope * slope - squares[at]);
  velocity[at] = mean;
  squares[at] = square;
  let next = value - step_.rate * f32({{RATE}}) * step_.mean * mean / (sqrt(square * step_.square) + f32({{EPSILON}}));
  //#else
  let speed = f32({{MOMENTUM}}) * velocity[at] + slope;
  velocity[at] = speed;
  //#if NESTEROV
  let next = value - step_.rate * f32({{RATE}}) * (slope + f32({{MOMENTUM}}) * speed);
  //#else
  let next = value - step_.rate * f32({{RATE}}) * speed;
  //#end
  //#end
  //#if ALPHA
  values[at] = max(next, f32({{SMALLEST}}));
  //#else
  //#if SCALE
  values[at] = max(max(next, value / 2.0), select(0.0, f32({{SMALLEST}}), value > 0.0));
  //#else
  values[at] = next;
  //#end
  //#end
}
