// Softmax cross-entropy: loss, hit and gradient of one image per workgroup.
@group(0) @binding(0) var<storage, read> logits: array<f32>; // [image][padded classes]
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> results: array<vec2<f32>>; // loss, hit

var<workgroup> peaks: array<f32, 64>;
var<workgroup> places: array<u32, 64>;
var<workgroup> totals: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let image = workgroup.x + workgroup.y * count.x;
  if (image >= {{BATCH}}u) { return; }
  let row = image * {{PADDED}}u;
  var best = -3.0e38;
  var place = {{CLASSES}}u;
  for (var c = lane; c < {{CLASSES}}u; c += 64u) {
    if (logits[row + c] > best) {
      best = logits[row + c];
      place = c;
    }
  }
  peaks[lane] = best;
  places[lane] = place;
  workgroupBarrier();
  //#for level in SIX
  if (lane < {{HALF[level]}}u) {
    let other = lane + {{HALF[level]}}u;
    if (peaks[other] > peaks[lane] || (peaks[other] == peaks[lane] && places[other] < places[lane])) {
      peaks[lane] = peaks[other];
      places[lane] = places[other];
    }
  }
  workgroupBarrier();
  //#end
  let peak = peaks[0];
  var total = 0.0;
  for (var c = lane; c < {{CLASSES}}u; c += 64u) { total += exp(logits[row + c] - peak); }
  totals[lane] = total;
  workgroupBarrier();
  //#for level in SIX
  if (lane < {{HALF[level]}}u) { totals[lane] += totals[lane + {{HALF[level]}}u]; }
  workgroupBarrier();
  //#end
  let all = log(totals[0]);
  workgroupBarrier();
  let label = labels[image];
  var loss = 0.0;
  for (var c = lane; c < {{CLASSES}}u; c += 64u) {
    let logarithm = logits[row + c] - peak - all;
    let wanted = select(0.0, 1.0 - f32({{SMOOTHING}}), c == label) + f32({{SMOOTHING}}) / {{CLASSES}}.0;
    loss -= wanted * logarithm;
    gradient[row + c] = (exp(logarithm) - wanted) / {{BATCH}}.0;
  }
  totals[lane] = loss;
  workgroupBarrier();
  //#for level in SIX
  if (lane < {{HALF[level]}}u) { totals[lane] += totals[lane + {{HALF[level]}}u]; }
  workgroupBarrier();
  //#end
  if (lane == 0u) { results[image] = vec2<f32>(totals[0], select(0.0, 1.0, places[0] == label)); }
}
