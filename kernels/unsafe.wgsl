// Tiles in which a conversion may clip: some digit's sum is above the limit that is safe for all columns. One bit per tile, and the number of them.
struct Params {
  places: u32, // positions · groups
  groups: u32,
  tiles: u32,
  flagWords: u32, // per place
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bits: array<u32>; // [place][tile][bit][word]
@group(0) @binding(2) var<storage, read> limits: array<i32>; // [group][tile]
@group(0) @binding(3) var<storage, read_write> flags: array<u32>; // [place][flag word]
@group(0) @binding(4) var<storage, read_write> gate: array<atomic<u32>>;
var<workgroup> found: atomic<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let place = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  var marked = 0u;
  if (place < p.places) {
    let group = place % p.groups;
    var flag = 0u;
    for (var tile = 0u; tile < p.tiles; tile++) {
      let base = (place * p.tiles + tile) * {{BITS}}u * {{WORDS}}u;
      var most = 0u;
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
      most = max(most, x{{z}});
      //#end
      if (i32(most) > limits[group * p.tiles + tile]) { flag |= 1u << (tile & 31u); }
      if ((tile & 31u) == 31u || tile + 1u == p.tiles) {
        flags[place * p.flagWords + (tile >> 5u)] = flag;
        marked += countOneBits(flag);
        flag = 0u;
      }
    }
  }
  atomicAdd(&found, marked);
  workgroupBarrier();
  if (lane.x == 0u) { atomicAdd(&gate[0], atomicLoad(&found)); }
}
