// Sums of the input digits over each tile (for cells below zero) and of the codes over all rows (for the digital correction).
struct Params {
  places: u32, // positions · groups
  tiles: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bits: array<u32>; // [place][tile][bit][word]
@group(0) @binding(2) var<storage, read_write> counts: array<i32>; // [place]: [tile][digit] if cells are signed, then the total

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let place = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  if (place >= p.places) { return; }
  let to = place * (p.tiles * {{SIGNED}}u * {{DIGITS}}u + 1u);
  var total = 0u;
  for (var tile = 0u; tile < p.tiles; tile++) {
    let base = (place * p.tiles + tile) * {{BITS}}u * {{WORDS}}u;
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
    total += x{{z}} * {{DIGIT_WEIGHT[z]}}u;
    //#if SIGNED
    counts[to + tile * {{DIGITS}}u + {{z}}u] = i32(x{{z}});
    //#end
    //#end
  }
  counts[to + p.tiles * {{SIGNED}}u * {{DIGITS}}u] = i32(total);
}
