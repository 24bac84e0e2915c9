// From images to rows: padding, the windows of output positions laid out in array order, and sums of a row.

import { add, get, int, kernel, locals, loop, mul, set, ZERO } from "../../lib/cpu/wat.ts";

/**
 * Copies lines of images into a buffer with a border. Range: padded lines of all images.
 * Parameters: `from`, `to`, `lines` and `bytes` of an image's line, `top`, `left` (bytes), `paddedLines`, `paddedBytes`, `fill` byte.
 */
export function padLines(): string {
  const name = ["from", "to", "lines", "bytes", "top", "left", "paddedLines", "paddedBytes", "fill"];
  return kernel(
    name,
    locals("i32", "at", "line", "target"),
    loop(
      "at",
      get("begin"),
      get("end"),
      `${set("target", add(get("to"), mul(get("at"), get("paddedBytes"))))}
      ${set("line", `(i32.sub (i32.rem_u ${get("at")} ${get("paddedLines")}) ${get("top")})`)}
      (memory.fill ${get("target")} ${get("fill")} ${get("paddedBytes")})
      (if (i32.lt_u ${get("line")} ${get("lines")}) (then
        (memory.copy ${add(get("target"), get("left"))}
          ${add(get("from"), mul(add(mul(`(i32.div_u ${get("at")} ${get("paddedLines")})`, get("lines")), get("line")), get("bytes")))}
          ${get("bytes")})))`,
    ),
  );
}

/** Words of one run record of {@linkcode gatherRows}: source offset (−1: zeros), target offset, bytes. */
export const RUN_WORDS = 3;

/**
 * Writes one row of bytes per output position. Range: positions of a block, of which number i is position `first` + i · `step` of the batch.
 * Parameters: `from`, `to`, `first`, `step`, `pitch` (bytes of a row), `runs`, `count`, `width` and `positions` of an output image,
 * and the input bytes from one image (`image`), output line (`line`) and output column (`column`) to the next.
 * The window is a list of runs, contiguous pieces; runs of whole channels go 16 bytes at a time.
 */
export function gatherRows(): string {
  const name = ["from", "to", "first", "step", "pitch", "runs", "count", "width", "positions", "image", "line", "column"];
  const bytes = get("bytes");
  const step = (width: number, load: string, store: string) =>
    `(block $done${width} (loop $next${width}
      (br_if $done${width} (i32.gt_u ${add(get("i"), int(width))} ${bytes}))
      (${store} ${add(get("target"), get("i"))} (${load} ${add(get("source"), get("i"))}))
      ${set("i", add(get("i"), int(width)))}(br $next${width})))`;
  return kernel(
    name,
    locals("i32", "at", "position", "inside", "base", "row", "run", "source", "target", "bytes", "i"),
    loop(
      "at",
      get("begin"),
      get("end"),
      `${set("position", add(get("first"), mul(get("at"), get("step"))))}
      ${set("inside", `(i32.rem_u ${get("position")} ${get("positions")})`)}
      ${
        set(
          "base",
          add(
            get("from"),
            mul(`(i32.div_u ${get("position")} ${get("positions")})`, get("image")),
            mul(`(i32.div_u ${get("inside")} ${get("width")})`, get("line")),
            mul(`(i32.rem_u ${get("inside")} ${get("width")})`, get("column")),
          ),
        )
      }
      ${set("row", add(get("to"), mul(get("at"), get("pitch"))))}
      ${
        loop(
          "run",
          get("runs"),
          add(get("runs"), mul(get("count"), int(RUN_WORDS * 4))),
          `${set("target", add(get("row"), `(i32.load offset=4 ${get("run")})`))}
        ${set("bytes", `(i32.load offset=8 ${get("run")})`)}${set("i", int(0))}
        (if (i32.lt_s (i32.load ${get("run")}) ${int(0)})
          (then (memory.fill ${get("target")} ${int(0)} ${bytes}))
          (else ${set("source", add(get("base"), `(i32.load ${get("run")})`))}
            ${step(16, "v128.load", "v128.store")}${step(8, "i64.load", "i64.store")}${step(4, "i32.load", "i32.store")}${
            step(1, "i32.load8_u", "i32.store8")
          }))`,
          RUN_WORDS * 4,
        )
      }`,
    ),
  );
}

/**
 * Starts sums: out[position, column] = bias[column] + gain · Σ row for `vectors` × 4 columns of i32. Range: positions of a block.
 * Parameters: `rows`, `pitch` (a multiple of 16 bytes), `out`, `outPitch` (bytes), `vectors`, `bias`, `gain`.
 */
export function startSums(): string {
  const half = (part: string) => `(i32x4.extadd_pairwise_i16x8_u (i16x8.extend_${part}_i8x16_u (v128.load ${get("x")})))`;
  const lane = (n: number) => `(i32x4.extract_lane ${n} ${get("sum")})`;
  const rowSum = `
    ${set("sum", ZERO)}${set("row", add(get("rows"), mul(get("at"), get("pitch"))))}
    ${
    loop(
      "x",
      get("row"),
      add(get("row"), get("pitch")),
      set("sum", `(i32x4.add ${get("sum")} (i32x4.add ${half("low")} ${half("high")}))`),
      16,
    )
  }
    ${set("sum", `(i32x4.splat ${mul(get("gain"), add(lane(0), lane(1), lane(2), lane(3)))})`)}`;
  const store = `(v128.store ${add(get("row"), get("x"))} (i32x4.add ${get("sum")} (v128.load ${add(get("bias"), get("x"))})))`;
  return kernel(
    ["rows", "pitch", "out", "outPitch", "vectors", "bias", "gain"],
    locals("i32", "at", "x", "row") + locals("v128", "sum"),
    loop(
      "at",
      get("begin"),
      get("end"),
      `(if ${get("gain")} (then ${rowSum}))
      ${set("row", add(get("out"), mul(get("at"), get("outPitch"))))}
      ${loop("x", int(0), mul(get("vectors"), int(16)), store, 16)}`,
    ),
  );
}

/**
 * Copies the first bytes of each row of one buffer into another. Range: rows.
 * Parameters: `from`, `fromPitch`, `to`, `toPitch`, `bytes`, a multiple of 4.
 */
export function copyColumns(): string {
  return kernel(
    ["from", "fromPitch", "to", "toPitch", "bytes"],
    locals("i32", "at", "i", "source", "target"),
    loop(
      "at",
      get("begin"),
      get("end"),
      `${set("source", add(get("from"), mul(get("at"), get("fromPitch"))))}${set("target", add(get("to"), mul(get("at"), get("toPitch"))))}
      ${loop("i", int(0), get("bytes"), `(i32.store ${add(get("target"), get("i"))} (i32.load ${add(get("source"), get("i"))}))`, 4)}`,
    ),
  );
}
