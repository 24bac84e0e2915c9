// Maximum or mean over a window; positions outside the image are left out of both.
struct Params {
  elements: u32,
  channels: u32,
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
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<{{TYPE}}>; // u32: four u8 per word
@group(0) @binding(2) var<storage, read_write> y: array<{{TYPE}}>;

fn load(at: u32) -> {{TYPE}} {
  //#if BYTES
  return (x[at >> 2u] >> ((at & 3u) * 8u)) & 255u;
  //#else
  return x[at];
  //#end
}

fn window(at: u32) -> {{TYPE}} {
  let channel = at % p.channels;
  let position = at / p.channels;
  let line = position / p.outWidth;
  let left = i32(position % p.outWidth * p.strideX) - i32(p.paddingX);
  let top = i32(line % p.outHeight * p.strideY) - i32(p.paddingY);
  let x0 = u32(max(left, 0));
  let y0 = u32(max(top, 0));
  let x1 = u32(clamp(left + i32(p.kernelX), 0, i32(p.width)));
  let y1 = u32(clamp(top + i32(p.kernelY), 0, i32(p.height)));
  let image = line / p.outHeight * p.height;
  var result = {{TYPE}}(0);
  var empty = true;
  for (var sy = y0; sy < y1; sy++) {
    //#if MEAN
    var row = 0.0;
    for (var sx = x0; sx < x1; sx++) { row += load(((image + sy) * p.width + sx) * p.channels + channel); }
    result += row;
    //#else
    for (var sx = x0; sx < x1; sx++) {
      let value = load(((image + sy) * p.width + sx) * p.channels + channel);
      result = select(max(result, value), value, empty);
      empty = false;
    }
    //#end
  }
  //#if MEAN
  result /= f32((x1 - x0) * (y1 - y0));
  //#end
  return result;
}

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  //#if BYTES
  if (at * 4u >= p.elements) { return; }
  var packed = 0u;
  for (var i = 0u; i < 4u; i++) {
    if (at * 4u + i < p.elements) { packed |= window(at * 4u + i) << (8u * i); }
  }
  y[at] = packed;
  //#else
  if (at < p.elements) { y[at] = window(at); }
  //#end
}
