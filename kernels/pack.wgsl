// im2col and bit planes in one: each invocation gathers one 32-row word of one tile at one position, for every input bit.
struct Params {
  words: u32, // positions · groups · tiles · WORDS
  tiles: u32,
  groups: u32,
  channels: u32,
  perGroup: u32,
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  strideY: u32,
  strideX: u32,
  paddingY: u32,
  paddingX: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>; // four u8 per word
@group(0) @binding(2) var<storage, read> rows: array<vec2<u32>>; // per slot: (dy << 16 | dx, channel), channel 0xffffffff for none
@group(0) @binding(3) var<storage, read_write> bits: array<u32>; // [position][group][tile][bit][word]

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane.x;
  if (at >= p.words) { return; }
  let word = at % {{WORDS}}u;
  let cell = at / {{WORDS}}u;
  let tile = cell % p.tiles;
  let group = (cell / p.tiles) % p.groups;
  let position = cell / p.tiles / p.groups;
  let x0 = i32((position % p.outWidth) * p.strideX) - i32(p.paddingX);
  let y0 = i32((position / p.outWidth % p.outHeight) * p.strideY) - i32(p.paddingY);
  let image = position / p.outWidth / p.outHeight * p.height;
  //#for b in BITS
  var w{{b}} = 0u;
  //#end
  for (var slot = 0u; slot < {{SLOTS}}u; slot++) {
    let row = rows[(tile * {{WORDS}}u + word) * {{SLOTS}}u + slot];
    let y = y0 + i32(row.x >> 16u);
    let x = x0 + i32(row.x & 0xffffu);
    if (row.y != 0xffffffffu && y >= 0 && y < i32(p.height) && x >= 0 && x < i32(p.width)) {
      let source = ((image + u32(y)) * p.width + u32(x)) * p.channels + group * p.perGroup + row.y;
      //#if QUADS
      // Four channels at once: the product moves bit b of the four bytes into the top four bits.
      let value = codes[source >> 2u];
      //#for b in BITS
      w{{b}} |= ((((value >> {{b}}u) & 0x01010101u) * 0x10204080u) >> 28u) << (slot * 4u);
      //#end
      //#else
      let value = codes[source >> 2u] >> ((source & 3u) * 8u);
      //#for b in BITS
      w{{b}} |= ((value >> {{b}}u) & 1u) << slot;
      //#end
      //#end
    }
  }
  let base = cell * {{BITS}}u * {{WORDS}}u + word;
  //#for b in BITS
  bits[base + {{b}}u * {{WORDS}}u] = w{{b}};
  //#end
}
