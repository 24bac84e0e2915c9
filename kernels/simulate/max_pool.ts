// Largest code of each window.

import { add, get, int, kernel, locals, loop, mul, set, ZERO } from "../../lib/cpu/wat.ts";

/**
 * Maximum over windows of u8 images; positions outside the image do not count. Range: output lines of all images.
 * Parameters: `from`, `to`, `height`, `width`, `channels`, `outHeight`, `outWidth`, `kernelHeight`, `kernelWidth`, `strideHeight`, `strideWidth`,
 * `top` and `left` (padding).
 */
export function maxPool(): string {
  const window = (body: string) => loop("y", get("y0"), get("y1"), loop("x", get("x0"), get("x1"), body));
  const source = add(
    get("image"),
    mul(add(mul(add(mul(get("y"), get("width")), get("x")), get("channels")), get("c")), int(1)),
  );
  const target = add(get("to"), mul(add(mul(get("line"), get("outWidth")), get("column")), get("channels")), get("c"));
  const clamp = (low: string, high: string, start: string, extent: string, size: string) =>
    set(low, `(select ${int(0)} ${start} (i32.lt_s ${start} ${int(0)}))`) +
    set(high, `(select ${get(extent)} ${add(start, get(size))} (i32.gt_s ${add(start, get(size))} ${get(extent)}))`);
  const start = (index: string, stride: string, padding: string) => `(i32.sub ${mul(index, get(stride))} ${get(padding)})`;
  const wide = `${set("most", ZERO)}${window(set("most", `(i8x16.max_u ${get("most")} (v128.load ${source}))`))}(v128.store ${target} ${
    get("most")
  })`;
  const single = `${set("best", int(0))}${
    window(
      `${set("item", `(i32.load8_u ${source})`)}${
        set("best", `(select ${get("item")} ${get("best")} (i32.gt_u ${get("item")} ${get("best")}))`)
      }`,
    )
  }(i32.store8 ${target} ${get("best")})`;
  return kernel(
    [
      "from",
      "to",
      "height",
      "width",
      "channels",
      "outHeight",
      "outWidth",
      "kernelHeight",
      "kernelWidth",
      "strideHeight",
      "strideWidth",
      "top",
      "left",
    ],
    locals("i32", "line", "column", "image", "x", "y", "c", "x0", "x1", "y0", "y1", "even", "item", "best") + locals("v128", "most"),
    loop(
      "line",
      get("begin"),
      get("end"),
      `${
        set(
          "image",
          add(get("from"), mul(`(i32.div_u ${get("line")} ${get("outHeight")})`, mul(mul(get("height"), get("width")), get("channels")))),
        )
      }
      ${clamp("y0", "y1", start(`(i32.rem_u ${get("line")} ${get("outHeight")})`, "strideHeight", "top"), "height", "kernelHeight")}
      ${set("even", `(i32.and ${get("channels")} ${int(-16)})`)}
      ${
        loop(
          "column",
          int(0),
          get("outWidth"),
          `${clamp("x0", "x1", start(get("column"), "strideWidth", "left"), "width", "kernelWidth")}
        ${loop("c", int(0), get("even"), wide, 16)}${loop("c", get("even"), get("channels"), single)}`,
        )
      }`,
    ),
  );
}
