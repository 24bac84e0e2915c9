// What each weight adds to the gradient of its quantisation step, summed over a chunk of rows: one column per invocation.
@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>; // of the quantised weights
@group(0) @binding(2) var<storage, read> steps: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>; // [column][chunk]

//#include REAL

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let mine = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (mine >= {{CHUNKS}}u * {{LAYOUT_COLUMNS}}u) { return; }
  let column = mine % {{LAYOUT_COLUMNS}}u;
  let chunk = mine / {{LAYOUT_COLUMNS}}u;
  var total = 0.0;
  for (var row = chunk * {{EACH}}u; row < min((chunk + 1u) * {{EACH}}u, {{ROWS}}u); row++) {
    let at = row * {{LAYOUT_COLUMNS}}u + column;
    if (!real(at)) { continue; }
    let place = values[at] / steps[{{STEP_AT}}];
    var slope = round(place) - place;
    if (place <= f32({{LOW}})) { slope = f32({{LOW}}); }
    if (place >= f32({{HIGH}})) { slope = f32({{HIGH}}); }
    total += gradient[at] * slope;
  }
  sums[column * {{CHUNKS}}u + chunk] = total * f32({{FACTOR}});
}
