// Sum of each input digit over the rows of a tile, for cells below zero and the digital correction.
struct Params {
  cells: u32, // positions · groups · tiles
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bits: array<u32>; // [position][group][tile][bit][word]
@group(0) @binding(2) var<storage, read_write> counts: array<i32>; // [position][group][tile][digit]

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let cell = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  if (cell >= p.cells) { return; }
  let base = cell * {{BITS}}u * {{WORDS}}u;
  //#for z in DIGITS
  var x{{z}} = 0u;
  //#end
  for (var word = 0u; word < {{WORDS}}u; word++) {
    //#for z in DIGITS
    //#for b in DIGIT_BITS[z]
    x{{z}} += countOneBits(bits[base + ({{FIRST_BIT[z]}}u + {{b}}u) * {{WORDS}}u + word]) << {{b}}u;
    //#end
    //#end
  }
  //#for z in DIGITS
  counts[cell * {{DIGITS}}u + {{z}}u] = i32(x{{z}});
  //#end
}
