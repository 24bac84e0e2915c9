// Included by the crossbar kernels: what they are bound to, and the ADC in the cheapest form that equals its table.
alias Word = {{WORD}};
struct Params {
  positions: u32,
  groups: u32,
  tiles: u32,
  columns: u32,
  perGroup: u32,
  columnTiles: u32, // per group in the tiled kernel
  // The ADC: min(d, top), clamp(d, add, top), clamp((d · mul + add) >> shift, 0, top) · gain + offset, or table[d − offset].
  mul: i32,
  add: i32,
  shift: u32,
  top: i32,
  gain: i32,
  offset: i32,
  gate: u32, // unsafe tiles above which a gated kernel of the plain way runs, and one of the corrected way does not
  flagWords: u32, // per place
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bits: array<Word>; // [position][group][tile][bit][vector]
@group(0) @binding(2) var<storage, read> planes: array<Word>; // [tile][plane][vector][column]
@group(0) @binding(3) var<storage, read_write> sums: array<{{SUM}}>; // [position][column]
@group(0) @binding(4) var<storage, read> counts: array<i32>; // as count.wgsl writes them
@group(0) @binding(5) var<storage, read> table: array<{{SUM}}>; // codes, or values of a dynamic range
@group(0) @binding(6) var<storage, read> starts: array<i32>; // [tile][digit][slice]: where in the table d = 0 stands
//#if GATED
@group(0) @binding(7) var<storage, read> gate: array<u32>; // unsafe tiles, as unsafe.wgsl counts them
//#end
//#if REDO
@group(0) @binding(8) var<storage, read> flags: array<u32>; // as unsafe.wgsl writes them
//#end

fn ones(word: Word) -> u32 {
  let c = countOneBits(word);
  return {{ADD_UP}};
}

fn convert(d: i32) -> i32 {
  //#if CLIP
  return min(d, p.top);
  //#end
  //#if CLAMP
  return clamp(d, p.add, p.top);
  //#end
  //#if LINEAR
  return clamp((d * p.mul + p.add) >> p.shift, 0, p.top) * p.gain + p.offset;
  //#end
  //#if TABLE
  return table[d - p.offset];
  //#end
  //#if DYNAMIC
  return d;
  //#end
  //#if REDO
  return clamp(d, p.add, p.top) - d;
  //#end
}
