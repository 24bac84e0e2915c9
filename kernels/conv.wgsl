// Direct convolution: one column and four positions (the four components of every vec4) per invocation.
struct Params {
  positions: u32,
  columns: u32,
  perGroup: u32, // columns per group
  columnTiles: u32,
  channels: u32,
  depth: u32, // channels per group
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  kernelY: u32,
  kernelX: u32,
  strideY: u32,
  strideX: u32,
  paddingY: u32,
  paddingX: u32,
  dilationY: u32,
  dilationX: u32,
  zero: i32,
  rows: u32, // rows per group, integer weights: pairs of rows per group
  first: u32, // channels first … last − 1 are summed in this launch
  last: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
//#if FLOAT
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>; // [group][row][column]
//#else
@group(0) @binding(1) var<storage, read> x: array<u32>; // four u8 per word
@group(0) @binding(2) var<storage, read> weights: array<u32>; // [group][row pair][column], two i16 per word
//#end
@group(0) @binding(3) var<storage, read_write> sums: array<{{SUM}}>; // [position][column]
@group(0) @binding(4) var<storage, read> bias: array<f32>;

//#if FLOAT
fn load(at: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]);
}
//#else
fn words(at: vec4<u32>) -> vec4<u32> {
  return vec4<u32>(x[at.x >> 2u], x[at.y >> 2u], x[at.z >> 2u], x[at.w >> 2u]);
}
fn load(at: vec4<u32>) -> vec4<i32> {
  return vec4<i32>((words(at) >> ((at & vec4<u32>(3u)) * 8u)) & vec4<u32>(255u));
}
fn byte(word: vec4<u32>, shift: u32) -> vec4<i32> {
  return vec4<i32>((word >> vec4<u32>(shift)) & vec4<u32>(255u));
}
//#end

@compute @workgroup_size({{LANES}})
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let block = workgroup.x + workgroup.y * count.x;
  let column = (block % p.columnTiles) * {{LANES}}u + lane.x;
  let start = (block / p.columnTiles) * 4u;
  if (column >= p.columns || start >= p.positions) { return; }
  //#if GROUPED
  let group = column / p.perGroup;
  //#else
  let group = 0u; // uniform addresses of x: one load for all lanes
  //#end
  let weight = group * p.rows * p.perGroup + column % p.perGroup;
  let position = min(vec4<u32>(start, start + 1u, start + 2u, start + 3u), vec4<u32>(p.positions - 1u));
  let line = position / p.outWidth;
  let image = line / p.outHeight * p.height;
  let x0 = vec4<i32>((position % p.outWidth) * p.strideX) - i32(p.paddingX);
  let y0 = vec4<i32>((line % p.outHeight) * p.strideY) - i32(p.paddingY);
  var total = vec4<{{SUM}}>();
  for (var ky = 0u; ky < p.kernelY; ky++) {
    let sy = y0 + i32(ky * p.dilationY);
    let rowInside = (sy >= vec4<i32>(0)) & (sy < vec4<i32>(i32(p.height)));
    for (var kx = 0u; kx < p.kernelX; kx++) {
      let sx = x0 + i32(kx * p.dilationX);
      let inside = rowInside & (sx >= vec4<i32>(0)) & (sx < vec4<i32>(i32(p.width)));
      let pixel = (image + vec4<u32>(max(sy, vec4<i32>(0)))) * p.width + vec4<u32>(max(sx, vec4<i32>(0)));
      let base = select(vec4<u32>(0u), pixel * p.channels + group * p.depth, inside);
      let row = (ky * p.kernelX + kx) * p.depth;
      var part = vec4<{{SUM}}>();
      //#if FLOAT
      // Sums of 64 first, so that rounding grows with the square root of the rows at most.
      for (var head = p.first; head < p.last; head += 64u) {
        var few = vec4<f32>();
        for (var c = head; c < min(head + 64u, p.last); c++) {
          few += load(base + c) * weights[weight + (row + c) * p.perGroup];
        }
        part += few;
      }
      total += select(vec4<f32>(), part, inside);
      //#else
      //#if QUADS
      for (var c = p.first; c < p.last; c += 4u) {
        let low = weights[weight + ((row + c) >> 1u) * p.perGroup];
        let high = weights[weight + (((row + c) >> 1u) + 1u) * p.perGroup];
        let word = words(base + c);
        part += (byte(word, 0u) - p.zero) * (i32(low << 16u) >> 16u);
        part += (byte(word, 8u) - p.zero) * (i32(low) >> 16u);
        part += (byte(word, 16u) - p.zero) * (i32(high << 16u) >> 16u);
        part += (byte(word, 24u) - p.zero) * (i32(high) >> 16u);
      }
      //#else
      for (var c = p.first; c < p.last; c++) {
        let pair = weights[weight + ((row + c) >> 1u) * p.perGroup];
        let half = select(i32(pair << 16u) >> 16u, i32(pair) >> 16u, ((row + c) & 1u) == 1u);
        part += (load(base + c) - p.zero) * half;
      }
      //#end
      total += select(vec4<i32>(), part, inside);
      //#end
    }
  }
  //#if FLOAT
  if (p.first == 0u) { total += vec4<f32>(bias[column]); }
  //#end
  for (var i = 0u; i < min(4u, p.positions - start); i++) {
    let at = (start + i) * p.columns + column;
    if (p.first == 0u) { sums[at] = total[i]; } else { sums[at] += total[i]; }
  }
}
