// From rows of codes to one-hot planes: each four rows of an array become one byte per digit and drive level, the offset of a 16-byte table.

import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../../lib/cpu/wat.ts";

/** Brings bits 0, 8, 16 and 24 of a lane together in bits 28 … 31; no two of the partial products meet. */
const JOIN = "0x10204080";

/**
 * Packs rows into planes that tell which digits have which value. Range: positions of a block.
 *
 * A plane byte is as in bit_planes.ts: a nibble of four rows times 16. Layout: [position][quad of 4 digits][16 rows][value 1 … drives][4 rows
 * each][digit in quad], so that every 16 rows of codes become 16 · drives rows. Cost: one comparison, product and shift per digit and value of 16 rows.
 * Parameters: `rows`, `pitch` (bytes of a row, a multiple of 16), `planes`, `planePitch` (bytes of one quad, pitch · drives), `drives`.
 */
export function oneHotPlanes({ digits, digitBits }: { readonly digits: number; readonly digitBits: number }): string {
  const quads = Math.ceil(digits / 4), mask = repeated(2 ** digitBits - 1);
  const extract = repeat(
    digits,
    (z) => set(`d${z}`, `(v128.and (i8x16.shr_u ${get("x")} ${int(z * digitBits)}) ${mask})`),
  );
  const quad = (q: number) => {
    const own = Math.min(4, digits - 4 * q);
    const bytes = Array.from({ length: own }, (_, i) => nibbles(`(i8x16.eq ${get(`d${4 * q + i}`)} ${get("value")})`, i));
    return `(v128.store ${q === 0 ? get("plane") : add(get("plane"), mul(int(q), get("planePitch")))} ${bytes.reduce(or)})`;
  };
  const oneValue = `
    ${set("value", `(i8x16.splat ${get("v")})`)}
    ${repeat(quads, quad)}
    ${set("plane", add(get("plane"), int(16)))}`;
  const sixteenRows = `
    ${set("x", `(v128.load ${get("row")})`)}${extract}
    ${loop("v", int(1), get("valueEnd"), oneValue)}`;
  const position = `
    ${set("plane", add(get("planes"), mul(get("at"), mul(int(quads), get("planePitch")))))}
    ${set("first", add(get("rows"), mul(get("at"), get("pitch"))))}
    ${loop("row", get("first"), add(get("first"), get("pitch")), sixteenRows, 16)}`;
  return kernel(
    ["rows", "pitch", "planes", "planePitch", "drives"],
    locals("i32", "at", "row", "first", "plane", "v", "valueEnd") +
      locals("v128", "x", "value", ...Array.from({ length: digits }, (_, z) => `d${z}`)),
    `${set("valueEnd", add(get("drives"), int(1)))}
    ${loop("at", get("begin"), get("end"), position)}`,
  );
}

const or = (a: string, b: string) => `(v128.or ${a} ${b})`;

function repeated(byte: number): string {
  return `(v128.const i8x16 ${Array(16).fill(byte).join(" ")})`;
}

/** Byte i of each lane: which of the lane's four bytes are all ones, as nibble × 16. */
function nibbles(ones: string, i: number): string {
  const joined = `(i32x4.mul (v128.and ${ones} ${repeated(1)}) (v128.const i32x4 ${Array(4).fill(JOIN).join(" ")}))`;
  const mask = `0x${(0xf0 * 256 ** i).toString(16)}`;
  return `(v128.and (i32x4.shr_u ${joined} ${int(24 - 8 * i)}) (v128.const i32x4 ${mask} ${mask} ${mask} ${mask}))`;
}
