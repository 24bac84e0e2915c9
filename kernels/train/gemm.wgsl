// Convolution as an implicit matrix product, for training: output, input gradient or weight gradient. A workgroup of 64 makes 64 × 64
// results, 8 × 8 per invocation; sixteen terms at a time lie in workgroup memory. Sizes are constants, so that divisions become shifts.
@group(0) @binding(0) var<storage, read> left: array<vec4<f32>>; // {{LEFT}}
@group(0) @binding(1) var<storage, read> right: array<vec4<f32>>; // {{RIGHT}}
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>; // [slice][row][column]
//#if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
//#end

var<workgroup> tileA: array<vec4<f32>, 256>; // [term][quad of rows]
var<workgroup> tileB: array<vec4<f32>, 256>; // [term][quad of columns]

struct Corner {
  image: u32,
  y: i32,
  x: i32,
}

//#if FORWARD
fn corner(row: u32) -> Corner {
  let line = row / {{OUT_WIDTH}}u;
  let y = i32((line % {{OUT_HEIGHT}}u) * {{STRIDE_Y}}u) - {{PADDING_Y}};
  let x = i32((row % {{OUT_WIDTH}}u) * {{STRIDE_X}}u) - {{PADDING_X}};
  return Corner(line / {{OUT_HEIGHT}}u, select(-1000000, y, row < {{ROWS}}u), x);
}
//#end
//#if INPUT
fn corner(row: u32) -> Corner {
  let line = row / {{WIDTH}}u;
  let y = i32(line % {{HEIGHT}}u) + {{PADDING_Y}};
  return Corner(line / {{HEIGHT}}u, select(-1000000, y, row < {{ROWS}}u), i32(row % {{WIDTH}}u) + {{PADDING_X}});
}
fn gradient(at: Corner, ky: u32, kx: u32, quad: u32) -> vec4<f32> {
  let y = at.y - i32(ky * {{DILATION_Y}}u);
  let x = at.x - i32(kx * {{DILATION_X}}u);
  if (y < 0 || x < 0) { return vec4<f32>(); }
  let oy = u32(y) / {{STRIDE_Y}}u;
  let ox = u32(x) / {{STRIDE_X}}u;
  if (oy * {{STRIDE_Y}}u != u32(y) || ox * {{STRIDE_X}}u != u32(x) || oy >= {{OUT_HEIGHT}}u || ox >= {{OUT_WIDTH}}u) { return vec4<f32>(); }
  return left[((at.image * {{OUT_HEIGHT}}u + oy) * {{OUT_WIDTH}}u + ox) * {{OUT_QUADS}}u + quad];
}
//#else
fn pixel(at: Corner, ky: u32, kx: u32, quad: u32) -> vec4<f32> {
  let y = at.y + i32(ky * {{DILATION_Y}}u);
  let x = at.x + i32(kx * {{DILATION_X}}u);
  if (y < 0 || x < 0 || y >= {{HEIGHT}} || x >= {{WIDTH}}) { return vec4<f32>(); }
  let value = left[((at.image * {{HEIGHT}}u + u32(y)) * {{WIDTH}}u + u32(x)) * {{IN_QUADS}}u + quad];
  //#if SQUARED
  return value * value;
  //#else
  return value;
  //#end
}
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let block = workgroup.x + workgroup.y * count.x;
  if (block >= {{BLOCKS}}u) { return; }
  let n0 = (block % {{COLUMN_TILES}}u) * 64u;
  let m0 = (block / {{COLUMN_TILES}}u % {{ROW_TILES}}u) * 64u;
  let group = block / {{TILES}}u % {{GROUPS}}u;
  let slice = block / {{GROUPED_TILES}}u;
  let first = slice * {{PER_SLICE}}u;
  let last = min(first + {{PER_SLICE}}u, {{TERMS}}u);
  let few = lane & 3u; // quad of terms that this invocation fetches for …
  let many = lane >> 2u; // … this quad of rows, or of columns
  let quad = lane & 15u; // or, where nothing is transposed, this quad …
  let term = lane >> 4u; // … of terms term, term + 4, …
  //#if WEIGHT
  let row = m0 + quad * 4u;
  let tap = row / {{DEPTH}}u;
  let source = (group * {{DEPTH}}u + row % {{DEPTH}}u) / 4u;
  let ky = tap / {{KERNEL_X}}u;
  let kx = tap % {{KERNEL_X}}u;
  //#else
  //#for i in FOUR
  let corner{{i}} = corner(m0 + many * 4u + {{i}}u);
  //#end
  //#end
  //#for h in EIGHT
  var s{{h}}0 = vec4<f32>();
  var s{{h}}1 = vec4<f32>();
  //#end
  for (var k0 = first; k0 < last; k0 += 16u) {
    //#if WEIGHT
    //#for i in FOUR
    var a{{i}} = vec4<f32>();
    var b{{i}} = vec4<f32>();
    {
      let position = k0 + term + {{i}}u * 4u;
      let line = position / {{OUT_WIDTH}}u;
      let oy = line % {{OUT_HEIGHT}}u;
      let ox = position % {{OUT_WIDTH}}u;
      let at = Corner(line / {{OUT_HEIGHT}}u, i32(oy * {{STRIDE_Y}}u) - {{PADDING_Y}}, i32(ox * {{STRIDE_X}}u) - {{PADDING_X}});
      if (position < last) {
        if (row < {{ROWS}}u) { a{{i}} = pixel(at, ky, kx, source); }
        if (n0 + quad * 4u < {{COLUMNS}}u) { b{{i}} = right[position * {{OUT_QUADS}}u + (group * {{COLUMNS}}u + n0) / 4u + quad]; }
      }
    }
    //#end
    //#else
    let k = k0 + few * 4u;
    let tap = k / {{INNER}}u;
    let source = (group * {{INNER}}u + k % {{INNER}}u) / 4u;
    let ky = tap / {{KERNEL_X}}u;
    let kx = tap % {{KERNEL_X}}u;
    //#for i in FOUR
    var a{{i}} = vec4<f32>();
    var b{{i}} = vec4<f32>();
    //#end
    if (k < last) {
      //#for i in FOUR
      a{{i}} = {{FETCH}}(corner{{i}}, ky, kx, source);
      //#end
    }
    //#if INPUT
    if (k < last) {
      //#for i in FOUR
      if (n0 + many * 4u + {{i}}u < {{COLUMNS}}u) {
        b{{i}} = right[(tap * {{DEPTH}}u + n0 + many * 4u + {{i}}u) * {{OUT_QUADS}}u + source];
        //#if SQUARED
        b{{i}} *= b{{i}};
        //#end
      }
      //#end
    }
    //#else
    if (n0 + quad * 4u < {{COLUMNS}}u) {
      //#for i in FOUR
      if (k0 + term + {{i}}u * 4u < last) {
        b{{i}} = right[(k0 + term + {{i}}u * 4u) * {{OUT_QUADS}}u + (group * {{COLUMNS}}u + n0) / 4u + quad];
      }
      //#end
    }
    //#end
    //#end
    workgroupBarrier();
    //#for i in FOUR
    //#if WEIGHT
    tileA[(term + {{i}}u * 4u) * 16u + quad] = a{{i}};
    //#else
    tileA[(few * 4u + {{i}}u) * 16u + many] = vec4<f32>(a0[{{i}}], a1[{{i}}], a2[{{i}}], a3[{{i}}]);
    //#end
    //#if INPUT
    tileB[(few * 4u + {{i}}u) * 16u + many] = vec4<f32>(b0[{{i}}], b1[{{i}}], b2[{{i}}], b3[{{i}}]);
    //#else
    tileB[(term + {{i}}u * 4u) * 16u + quad] = b{{i}};
    //#end
    //#end
    workgroupBarrier();
    for (var t = 0u; t < 256u; t += {{UNROLL}}u * 16u) {
      //#for u in UNROLL
      {
        let rows0 = tileA[t + {{u}}u * 16u + (lane >> 3u)];
        let rows1 = tileA[t + {{u}}u * 16u + (lane >> 3u) + 8u];
        let columns0 = tileB[t + {{u}}u * 16u + (lane & 7u)];
        let columns1 = tileB[t + {{u}}u * 16u + (lane & 7u) + 8u];
        //#for h in FOUR
        s{{h}}0 += rows0[{{h}}] * columns0;
        s{{h}}1 += rows0[{{h}}] * columns1;
        //#end
        s40 += rows1[0] * columns0;
        s41 += rows1[0] * columns1;
        s50 += rows1[1] * columns0;
        s51 += rows1[1] * columns1;
        s60 += rows1[2] * columns0;
        s61 += rows1[2] * columns1;
        s70 += rows1[3] * columns0;
        s71 += rows1[3] * columns1;
      }
      //#end
    }
  }
  let m = m0 + (lane >> 3u) * 4u;
  let n = n0 + (lane & 7u) * 4u;
  let column = (group * {{COLUMNS}}u + n) / 4u;
  let target_ = slice * {{SLICE_QUADS}}u + column;
  //#if BIAS
  var bias0 = vec4<f32>();
  var bias1 = vec4<f32>();
  if (n < {{COLUMNS}}u) { bias0 = bias[column]; }
  if (n + 32u < {{COLUMNS}}u) { bias1 = bias[column + 8u]; }
  //#else
  let bias0 = vec4<f32>();
  let bias1 = vec4<f32>();
  //#end
  //#for h in EIGHT
  {
    let at = m + {{ROW_OF[h]}}u;
    if (at < {{ROWS}}u) {
      if (n < {{COLUMNS}}u) { result[target_ + at * {{RESULT_QUADS}}u] = s{{h}}0 + bias0; }
      if (n + 32u < {{COLUMNS}}u) { result[target_ + at * {{RESULT_QUADS}}u + 8u] = s{{h}}1 + bias1; }
    }
  }
  //#end
}
