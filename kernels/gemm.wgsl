// Integer convolution as a product: a tile of positions and columns per workgroup, 16 rows per step, four i8 products per dot.
struct Params {
  positions: u32,
  columns: u32,
  perGroup: u32, // columns per group
  columnTiles: u32, // per group
  groups: u32,
  chunks: u32, // of 16 rows, per group
  begin: u32, // chunks begin … end − 1 are summed in this launch
  end: u32,
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
  fill: u32, // code outside the image, in all four bytes
  gate: u32, // unsafe tiles above which a gated product does nothing
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>; // four u8 per word
@group(0) @binding(2) var<storage, read> rows: array<vec2<u32>>; // per run: (dy << 16 | dx, channel), channel 0xffffffff for none
@group(0) @binding(3) var<storage, read> weights: array<vec4<u32>>; // [group][chunk][plane][column], four i8 per word
@group(0) @binding(4) var<storage, read> start: array<i32>; // [column]
@group(0) @binding(5) var<storage, read_write> sums: array<i32>; // [position][column]
//#if GATED
@group(0) @binding(6) var<storage, read> gate: array<u32>; // unsafe tiles, as unsafe.wgsl counts them
//#end

const HEIGHT = {{LANES_Y}}u * {{ROWS}}u;
const WIDTH = {{LANES_X}}u * {{COLUMNS}}u;
const LANES = {{LANES_X}}u * {{LANES_Y}}u;
var<workgroup> left: array<vec4<u32>, {{LEFT}}>; // [chunk][position]
var<workgroup> right: array<vec4<u32>, {{RIGHT}}>; // [chunk][plane][column]

fn dots(a: vec4<u32>, w: vec4<u32>) -> i32 {
  //#if PACKED
  return dot4I8Packed(a.x, w.x) + dot4I8Packed(a.y, w.y) + dot4I8Packed(a.z, w.z) + dot4I8Packed(a.w, w.w);
  //#else
  let e = vec4<u32>(24u);
  let c = (vec4<i32>(a << e) >> e) * (vec4<i32>(w << e) >> e) +
    (vec4<i32>(a << vec4<u32>(16u)) >> e) * (vec4<i32>(w << vec4<u32>(16u)) >> e) +
    (vec4<i32>(a << vec4<u32>(8u)) >> e) * (vec4<i32>(w << vec4<u32>(8u)) >> e) + (vec4<i32>(a) >> e) * (vec4<i32>(w) >> e);
  return c.x + c.y + c.z + c.w;
  //#end
}

// First byte of a run at a window whose corner is (y0, x0) in an image whose first line is `image`; 0xffffffff outside.
fn source(run: u32, y0: i32, x0: i32, image: u32, group: u32) -> u32 {
  let row = rows[run];
  let y = y0 + i32(row.x >> 16u);
  let x = x0 + i32(row.x & 0xffffu);
  if (row.y == 0xffffffffu || y < 0 || y >= i32(p.height) || x < 0 || x >= i32(p.width)) { return 0xffffffffu; }
  return ((image + u32(y)) * p.width + u32(x)) * p.channels + group * p.depth + row.y;
}

@compute @workgroup_size({{LANES_X}}, {{LANES_Y}})
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(local_invocation_index) own: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  //#if GATED
  if (gate[0] > p.gate) { return; }
  //#end
  let block = workgroup.x + workgroup.y * count.x;
  let group = block / p.columnTiles % p.groups;
  let first = block / p.columnTiles / p.groups * HEIGHT;
  let firstColumn = block % p.columnTiles * WIDTH;
  if (first >= p.positions) { return; }
  // LANES is a multiple of HEIGHT, so an invocation always gathers for the same position.
  let position = min(first + own % HEIGHT, p.positions - 1u);
  let x0 = i32((position % p.outWidth) * p.strideX) - i32(p.paddingX);
  let y0 = i32((position / p.outWidth % p.outHeight) * p.strideY) - i32(p.paddingY);
  let image = position / p.outWidth / p.outHeight * p.height;
  //#for i in ROWS
  //#for j in COLUMNS
  var o{{i}}_{{j}} = 0;
  //#end
  //#end
  for (var chunk = p.begin; chunk < p.end; chunk += {{DEPTH}}u) {
    for (var at = own; at < HEIGHT * {{DEPTH}}u; at += LANES) {
      let c = chunk + at / HEIGHT;
      var codes = vec4<u32>(p.fill);
      if (c < p.end) {
        //#if RUN16
        let s = source(c, y0, x0, image, group) >> 2u;
        if (s != 0x3fffffffu) { codes = vec4<u32>(x[s], x[s + 1u], x[s + 2u], x[s + 3u]); }
        //#end
        //#if RUN4
        //#for q in QUADS
        {
          let s = source(c * 4u + {{q}}u, y0, x0, image, group);
          if (s != 0xffffffffu) { codes[{{q}}] = x[s >> 2u]; }
        }
        //#end
        //#end
        //#if RUN1
        //#for q in QUADS
        for (var b = 0u; b < 4u; b++) {
          let s = source(c * 16u + {{q}}u * 4u + b, y0, x0, image, group);
          if (s != 0xffffffffu) {
            let code = (x[s >> 2u] >> ((s & 3u) * 8u)) & 255u;
            codes[{{q}}] = (codes[{{q}}] & ~(255u << (b * 8u))) | (code << (b * 8u));
          }
        }
        //#end
        //#end
      }
      // Codes less 128, as i8; `start` makes up for it.
      left[at] = codes ^ vec4<u32>(0x80808080u);
    }
    for (var at = own; at < WIDTH * {{DEPTH}}u * {{PLANES}}u; at += LANES) {
      let column = firstColumn + at % WIDTH;
      let c = chunk + at / WIDTH / {{PLANES}}u;
      var w = vec4<u32>(0u);
      if (c < p.end && column < p.perGroup) {
        w = weights[((group * p.chunks + c) * {{PLANES}}u + at / WIDTH % {{PLANES}}u) * p.perGroup + column];
      }
      right[at] = w;
    }
    workgroupBarrier();
    for (var c = 0u; c < {{DEPTH}}u; c++) {
      //#for i in ROWS
      let a{{i}} = left[c * HEIGHT + {{i}}u * {{LANES_Y}}u + lane.y];
      //#end
      //#for q in PLANES
      {
        //#for j in COLUMNS
        let w{{j}} = right[(c * {{PLANES}}u + {{q}}u) * WIDTH + {{j}}u * {{LANES_X}}u + lane.x];
        //#end
        //#for i in ROWS
        //#for j in COLUMNS
        o{{i}}_{{j}} += dots(a{{i}}, w{{j}}) << (8u * {{q}}u);
        //#end
        //#end
      }
      //#end
    }
    workgroupBarrier();
  }
  //#for i in ROWS
  {
    let m = first + {{i}}u * {{LANES_Y}}u + lane.y;
    //#for j in COLUMNS
    {
      let n = firstColumn + {{j}}u * {{LANES_X}}u + lane.x;
      if (m < p.positions && n < p.perGroup) {
        let at = m * p.columns + group * p.perGroup + n;
        if (p.begin == 0u) { sums[at] = start[group * p.perGroup + n] + o{{i}}_{{j}}; } else { sums[at] += o{{i}}_{{j}}; }
      }
    }
    //#end
  }
  //#end
}
