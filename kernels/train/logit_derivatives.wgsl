// First or second derivatives of the cross-entropy of each image with respect to its logits: one image per invocation. The probability of
// all classes but the likeliest is a sum of its own, so that 1 - p keeps its digits where p is nearly 1.
@group(0) @binding(0) var<storage, read> logits: array<f32>; // [image][padded classes]
@group(0) @binding(1) var<storage, read> labels: array<u32>; // {{NONE}}: no image
@group(0) @binding(2) var<storage, read_write> derivatives: array<f32>; // [image][padded classes]

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let image = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (image >= {{BATCH}}u) { return; }
  let row = image * {{PADDED}}u;
  let label = labels[image];
  var place = 0u;
  for (var c = 1u; c < {{CLASSES}}u; c++) { place = select(place, c, logits[row + c] > logits[row + place]); }
  let peak = logits[row + place];
  var others = 0.0;
  for (var c = 0u; c < {{CLASSES}}u; c++) {
    if (c != place) { others += exp(logits[row + c] - peak); }
  }
  for (var c = 0u; c < {{CLASSES}}u; c++) {
    let share = exp(logits[row + c] - peak) / (1.0 + others);
    let rest = select(1.0 - share, others / (1.0 + others), c == place);
    //#if SECOND
    let value = share * rest;
    //#else
    let value = select(share, -rest, c == label);
    //#end
    derivatives[row + c] = select(0.0, value, label != {{NONE}}u);
  }
}
