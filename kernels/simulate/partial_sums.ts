// What happens to integer partial sums outside the fast path: their extremes, and conversion through a table of any size.

import { add, get, int, kernel, locals, loop, mul, set } from "../../lib/cpu/wat.ts";

/** Bytes per thread of the extremes {@linkcode rangeSums} keeps: a cache line with i32 minimum and maximum first. */
export const RANGE_BYTES = 64;

/** Widens each thread's extremes by i32 sums. Range: positions. Parameters: `sums`, `pitch`, `columns`, `extremes`. */
export function rangeSums(): string {
  const widen = `${set("d", `(i32.load ${get("p")})`)}
    ${set("least", `(select ${get("d")} ${get("least")} (i32.lt_s ${get("d")} ${get("least")}))`)}
    ${set("most", `(select ${get("d")} ${get("most")} (i32.gt_s ${get("d")} ${get("most")}))`)}`;
  return kernel(
    ["sums", "pitch", "columns", "extremes"],
    locals("i32", "m", "row", "p", "d", "least", "most"),
    `${set("extremes", add(get("extremes"), mul(get("thread"), int(RANGE_BYTES))))}
    ${set("least", `(i32.load ${get("extremes")})`)}${set("most", `(i32.load offset=4 ${get("extremes")})`)}
    ${
      loop(
        "m",
        get("begin"),
        get("end"),
        `${set("row", add(get("sums"), mul(get("m"), get("pitch"))))}
        ${loop("p", get("row"), add(get("row"), mul(get("columns"), int(4))), widen, 4)}`,
      )
    }
    (i32.store ${get("extremes")} ${get("least")})(i32.store offset=4 ${get("extremes")} ${get("most")})`,
  );
}

/**
 * out[position, column] += table[sum − least], table and out i32 or f64. Range: positions.
 * Parameters: `sums`, `pitch`, `columns`, `table`, `least`, `out`, `outPitch`.
 */
export function tableSums(type: "i32" | "f64"): string {
  const size = type === "i32" ? 4 : 8;
  const entry = add(get("table"), mul(`(i32.sub (i32.load ${get("p")}) ${get("least")})`, int(size)));
  const convert = `(${type}.store ${get("o")} (${type}.add (${type}.load ${get("o")}) (${type}.load ${entry})))
    ${set("o", add(get("o"), int(size)))}`;
  return kernel(
    ["sums", "pitch", "columns", "table", "least", "out", "outPitch"],
    locals("i32", "m", "row", "p", "o"),
    loop(
      "m",
      get("begin"),
      get("end"),
      `${set("row", add(get("sums"), mul(get("m"), get("pitch"))))}${set("o", add(get("out"), mul(get("m"), get("outPitch"))))}
      ${loop("p", get("row"), add(get("row"), mul(get("columns"), int(4))), convert, 4)}`,
    ),
  );
}
