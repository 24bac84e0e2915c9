// From the sums of all jobs, what the passes over positions need per channel, and the gradients of the channel's parameters: one quad of
// channels per workgroup, jobs dealt to its invocations and joined in a fixed tree.
@group(0) @binding(0) var<storage, read> sums: array<vec4<f32>>; // [job][kind][quad]
@group(0) @binding(1) var<storage, read_write> table: array<vec4<f32>>; // [row][quad]
//#if FORWARD
@group(0) @binding(2) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> beta: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> running: array<vec4<f32>>; // means, then variances
//#end
//#if NORMALIZED
@group(0) @binding(2) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> gammaGradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> betaGradient: array<vec4<f32>>;
//#end
//#if COLUMNS
@group(0) @binding(2) var<storage, read_write> columns: array<vec4<f32>>;
//#end

//#for r in KINDS
var<workgroup> part{{r}}: array<vec4<f32>, 64>;
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let quad = workgroup.x + workgroup.y * count.x;
  if (quad >= {{QUADS}}u) { return; }
  //#for r in KINDS
  var sum{{r}} = vec4<f32>();
  //#end
  for (var job = lane; job < {{JOBS}}u; job += 64u) {
    //#for r in KINDS
    sum{{r}} += sums[(job * {{KINDS}}u + {{r}}u) * {{QUADS}}u + quad];
    //#end
  }
  //#for r in KINDS
  part{{r}}[lane] = sum{{r}};
  //#end
  workgroupBarrier();
  //#for level in SIX
  if (lane < {{HALF[level]}}u) {
    //#for r in KINDS
    part{{r}}[lane] += part{{r}}[lane + {{HALF[level]}}u];
    //#end
  }
  workgroupBarrier();
  //#end
  if (lane > 0u) { return; }
  //#if FORWARD
  //#if TRAINING
  let mean = part0[0] / {{POSITIONS}}.0;
  let variance = max(part1[0] / {{POSITIONS}}.0 - mean * mean, vec4<f32>());
  running[quad] += f32({{MOMENTUM}}) * (mean - running[quad]);
  running[{{QUADS}}u + quad] += f32({{MOMENTUM}}) * (variance * f32({{UNBIASED}}) - running[{{QUADS}}u + quad]);
  //#else
  let mean = running[quad];
  let variance = running[{{QUADS}}u + quad];
  //#end
  let inverse = 1.0 / sqrt(variance + f32({{EPSILON}}));
  table[quad] = gamma[quad] * inverse;
  table[{{QUADS}}u + quad] = beta[quad] - mean * gamma[quad] * inverse;
  table[5u * {{QUADS}}u + quad] = inverse;
  table[6u * {{QUADS}}u + quad] = -mean * inverse;
  //#end
  //#if BACKWARD
  table[2u * {{QUADS}}u + quad] = part2[0];
  //#end
  //#if NORMALIZED
  let slope = gamma[quad] * table[5u * {{QUADS}}u + quad];
  betaGradient[quad] = part0[0];
  gammaGradient[quad] = part1[0];
  table[7u * {{QUADS}}u + quad] = slope;
  table[8u * {{QUADS}}u + quad] = -slope * part1[0] / {{POSITIONS}}.0;
  table[9u * {{QUADS}}u + quad] = -slope * part0[0] / {{POSITIONS}}.0;
  //#end
  //#if COLUMNS
  columns[quad] = part0[0];
  //#end
}
