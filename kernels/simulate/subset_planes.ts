// Bit planes of eight rows to a byte, for tables of subset counts: made once per pixel where channels allow, else from gathered rows, and counted.

import { add, get, int, kernel, locals, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";

/** Rows of a byte. */
export const GROUP_ROWS = 8;

/** Bytes of eight rows: one for each bit, room for four or eight. Also half the bytes of the counts of a tile, u16 for each bit. */
export function groupBytes(inputBits: number): 4 | 8 {
  return inputBits <= 4 ? 4 : 8;
}

/** Packs `length` codes at `source` to `target`, sixteen at a time; a last eight may be left. Moves both. */
function packCodes(inputBits: number): string {
  const bytes = groupBytes(inputBits), words = Math.ceil(inputBits / 4);
  const masks = repeat(
    inputBits,
    (bit) => set(`mask${bit}`, `(i8x16.bitmask ${bit === 7 ? get("x") : `(i16x8.shl ${get("x")} ${int(7 - bit)})`})`),
  );
  const word = (half: 0 | 1, first: number) =>
    Array.from({ length: Math.min(4, inputBits - first) }, (_, index) => {
      const mask = get(`mask${first + index}`), byte = half === 0 ? `(i32.and ${mask} ${int(255)})` : `(i32.shr_u ${mask} ${int(8)})`;
      return index === 0 ? byte : `(i32.shl ${byte} ${int(8 * index)})`;
    }).reduce((all, part) => `(i32.or ${all} ${part})`);
  const store = (half: 0 | 1) =>
    repeat(bytes / 4, (w) => `(i32.store offset=${half * bytes + 4 * w} ${get("target")} ${w < words ? word(half, 4 * w) : int(0)})`);
  return `${set("last", add(get("source"), `(i32.and ${get("length")} ${int(-16)})`))}
    ${
    loop(
      "source",
      get("source"),
      get("last"),
      `${set("x", `(v128.load ${get("source")})`)}${masks}${store(0)}${store(1)}${set("target", add(get("target"), int(2 * bytes)))}`,
      16,
    )
  }
    (if (i32.and ${get("length")} ${int(8)}) (then
      ${set("x", `(v128.load64_zero ${get("source")})`)}${masks}${store(0)}
      ${set("source", add(get("source"), int(8)))}${set("target", add(get("target"), int(bytes)))}))`;
}

const packing = (inputBits: number, ...names: string[]) =>
  locals("i32", "source", "target", "length", "last", ...names, ...Array.from({ length: inputBits }, (_, bit) => `mask${bit}`)) +
  locals("v128", "x");

/**
 * Packs lines of images into a buffer with a border of zeros: [line][pixel][eight channels][bit]. Range: padded lines of all images.
 * Parameters: `from`, `to`, `lines` and `codes` of an image's line (pixels · channels, a multiple of 8), `top`, `left` (bytes of planes), `paddedLines`,
 * `paddedBytes` (of a line of planes).
 */
export function packLines(inputBits: number): string {
  return kernel(
    ["from", "to", "lines", "codes", "top", "left", "paddedLines", "paddedBytes"],
    packing(inputBits, "at", "line", "start"),
    loop(
      "at",
      get("begin"),
      get("end"),
      `${set("start", add(get("to"), mul(get("at"), get("paddedBytes"))))}
      ${set("line", `(i32.sub (i32.rem_u ${get("at")} ${get("paddedLines")}) ${get("top")})`)}
      (if (i32.or (i32.ne ${get("left")} ${int(0)}) (i32.ge_u ${get("line")} ${get("lines")}))
        (then (memory.fill ${get("start")} ${int(0)} ${get("paddedBytes")})))
      (if (i32.lt_u ${get("line")} ${get("lines")}) (then
        ${set("target", add(get("start"), get("left")))}${set("length", get("codes"))}
        ${
        set(
          "source",
          add(get("from"), mul(add(mul(`(i32.div_u ${get("at")} ${get("paddedLines")})`, get("lines")), get("line")), get("codes"))),
        )
      }
        ${packCodes(inputBits)}))`,
    ),
  );
}

/**
 * Packs gathered rows: [position][tile][eight rows][bit]. Range: positions of a block.
 * Parameters: `rows`, `pitch` (bytes of a row, a multiple of 16), `planes`, `planePitch`.
 */
export function packRows(inputBits: number): string {
  return kernel(
    ["rows", "pitch", "planes", "planePitch"],
    packing(inputBits),
    `${set("source", add(get("rows"), mul(get("begin"), get("pitch"))))}${
      set("target", add(get("planes"), mul(get("begin"), get("planePitch"))))
    }
    ${set("length", mul(`(i32.sub ${get("end")} ${get("begin")})`, get("pitch")))}${packCodes(inputBits)}`,
  );
}

/**
 * Counts the ones of every tile and bit, u16 [position][tile][bit], room for four or eight bits. Range: positions of a block.
 * Parameters: `planes`, `planePitch`, `counts`, `countPitch`, `tiles` (i32 bytes of each tile's planes, multiples of 8), `tileCount`.
 */
export function countPlanes(inputBits: number): string {
  const narrow = groupBytes(inputBits) === 4;
  const more = (load: string) => set("sum", `(i8x16.add ${get("sum")} (i8x16.popcnt (${load} ${get("plane")})))`);
  const halves = "8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7";
  const oneTile = `
    ${set("sum", ZERO)}${set("last", add(get("plane"), `(i32.and (i32.load ${get("tile")}) ${int(-16)})`))}
    ${loop("plane", get("plane"), get("last"), more("v128.load"), 16)}
    (if (i32.and (i32.load ${get("tile")}) ${int(8)}) (then ${more("v128.load64_zero")}${set("plane", add(get("plane"), int(8)))}))
    ${set("sum", `(i16x8.add (i16x8.extend_low_i8x16_u ${get("sum")}) (i16x8.extend_high_i8x16_u ${get("sum")}))`)}
    ${
    narrow
      ? `(v128.store64_lane 0 ${get("count")} (i16x8.add ${get("sum")} (i8x16.shuffle ${halves} ${get("sum")} ${get("sum")})))`
      : `(v128.store ${get("count")} ${get("sum")})`
  }
    ${set("count", add(get("count"), int(narrow ? 8 : 16)))}`;
  return kernel(
    ["planes", "planePitch", "counts", "countPitch", "tiles", "tileCount"],
    locals("i32", "m", "tile", "plane", "last", "count") + locals("v128", "sum"),
    loop(
      "m",
      get("begin"),
      get("end"),
      `${set("plane", add(get("planes"), mul(get("m"), get("planePitch"))))}${
        set("count", add(get("counts"), mul(get("m"), get("countPitch"))))
      }
      ${loop("tile", get("tiles"), add(get("tiles"), mul(get("tileCount"), int(4))), oneTile, 4)}`,
    ),
  );
}
