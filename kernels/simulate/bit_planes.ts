// From rows of codes to bit planes: each four rows of an array become one byte per input bit, the offset of a 16-byte table.

import { add, get, int, kernel, locals, loop, mul, set, ZERO } from "../../lib/cpu/wat.ts";

/** Brings bits 0, 8, 16 and 24 of a lane together in bits 28 … 31; no two of the partial products meet. */
const JOIN = "0x10204080";

/**
 * Packs rows into planes and counts the ones of every tile and bit. Range: positions of a block.
 *
 * Four codes lie in one i32 lane; masking one bit leaves it once per byte, and one multiplication joins the four in the top nibble.
 * A plane byte is that nibble times 16. Layout: [position][quad of 4 bits][4 rows each][bit in quad]; counts are u16
 * [position][quad][tile][bit in quad]. Every tile is padded with zeros to a multiple of 16 rows.
 * Parameters: `rows`, `pitch` (bytes of a row, and of one quad), `planes`, `counts`, `quads`, `tiles` (i32 bytes of each tile), `tileCount`.
 */
export function bitPlanes(): string {
  const sixteenRows = `
    ${set("x", `(i32x4.shr_u (v128.load ${get("row")}) (i32.shl ${get("quad")} ${int(2)}))`)}
    ${set("x", or(or(bit(0), bit(1)), or(bit(2), bit(3))))}
    (v128.store ${get("plane")} ${get("x")})
    ${set("x", `(i8x16.popcnt ${get("x")})`)}
    ${set("sum", `(i16x8.add ${get("sum")} (i16x8.add (i16x8.extend_low_i8x16_u ${get("x")}) (i16x8.extend_high_i8x16_u ${get("x")})))`)}
    ${set("plane", add(get("plane"), int(16)))}`;
  const oneTile = `
    ${set("sum", ZERO)}
    ${set("last", add(get("row"), `(i32.load ${get("tile")})`))}
    ${loop("row", get("row"), get("last"), sixteenRows, 16)}
    (v128.store64_lane 0 ${get("count")}
      (i16x8.add ${get("sum")} (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 ${get("sum")} ${get("sum")})))
    ${set("count", add(get("count"), int(8)))}`;
  const oneQuad = `
    ${set("row", add(get("rows"), mul(get("at"), get("pitch"))))}
    ${set("ones", `(i32x4.splat (select ${int(0x01010101)} ${int(0)} (i32.lt_u ${get("quad")} ${int(2)})))`)}
    ${loop("tile", get("tiles"), add(get("tiles"), mul(get("tileCount"), int(4))), oneTile, 4)}`;
  return kernel(
    ["rows", "pitch", "planes", "counts", "quads", "tiles", "tileCount"],
    locals("i32", "at", "quad", "tile", "row", "last", "plane", "count") + locals("v128", "x", "ones", "join", "sum"),
    `${set("join", `(i32x4.splat (i32.const ${JOIN}))`)}
    ${set("plane", add(get("planes"), mul(mul(get("begin"), get("quads")), get("pitch"))))}
    ${set("count", add(get("counts"), mul(mul(mul(get("begin"), get("quads")), get("tileCount")), int(8))))}
    ${loop("at", get("begin"), get("end"), loop("quad", int(0), get("quads"), oneQuad))}`,
  );
}

const or = (a: string, b: string) => `(v128.or ${a} ${b})`;

/** Byte i of each lane: bit i of the lane's four codes, as nibble × 16. */
function bit(i: number): string {
  const joined = `(i32x4.mul (v128.and (i32x4.shr_u ${get("x")} ${int(i)}) ${get("ones")}) ${get("join")})`;
  const mask = `0x${(0xf0 * 256 ** i).toString(16)}`;
  return `(v128.and (i32x4.shr_u ${joined} ${int(24 - 8 * i)}) (v128.const i32x4 ${mask} ${mask} ${mask} ${mask}))`;
}
