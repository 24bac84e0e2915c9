// Bit-serial crossbar by tiles: bits of HEIGHT positions and planes of WIDTH columns in workgroup memory, ROWS × COLUMNS sums in registers.
alias Word = {{WORD}};
struct Params {
  positions: u32,
  groups: u32,
  tiles: u32,
  columns: u32,
  perGroup: u32,
  columnTiles: u32, // per group
  // The ADC, as in crossbar.wgsl.
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

const HEIGHT = {{LANES_Y}}u * {{ROWS}}u;
const WIDTH = {{LANES_X}}u * {{COLUMNS}}u;
const LANES = {{LANES_X}}u * {{LANES_Y}}u;
const BIT_WORDS = {{BITS}}u * {{VECTORS}}u;
const PLANE_WORDS = {{ALL_PLANES}}u * {{VECTORS}}u;
var<workgroup> left: array<Word, {{LEFT}}>; // [bit][vector][position]
var<workgroup> right: array<Word, {{RIGHT}}>; // [plane][vector][column]

fn ones(word: Word) -> u32 {
  let c = countOneBits(word);
  return {{ADD_UP}};
}

//#include CONVERT_TEXT

@compute @workgroup_size({{LANES_X}}, {{LANES_Y}})
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(local_invocation_index) own: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let block = workgroup.x + workgroup.y * count.x;
  let group = block / p.columnTiles % p.groups;
  let first = block / p.columnTiles / p.groups * HEIGHT;
  let firstColumn = block % p.columnTiles * WIDTH;
  if (first >= p.positions) { return; }
  //#for i in ROWS
  let place{{i}} = min(first + {{i}}u * {{LANES_Y}}u + lane.y, p.positions - 1u) * p.groups + group;
  //#if COUNTED
  let counts{{i}} = place{{i}} * (p.tiles * {{SIGNED}}u * {{DIGITS}}u + 1u);
  //#end
  //#if CORRECTED
  let correction{{i}} = {{SUM}}(counts[counts{{i}} + p.tiles * {{SIGNED}}u * {{DIGITS}}u]) * {{CORRECTION}};
  //#else
  let correction{{i}} = {{SUM}}(0);
  //#end
  //#for j in COLUMNS
  var o{{i}}_{{j}} = correction{{i}};
  //#end
  //#end
  for (var tile = 0u; tile < p.tiles; tile++) {
    for (var at = own; at < HEIGHT * BIT_WORDS; at += LANES) {
      let place = min(first + at / BIT_WORDS, p.positions - 1u) * p.groups + group;
      left[at % BIT_WORDS * HEIGHT + at / BIT_WORDS] = bits[(place * p.tiles + tile) * BIT_WORDS + at % BIT_WORDS];
    }
    for (var at = own; at < WIDTH * PLANE_WORDS; at += LANES) {
      let column = group * p.perGroup + min(firstColumn + at % WIDTH, p.perGroup - 1u);
      right[at] = planes[(tile * PLANE_WORDS + at / WIDTH) * p.columns + column];
    }
    workgroupBarrier();
    //#for k in SLICES
    {
      //#if DYNAMIC
      //#for i in ROWS
      //#for j in COLUMNS
      var s{{i}}_{{j}} = 0.0;
      //#end
      //#end
      //#end
      for (var z = 0u; z < {{DIGITS}}u; z++) {
        //#for i in ROWS
        //#for j in COLUMNS
        var d{{i}}_{{j}} = 0u;
        //#end
        //#end
        //#for b in DIGIT
        //#if RAGGED
        if (z * {{DIGIT}}u + {{b}}u < {{BITS}}u) {
        //#end
        //#for v in VECTORS
        {
          //#for i in ROWS
          let a{{i}} = left[((z * {{DIGIT}}u + {{b}}u) * {{VECTORS}}u + {{v}}u) * HEIGHT + {{i}}u * {{LANES_Y}}u + lane.y];
          //#end
          //#for q in PLANES[k]
          {
            //#for j in COLUMNS
            let w{{j}} = right[(({{FIRST_PLANE[k]}}u + {{q}}u) * {{VECTORS}}u + {{v}}u) * WIDTH + {{j}}u * {{LANES_X}}u + lane.x];
            //#end
            //#for i in ROWS
            //#for j in COLUMNS
            d{{i}}_{{j}} += ones(a{{i}} & w{{j}}) << ({{b}}u + {{q}}u);
            //#end
            //#end
          }
          //#end
        }
        //#end
        //#if RAGGED
        }
        //#end
        //#end
        //#for i in ROWS
        {
          //#if SIGNED
          let least = {{LOWEST[k]}} * counts[counts{{i}} + tile * {{DIGITS}}u + z];
          //#else
          let least = 0;
          //#end
          //#for j in COLUMNS
          //#if DYNAMIC
          s{{i}}_{{j}} += table[starts[(tile * {{DIGITS}}u + z) * {{SLICES}}u + {{k}}u] + i32(d{{i}}_{{j}}) * {{FACTOR[k]}} + least];
          //#else
          o{{i}}_{{j}} += (convert(i32(d{{i}}_{{j}}) * {{FACTOR[k]}} + least) * {{SLICE_WEIGHT[k]}}) << (z * {{DIGIT}}u);
          //#end
          //#end
        }
        //#end
      }
      //#if DYNAMIC
      //#for i in ROWS
      //#for j in COLUMNS
      o{{i}}_{{j}} += s{{i}}_{{j}};
      //#end
      //#end
      //#end
    }
    //#end
    workgroupBarrier();
  }
  //#for i in ROWS
  {
    let m = first + {{i}}u * {{LANES_Y}}u + lane.y;
    //#for j in COLUMNS
    {
      let n = firstColumn + {{j}}u * {{LANES_X}}u + lane.x;
      if (m < p.positions && n < p.perGroup) { sums[m * p.columns + group * p.perGroup + n] = o{{i}}_{{j}}; }
    }
    //#end
  }
  //#end
}
