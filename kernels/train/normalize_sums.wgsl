// Sums over the positions of a batch, per channel, in jobs of consecutive positions: one job and quad of channels per invocation.
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<vec4<f32>>; // [job][kind][quad]
//#if BACKWARD
@group(0) @binding(2) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>; // [row][quad]
@group(0) @binding(4) var<storage, read> alpha: array<f32>;
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (at >= {{JOBS}}u * {{QUADS}}u) { return; }
  let job = at / {{QUADS}}u;
  let quad = at % {{QUADS}}u;
  let last = min((job + 1u) * {{EACH}}u, {{POSITIONS}}u);
  var first = vec4<f32>();
  var second = vec4<f32>();
  //#if BACKWARD
  var third = vec4<f32>();
  let scale = table[quad];
  let shift = table[{{QUADS}}u + quad];
  let inverse = table[5u * {{QUADS}}u + quad];
  let offset = table[6u * {{QUADS}}u + quad];
  let clip = vec4<f32>(alpha[0]);
  //#end
  for (var position = job * {{EACH}}u; position < last; position++) {
    let value = x[position * {{QUADS}}u + quad];
    //#if BACKWARD
    let z = value * scale + shift;
    let given = gradient[position * {{QUADS}}u + quad];
    let passed = select(vec4<f32>(), given, {{INSIDE}});
    first += passed;
    second += passed * (value * inverse + offset);
    //#if ROUNDED
    let code = clamp(z, vec4<f32>(), clip) * (f32({{LEVELS}}) / clip);
    third += given * select((round(code) - code) / f32({{LEVELS}}), vec4<f32>(1.0), z >= clip);
    //#else
    //#if QUANTIZED
    third += select(vec4<f32>(), given, z >= clip);
    //#end
    //#end
    //#else
    first += value;
    second += value * value;
    //#end
  }
  sums[(job * {{KINDS}}u) * {{QUADS}}u + quad] = first;
  sums[(job * {{KINDS}}u + 1u) * {{QUADS}}u + quad] = second;
  //#if BACKWARD
  sums[(job * {{KINDS}}u + 2u) * {{QUADS}}u + quad] = third * f32({{FACTOR}});
  //#end
}
