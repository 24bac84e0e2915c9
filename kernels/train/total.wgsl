// Sum (or largest magnitude) of a list by one workgroup per {{EACH}} elements, in a fixed tree.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [workgroup]

var<workgroup> part: array<f32, 64>;

//#if TANH
//#include TANH
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let block = workgroup.x + workgroup.y * count.x;
  if (block * {{EACH}}u >= {{COUNT}}u) { return; }
  var mine = 0.0;
  for (var i = block * {{EACH}}u + lane; i < min((block + 1u) * {{EACH}}u, {{COUNT}}u); i += 64u) {
    let value = x[{{FIRST}}u + i];
    //#if PEAK
    mine = max(mine, abs(value));
    //#else
    mine += value;
    //#end
  }
  part[lane] = mine;
  workgroupBarrier();
  //#for level in SIX
  if (lane < {{HALF[level]}}u) {
    //#if PEAK
    part[lane] = max(part[lane], part[lane + {{HALF[level]}}u]);
    //#else
    part[lane] += part[lane + {{HALF[level]}}u];
    //#end
  }
  workgroupBarrier();
  //#end
  if (lane > 0u) { return; }
  //#if TANH
  y[block] = hyperbolic(part[0]);
  //#else
  y[block] = part[0];
  //#end
}
