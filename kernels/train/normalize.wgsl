// Batch norm, ReLU and quantisation applied to one quad of channels per invocation, forward or backward.
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> table: array<vec4<f32>>; // [row][quad]
@group(0) @binding(3) var<storage, read> alpha: array<f32>;
//#if BACKWARD
@group(0) @binding(4) var<storage, read> gradient: array<vec4<f32>>;
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (at >= {{POSITIONS}}u * {{QUADS}}u) { return; }
  let quad = at % {{QUADS}}u;
  let clip = vec4<f32>(alpha[0]);
  let value = x[at];
  let z = value * table[quad] + table[{{QUADS}}u + quad];
  //#if BACKWARD
  let passed = select(vec4<f32>(), gradient[at], {{INSIDE}});
  //#if SLOPE
  y[at] = passed * {{SLOPE}};
  //#else
  let normal = value * table[5u * {{QUADS}}u + quad] + table[6u * {{QUADS}}u + quad];
  y[at] = passed * table[7u * {{QUADS}}u + quad] + normal * table[8u * {{QUADS}}u + quad] + table[9u * {{QUADS}}u + quad];
  //#end
  //#else
  //#if RELU
  let active_ = max(z, vec4<f32>());
  //#else
  let active_ = z;
  //#end
  //#if QUANTIZED
  y[at] = round(min(active_, clip) * (f32({{LEVELS}}) / clip)) * (clip / f32({{LEVELS}}));
  //#else
  y[at] = active_;
  //#end
  //#end
}
