// Real sums of an analog step without a converter, from f64 to the f32 output, with the digital correction.

import { add, get, int, kernel, locals, loop, mul, set } from "../../lib/cpu/wat.ts";

/**
 * out[position, column] = sums[position, column] + correction · Σ row. Range: positions of a block.
 * Parameters: `sums` (f64), `pitch`, `inputs` (i32 Σ row, 16 bytes apart), `correction` (address of an f64), `out`, `outPitch`, `columns`.
 */
export function analogReals(): string {
  const one = `(f32.store ${add(get("o"), mul(get("column"), int(4)))} (f32.demote_f64 (f64.add (f64.load ${
    add(get("from"), mul(get("column"), int(8)))
  }) ${get("corrected")})))`;
  return kernel(
    ["sums", "pitch", "inputs", "correction", "out", "outPitch", "columns"],
    locals("i32", "at", "from", "o", "column") + locals("f64", "corrected"),
    loop(
      "at",
      get("begin"),
      get("end"),
      `${set("from", add(get("sums"), mul(get("at"), get("pitch"))))}${set("o", add(get("out"), mul(get("at"), get("outPitch"))))}
      ${
        set(
          "corrected",
          `(f64.mul (f64.load ${get("correction")}) (f64.convert_i32_s (i32.load ${add(get("inputs"), mul(get("at"), int(16)))})))`,
        )
      }
      ${loop("column", int(0), get("columns"), one)}`,
    ),
  );
}
