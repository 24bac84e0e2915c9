// Pooling of real values: largest, or mean summed in f64 in the order of the oracle.

import { add, get, int, kernel, locals, loop, mul, set } from "../../lib/cpu/wat.ts";

/**
 * Windows of f32 images; positions outside the image do not count. Range: output lines of all images.
 * Parameters: `from`, `to`, `height`, `width`, `channels`, `outHeight`, `outWidth`, `kernelHeight`, `kernelWidth`, `strideHeight`, `strideWidth`,
 * `top` and `left` (padding).
 */
export function poolFloats(op: "maxPool" | "averagePool"): string {
  const window = (body: string) => loop("y", get("y0"), get("y1"), loop("x", get("x0"), get("x1"), body));
  const source = add(get("image"), mul(add(mul(add(mul(get("y"), get("width")), get("x")), get("channels")), get("c")), int(4)));
  const target = add(get("to"), mul(add(mul(add(mul(get("line"), get("outWidth")), get("column")), get("channels")), get("c")), int(4)));
  const clamp = (low: string, high: string, start: string, extent: string, size: string) =>
    set(low, `(select ${int(0)} ${start} (i32.lt_s ${start} ${int(0)}))`) +
    set(high, `(select ${get(extent)} ${add(start, get(size))} (i32.gt_s ${add(start, get(size))} ${get(extent)}))`);
  const start = (index: string, stride: string, padding: string) => `(i32.sub ${mul(index, get(stride))} ${get(padding)})`;
  const empty = "(v128.const f32x4 -inf -inf -inf -inf)";
  const promoted = (part: number) => `(f64x2.promote_low_f32x4 (v128.load64_zero offset=${8 * part} ${source}))`;
  const mean = (part: number) =>
    `(v128.store64_lane offset=${8 * part} 0 ${target} (f32x4.demote_f64x2_zero (f64x2.div ${get(`sum${part}`)} (f64x2.splat ${
      get("count")
    }))))`;
  const four = op === "maxPool"
    ? `${set("sum0", empty)}${window(set("sum0", `(f32x4.max ${get("sum0")} (v128.load ${source}))`))}(v128.store ${target} ${get("sum0")})`
    : `${set("sum0", "(v128.const f64x2 0 0)")}${set("sum1", "(v128.const f64x2 0 0)")}
      ${window([0, 1].map((part) => set(`sum${part}`, `(f64x2.add ${get(`sum${part}`)} ${promoted(part)})`)).join(""))}${mean(0)}${
      mean(1)
    }`;
  const single = op === "maxPool"
    ? `${set("one", "(f64.const -inf)")}${window(set("one", `(f64.max ${get("one")} (f64.promote_f32 (f32.load ${source})))`))}
      (f32.store ${target} (f32.demote_f64 ${get("one")}))`
    : `${set("one", "(f64.const 0)")}${window(set("one", `(f64.add ${get("one")} (f64.promote_f32 (f32.load ${source})))`))}
      (f32.store ${target} (f32.demote_f64 (f64.div ${get("one")} ${get("count")})))`;
  const rows = `(i32.sub ${get("y1")} ${get("y0")})`, columns = `(i32.sub ${get("x1")} ${get("x0")})`;
  return kernel(
    [
      ...["from", "to", "height", "width", "channels", "outHeight", "outWidth", "kernelHeight", "kernelWidth"],
      ...["strideHeight", "strideWidth", "top", "left"],
    ],
    locals("i32", "line", "column", "image", "x", "y", "c", "x0", "x1", "y0", "y1", "even") + locals("f64", "count", "one") +
      locals("v128", "sum0", "sum1"),
    loop(
      "line",
      get("begin"),
      get("end"),
      `${
        set(
          "image",
          add(
            get("from"),
            mul(mul(`(i32.div_u ${get("line")} ${get("outHeight")})`, mul(mul(get("height"), get("width")), get("channels"))), int(4)),
          ),
        )
      }
      ${clamp("y0", "y1", start(`(i32.rem_u ${get("line")} ${get("outHeight")})`, "strideHeight", "top"), "height", "kernelHeight")}
      ${set("even", `(i32.and ${get("channels")} ${int(-4)})`)}
      ${
        loop(
          "column",
          int(0),
          get("outWidth"),
          `${clamp("x0", "x1", start(get("column"), "strideWidth", "left"), "width", "kernelWidth")}
        ${set("count", `(f64.convert_i32_s ${mul(rows, columns)})`)}
        ${loop("c", int(0), get("even"), four, 4)}${loop("c", get("even"), get("channels"), single)}`,
        )
      }`,
    ),
  );
}
