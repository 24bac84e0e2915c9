// Bit-serial crossbar: ROWS positions and one column per invocation; columns on lanes, cells in registers over all digits.
alias Word = {{WORD}};
struct Params {
  positions: u32,
  groups: u32,
  tiles: u32,
  columns: u32,
  perGroup: u32,
  columnTiles: u32,
  // The ADC: min(d, top), clamp(d, add, top), clamp((d · mul + add) >> shift, 0, top) · gain + offset, or table[d − offset].
  mul: i32,
  add: i32,
  shift: u32,
  top: i32,
  gain: i32,
  offset: i32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bits: array<Word>; // [position][group][tile][bit][vector]
@group(0) @binding(2) var<storage, read> planes: array<Word>; // [tile][plane][vector][column]
@group(0) @binding(3) var<storage, read_write> sums: array<{{SUM}}>; // [position][column]
@group(0) @binding(4) var<storage, read> counts: array<i32>; // as count.wgsl writes them
@group(0) @binding(5) var<storage, read> table: array<{{SUM}}>; // codes, or values of a dynamic range
@group(0) @binding(6) var<storage, read> starts: array<i32>; // [tile][digit][slice]: where in the table d = 0 stands

fn ones(word: Word) -> u32 {
  let c = countOneBits(word);
  return {{ADD_UP}};
}

//#include CONVERT_TEXT

@compute @workgroup_size({{LANES}})
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let block = workgroup.x + workgroup.y * count.x;
  let column = (block % p.columnTiles) * {{LANES}}u + lane.x;
  let first = (block / p.columnTiles) * {{ROWS}}u;
  if (column >= p.columns || first >= p.positions) { return; }
  //#if GROUPED
  let group = column / p.perGroup;
  //#else
  let group = 0u;
  //#end
  //#for i in ROWS
  let place{{i}} = min(first + {{i}}u, p.positions - 1u) * p.groups + group;
  //#if COUNTED
  let counts{{i}} = place{{i}} * (p.tiles * {{SIGNED}}u * {{DIGITS}}u + 1u);
  //#end
  //#if CORRECTED
  var out{{i}} = {{SUM}}(counts[counts{{i}} + p.tiles * {{SIGNED}}u * {{DIGITS}}u]) * {{CORRECTION}};
  //#else
  var out{{i}} = {{SUM}}(0);
  //#end
  //#end
  for (var tile = 0u; tile < p.tiles; tile++) {
    //#for k in SLICES
    {
      //#include PLANES_TEXT
      //#for i in ROWS
      {
        let base = (place{{i}} * p.tiles + tile) * {{BITS}}u * {{VECTORS}}u;
        //#if SIGNED
        let digits = counts{{i}} + tile * {{DIGITS}}u;
        //#end
        var slice = {{SUM}}(0);
        //#for z in DIGITS
        {
          //#include PARTIAL_TEXT
          //#if DYNAMIC
          slice += table[starts[(tile * {{DIGITS}}u + {{z}}u) * {{SLICES}}u + {{k}}u] + d];
          //#else
          slice += convert(d) * {{DIGIT_WEIGHT[z]}};
          //#end
        }
        //#end
        //#if DYNAMIC
        out{{i}} += slice;
        //#else
        out{{i}} += slice * {{SLICE_WEIGHT[k]}};
        //#end
      }
      //#end
    }
    //#end
  }
  //#for i in ROWS
  if (first + {{i}}u < p.positions) { sums[(first + {{i}}u) * p.columns + column] = out{{i}}; }
  //#end
}
