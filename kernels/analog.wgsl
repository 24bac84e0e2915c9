// Crossbar of fixed-point conductances by tiles: codes of HEIGHT positions and cells of WIDTH columns in workgroup memory, the sums of all
// digits of ROWS × COLUMNS results in registers; noise and conversion where the sums end. The sums: analog_products.wgsl or analog_planes.wgsl.
// Where each drive level has cells of its own (DRIVEN), a row is a row of the array and one of its levels, and its digits are 1 or 0.
struct Params {
  positions: u32,
  perImage: u32, // positions of an image
  columns: u32,
  perGroup: u32, // columns per group
  columnTiles: u32, // per group
  lines: u32,
  rows: u32, // per group
  tiles: u32,
  // This launch: groups, lines and tiles from … to; `cells` and `variance` start at row `skipped` of [group][line][row].
  groupFrom: u32,
  groups: u32,
  lineFrom: u32,
  lineTo: u32,
  tileFrom: u32,
  tileTo: u32,
  skipped: u32,
  resumed: u32, // adds to what an earlier launch left
  channels: u32,
  depth: u32, // channels per group
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  strideY: u32,
  strideX: u32,
  paddingY: u32,
  paddingX: u32,
  top: i32, // largest code, and number of thresholds
  search: u32, // largest power of two up to `top`
  perColumn: u32, // thresholds of [group][line][column] rather than [line]
  correction: i32, // bits of an f32 without a converter
  seed: u32, // hash of the step's key
  planes: u32, // i8 planes of the cells
  firstImage: u32, // number of the batch's first image in the data set
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>; // four u8 per word
@group(0) @binding(2) var<storage, read> sources: array<vec2<u32>>; // per row, or RUN4 per four of them: (dy << 16 | dx, channel)
@group(0) @binding(3) var<storage, read> cells: array<i32>; // [group][line][row][column]
@group(0) @binding(4) var<storage, read> table: array<i32>; // as lib/simulate/webgpu/analog_table.ts makes it
@group(0) @binding(5) var<storage, read> offsets: array<i32>; // [group][line][tile][column]
@group(0) @binding(6) var<storage, read> variance: array<u32>; // as cells, four u8 per word
@group(0) @binding(7) var<storage, read_write> sums: array<{{SUM}}>; // [position][column]

const HEIGHT = {{LANES_Y}}u * {{ROWS}}u;
const WIDTH = {{LANES_X}}u * {{COLUMNS}}u;
const LANES = {{LANES_X}}u * {{LANES_Y}}u;
const SPREAD = 0x85ebca6bu;
//#if PLANES
var<workgroup> left: array<u32, {{LEFT}}>; // [digit][quad][position]: digits of four rows, or their squares
var<workgroup> right: array<u32, {{RIGHT}}>; // [quad][column]: one i8 plane of the cells of four rows, or their variance
//#else
var<workgroup> left: array<u32, {{LEFT}}>; // [quad][position]: codes of four rows
var<workgroup> right: array<vec4<i32>, {{RIGHT}}>; // [quad][column]: cells of four rows
//#if VARIED
var<workgroup> spread: array<u32, {{RIGHT}}>; // [quad][column]: variance of four rows
//#end
//#end
//#if NOISY
var<workgroup> pairs: array<i32, 256>; // quantiles of two nibbles, added up

fn mix(value: u32) -> u32 {
  let y = (value ^ (value >> 16u)) * 0x21f0aaadu;
  let z = (y ^ (y >> 15u)) * 0x735a2d97u;
  return z ^ (z >> 15u);
}

fn noise(bits: u32, deviation: i32, digits: u32) -> i32 {
  let draw = pairs[bits & 255u] + pairs[(bits >> 8u) & 255u] + pairs[(bits >> 16u) & 255u] + pairs[bits >> 24u];
  return (deviation * draw + (1i << (digits - 1u))) >> digits;
}

// ⌈(high · 2^16 + low) / 2^shift⌉, at most LEVELS; low is below 2^16, shift below 48.
fn level(high: u32, low: u32, shift: u32) -> u32 {
  if (shift >= 16u) {
    let rest = (high & ((1u << (shift - 16u)) - 1u)) | low;
    return min((high >> (shift - 16u)) + select(0u, 1u, rest != 0u), {{LEVELS}}u);
  }
  // More than 2^13 · 2^16 is the last level at any such shift.
  return min((((min(high, 0x1fffu) << 16u) | low) + (1u << shift) - 1u) >> shift, {{LEVELS}}u);
}
//#end

//#if THRESHOLDS
// How many of the ascending thresholds from table[base] on d reaches.
fn reached(d: i32, base: u32) -> u32 {
  var count = 0u;
  for (var step = p.search; step > 0u; step >>= 1u) {
    if (count + step <= u32(p.top) && d >= table[base + min(count + step, u32(p.top)) - 1u]) { count += step; }
  }
  return count;
}
//#end

// First byte of a row at a window whose corner is (y0, x0) in an image whose first line is `image`; 0xffffffff outside.
fn source(at: u32, y0: i32, x0: i32, image: u32, group: u32) -> u32 {
  let row = sources[at];
  let y = y0 + i32(row.x >> 16u);
  let x = x0 + i32(row.x & 0xffffu);
  if (y < 0 || y >= i32(p.height) || x < 0 || x >= i32(p.width)) { return 0xffffffffu; }
  return ((image + u32(y)) * p.width + u32(x)) * p.channels + group * p.depth + row.y;
}

//#if PLANES
// The byte of a plane, as bits of an i8.
fn planeOf(cell: i32, plane: u32) -> u32 {
  return (((bitcast<u32>(cell) + 0x80808080u) >> (plane * 8u)) & 255u) ^ 128u;
}

// Squares of four bytes below 16.
fn squares(e: u32) -> u32 {
  let two = e & 0x00ff00ffu;
  let others = (e >> 8u) & 0x00ff00ffu;
  let low = (two & 255u) * (two & 255u) | ((two >> 16u) * (two >> 16u)) << 16u;
  return low | ((others & 255u) * (others & 255u)) << 8u | ((others >> 16u) * (others >> 16u)) << 24u;
}
//#end

//#if DRIVEN
// Digits of a code that are `level`, as ones where they begin.
fn oneHot(code: u32, level: u32) -> u32 {
  var ones = 0u;
  //#for z in DIGITS
  ones |= select(0u, 1u << {{BYTE0[z]}}u, ((code >> {{BYTE0[z]}}u) & {{MASK[z]}}u) == level);
  //#end
  return ones;
}
//#end

// Codes of the four rows from `row` on, 0 from `end` on and outside the image.
fn codesOf(row: u32, end: u32, y0: i32, x0: i32, image: u32, group: u32) -> u32 {
  var codes = 0u;
  //#if RUN4
  if (row < end) {
    let s = source(row >> 2u, y0, x0, image, group);
    if (s != 0xffffffffu) { codes = x[s >> 2u]; }
  }
  //#else
  //#for r in QUAD
  if (row + {{r}}u < end) {
    //#if DRIVEN
    let s = source((row + {{r}}u) / {{DRIVES}}u, y0, x0, image, group);
    if (s != 0xffffffffu) {
      codes |= oneHot((x[s >> 2u] >> ((s & 3u) * 8u)) & 255u, (row + {{r}}u) % {{DRIVES}}u + 1u) << ({{r}}u * 8u);
    }
    //#else
    let s = source(row + {{r}}u, y0, x0, image, group);
    if (s != 0xffffffffu) { codes |= ((x[s >> 2u] >> ((s & 3u) * 8u)) & 255u) << ({{r}}u * 8u); }
    //#end
  }
  //#end
  //#end
  return codes;
}

@compute @workgroup_size({{LANES_X}}, {{LANES_Y}})
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(local_invocation_index) own: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let block = workgroup.x + workgroup.y * count.x;
  let group = p.groupFrom + block / p.columnTiles % p.groups;
  let first = block / p.columnTiles / p.groups * HEIGHT;
  let firstColumn = block % p.columnTiles * WIDTH;
  if (first >= p.positions) { return; }
  //#if NOISY
  for (var at = own; at < 256u; at += LANES) { pairs[at] = table[at]; }
  workgroupBarrier();
  //#end
  // LANES is a multiple of HEIGHT, so an invocation always gathers for the same position.
  let position = min(first + own % HEIGHT, p.positions - 1u);
  let x0 = i32((position % p.outWidth) * p.strideX) - i32(p.paddingX);
  let y0 = i32((position / p.outWidth % p.outHeight) * p.strideY) - i32(p.paddingY);
  let image = position / p.perImage * p.height;
  //#for j in COLUMNS
  let n{{j}} = min(firstColumn + {{j}}u * {{LANES_X}}u + lane.x, p.perGroup - 1u);
  //#end
  //#for i in ROWS
  let m{{i}} = min(first + {{i}}u * {{LANES_Y}}u + lane.y, p.positions - 1u);
  //#if NOISY
  let h{{i}} = mix(mix(p.seed ^ mix(p.firstImage + m{{i}} / p.perImage + SPREAD)) ^ mix(m{{i}} % p.perImage + SPREAD));
  //#end
  //#if CORRECTED
  var q{{i}} = 0u;
  //#end
  //#for j in COLUMNS
  var o{{i}}_{{j}} = {{SUM}}(0);
  //#end
  //#end
  for (var tile = p.tileFrom; tile < p.tileTo; tile++) {
    let begin = u32(table[{{TILES_AT}}u + p.lines * 8u + tile]);
    let end = u32(table[{{TILES_AT}}u + p.lines * 8u + tile + 1u]);
    for (var line = p.lineFrom; line < p.lineTo; line++) {
      let plane = group * p.lines + line;
      //#for j in COLUMNS
      //#if OFFSET
      let start{{j}} = offsets[(plane * p.tiles + tile) * p.perGroup + n{{j}}];
      //#else
      let start{{j}} = 0;
      //#end
      //#for i in ROWS
      //#for z in DIGITS
      //#if PLANES
      var d{{i}}_{{j}}_{{z}} = 0;
      //#else
      var d{{i}}_{{j}}_{{z}} = start{{j}};
      //#end
      //#if VARIED
      var v{{i}}_{{j}}_{{z}} = 0u;
      //#if WIDE
      var u{{i}}_{{j}}_{{z}} = 0u;
      //#end
      //#end
      //#end
      //#end
      //#end
      //#include SUMS_TEXT
      let own8 = {{TILES_AT}}u + line * 8u;
      let weight = table[own8];
      //#if UNIFORM
      let shift = u32(table[own8 + 1u]);
      let half = table[own8 + 2u];
      let even = table[own8 + 3u];
      let least = table[own8 + 4u];
      //#end
      //#if THRESHOLDS
      let codesAt = u32(table[own8 + 1u]);
      let thresholdsAt = u32(table[own8 + 2u]);
      //#end
      //#if NOISY
      let digits = u32(table[own8 + 5u]);
      let levelShift = u32(table[own8 + 6u]);
      let deviationsAt = u32(table[own8 + 7u]);
      //#end
      for (var z = 0u; z < {{DIGITS}}u; z++) {
        //#if NOISY
        let conversion = mix((tile * {{DIGITS}}u + z) * p.lines + line + SPREAD);
        //#end
        //#for i in ROWS
        {
          //#if NOISY
          let key = mix(h{{i}} ^ conversion);
          //#end
          //#for j in COLUMNS
          {
            var d = d{{i}}_{{j}}_0;
            //#if NOISY
            //#if VARIED
            //#if WIDE
            let v = deviationsAt + level(u{{i}}_{{j}}_0, v{{i}}_{{j}}_0, levelShift);
            //#else
            let v = deviationsAt + level(v{{i}}_{{j}}_0 >> 16u, v{{i}}_{{j}}_0 & 0xffffu, levelShift);
            //#end
            //#else
            let v = deviationsAt;
            //#end
            d += noise(mix(key + (group * p.perGroup + n{{j}}) * 0x9e3779b9u), table[v], digits);
            //#end
            //#if UNIFORM
            let code = clamp((d + half + ((d >> shift) & even)) >> shift, 0, p.top) + least;
            o{{i}}_{{j}} += (code * weight) << (z * {{DIGIT}}u);
            //#end
            //#if THRESHOLDS
            let code = table[codesAt + reached(d, thresholdsAt + p.perColumn * u32(p.top) * (plane * p.perGroup + n{{j}}))];
            o{{i}}_{{j}} += (code * weight) << (z * {{DIGIT}}u);
            //#end
            //#if REAL
            o{{i}}_{{j}} += f32(d) * (bitcast<f32>(weight) * f32(1u << (z * {{DIGIT}}u)));
            //#end
          }
          //#end
        }
        //#end
        // The next digit's sums move up, so that the text above stands only once.
        //#for i in ROWS
        //#for j in COLUMNS
        //#for y in MOVES
        d{{i}}_{{j}}_{{y}} = d{{i}}_{{j}}_{{NEXT[y]}};
        //#if VARIED
        v{{i}}_{{j}}_{{y}} = v{{i}}_{{j}}_{{NEXT[y]}};
        //#if WIDE
        u{{i}}_{{j}}_{{y}} = u{{i}}_{{j}}_{{NEXT[y]}};
        //#end
        //#end
        //#end
        //#end
        //#end
      }
    }
  }
  //#for i in ROWS
  {
    let m = first + {{i}}u * {{LANES_Y}}u + lane.y;
    //#for j in COLUMNS
    {
      let n = firstColumn + {{j}}u * {{LANES_X}}u + lane.x;
      if (m < p.positions && n < p.perGroup) {
        let at = m * p.columns + group * p.perGroup + n;
        var total = o{{i}}_{{j}};
        //#if CORRECTED
        //#if REAL
        total += bitcast<f32>(p.correction) * f32(q{{i}});
        //#else
        total += p.correction * i32(q{{i}});
        //#end
        //#end
        if (p.resumed != 0u) { total += sums[at]; }
        sums[at] = total;
      }
    }
    //#end
  }
  //#end
}
