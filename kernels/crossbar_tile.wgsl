// Bit-serial crossbar by tiles: bits of HEIGHT positions and planes of WIDTH columns in workgroup memory, ROWS × COLUMNS sums in registers.
//#include COMMON_TEXT

const HEIGHT = {{LANES_Y}}u * {{ROWS}}u;
const WIDTH = {{LANES_X}}u * {{COLUMNS}}u;
const LANES = {{LANES_X}}u * {{LANES_Y}}u;
const BIT_WORDS = {{BITS}}u * {{VECTORS}}u;
const PLANE_WORDS = {{ALL_PLANES}}u * {{VECTORS}}u;
var<workgroup> left: array<Word, {{LEFT}}>; // [bit][vector][position]
var<workgroup> right: array<Word, {{RIGHT}}>; // [plane][vector][column]

@compute @workgroup_size({{LANES_X}}, {{LANES_Y}})
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(local_invocation_index) own: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  //#if GATED
  if ((gate[0] > p.gate) != {{ABOVE}}) { return; }
  //#end
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
