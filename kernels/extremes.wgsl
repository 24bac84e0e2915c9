// Smallest and largest partial sum of every (tile, digit, slice) over all positions and columns, for a dynamic ADC range.
alias Word = {{WORD}};
struct Params {
  positions: u32,
  groups: u32,
  tiles: u32,
  columns: u32,
  perGroup: u32,
  columnTiles: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bits: array<Word>; // [position][group][tile][bit][vector]
@group(0) @binding(2) var<storage, read> planes: array<Word>; // [tile][plane][vector][column]
@group(0) @binding(3) var<storage, read_write> extremes: array<atomic<i32>>; // [tile][digit][slice][lowest, highest]
@group(0) @binding(4) var<storage, read> counts: array<i32>; // as count.wgsl writes them
var<workgroup> found: array<atomic<i32>, {{EXTREMES}}>;

fn ones(word: Word) -> u32 {
  let c = countOneBits(word);
  return {{ADD_UP}};
}

@compute @workgroup_size({{LANES}})
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  for (var at = lane.x; at < {{EXTREMES}}u; at += {{LANES}}u) {
    atomicStore(&found[at], select(2147483647, -2147483647, (at & 1u) == 1u));
  }
  workgroupBarrier();
  let block = workgroup.x + workgroup.y * count.x;
  let column = (block % p.columnTiles) * {{LANES}}u + lane.x;
  let tile = block / p.columnTiles % p.tiles;
  let first = block / p.columnTiles / p.tiles * {{BLOCK}}u;
  if (column < p.columns && first < p.positions) {
    let group = column / p.perGroup;
    //#for k in SLICES
    {
      //#include PLANES_TEXT
      //#for z in DIGITS
      var low{{z}} = 2147483647;
      var high{{z}} = -2147483647;
      //#end
      for (var position = first; position < min(first + {{BLOCK}}u, p.positions); position++) {
        let place = position * p.groups + group;
        let base = (place * p.tiles + tile) * {{BITS}}u * {{VECTORS}}u;
        //#if SIGNED
        let digits = place * (p.tiles * {{DIGITS}}u + 1u) + tile * {{DIGITS}}u;
        //#end
        //#for z in DIGITS
        {
          //#include PARTIAL_TEXT
          low{{z}} = min(low{{z}}, d);
          high{{z}} = max(high{{z}}, d);
        }
        //#end
      }
      //#for z in DIGITS
      atomicMin(&found[({{z}}u * {{SLICES}}u + {{k}}u) * 2u], low{{z}});
      atomicMax(&found[({{z}}u * {{SLICES}}u + {{k}}u) * 2u + 1u], high{{z}});
      //#end
    }
    //#end
  }
  workgroupBarrier();
  for (var at = lane.x; at < {{EXTREMES}}u; at += {{LANES}}u) {
    let extreme = atomicLoad(&found[at]);
    if ((at & 1u) == 0u) { atomicMin(&extremes[tile * {{EXTREMES}}u + at], extreme); }
    else { atomicMax(&extremes[tile * {{EXTREMES}}u + at], extreme); }
  }
}
