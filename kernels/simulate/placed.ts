// The two ends of a placed layer: rows gathered at any origins, and partial results added where they belong.

import { add, get, int, kernel, locals, loop, mul, set } from "../../lib/cpu/wat.ts";

/** Words of one run record of {@linkcode gatherPlaced}: lines and columns from the origin, channel, bytes. */
export const GATHER_RUN = 4;
/** Words of one run record of {@linkcode scatterPlaced}: first channel and number of channels. */
export const SCATTER_RUN = 2;

/**
 * Writes one row of bytes per position: runs of channels of one pixel each, zeros where the pixel lies outside the image. Range: positions of all images.
 * Parameters: `from`, `to`, `pitch` (bytes of a row), `positions` of an image, `height`, `width`, `channels`, `runs`, `count`, and `origins`, the line and
 * column of each position.
 */
export function gatherPlaced(): string {
  const piece = (width: number, load: string, store: string) =>
    `(block $done${width} (loop $next${width}
      (br_if $done${width} (i32.gt_u ${add(get("i"), int(width))} ${get("bytes")}))
      (${store} ${add(get("target"), get("i"))} (${load} ${add(get("source"), get("i"))}))
      ${set("i", add(get("i"), int(width)))}(br $next${width})))`;
  const run = `
    ${set("bytes", `(i32.load offset=12 ${get("run")})`)}${set("i", int(0))}
    ${set("y", add(get("top"), `(i32.load ${get("run")})`))}${set("x", add(get("left"), `(i32.load offset=4 ${get("run")})`))}
    (if (i32.and (i32.lt_u ${get("y")} ${get("height")}) (i32.lt_u ${get("x")} ${get("width")}))
      (then
        ${
    set(
      "source",
      add(
        get("base"),
        mul(add(mul(get("y"), get("width")), get("x")), get("channels")),
        `(i32.load offset=8 ${get("run")})`,
      ),
    )
  }
        ${piece(16, "v128.load", "v128.store")}${piece(4, "i32.load", "i32.store")}${piece(1, "i32.load8_u", "i32.store8")})
      (else (memory.fill ${get("target")} ${int(0)} ${get("bytes")})))
    ${set("target", add(get("target"), get("bytes")))}`;
  return kernel(
    ["from", "to", "pitch", "positions", "height", "width", "channels", "runs", "count", "origins"],
    locals("i32", "at", "origin", "base", "top", "left", "run", "y", "x", "source", "target", "bytes", "i"),
    loop(
      "at",
      get("begin"),
      get("end"),
      `${set("origin", add(get("origins"), mul(`(i32.rem_u ${get("at")} ${get("positions")})`, int(8))))}
      ${set("top", `(i32.load ${get("origin")})`)}${set("left", `(i32.load offset=4 ${get("origin")})`)}
      ${
        set(
          "base",
          add(get("from"), mul(`(i32.div_u ${get("at")} ${get("positions")})`, mul(get("height"), mul(get("width"), get("channels"))))),
        )
      }
      ${set("target", add(get("to"), mul(get("at"), get("pitch"))))}
      ${loop("run", get("runs"), add(get("runs"), mul(get("count"), int(GATHER_RUN * 4))), run, GATHER_RUN * 4)}`,
    ),
  );
}

/**
 * Adds rows of 32-bit partial results to pixels: y[pixel, channel] += factor · x. Range: positions of all images, whose pixels differ.
 * Parameters: `from`, `to`, `pitch` (bytes of a row), `positions` of an image, `image` (bytes of an output image) and `pixelBytes`, `runs`, `count`,
 * `pixels`, and `factor` (the bits of an f32 where the output is f32).
 */
export function scatterPlaced(from: "i32" | "f32", to: "i32" | "f32"): string {
  const vector = to === "i32" ? "i32x4" : "f32x4";
  const converted = (load: string, wide: boolean) =>
    from === to ? load : wide ? `(f32x4.convert_i32x4_s ${load})` : `(f32.convert_i32_s ${load})`;
  const target = add(get("target"), get("i")), source = add(get("source"), get("i"));
  const wide = `(v128.store ${target} (${vector}.add (v128.load ${target})
    (${vector}.mul (${vector}.splat ${get("scale")}) ${converted(`(v128.load ${source})`, true)})))`;
  const single = `(${to}.store ${target} (${to}.add (${to}.load ${target})
    (${to}.mul ${get("scale")} ${converted(`(${from}.load ${source})`, false)})))`;
  const piece = (bytes: number, body: string) =>
    `(block $done${bytes} (loop $next${bytes}
      (br_if $done${bytes} (i32.gt_u ${add(get("i"), int(bytes))} ${get("bytes")}))
      ${body}
      ${set("i", add(get("i"), int(bytes)))}(br $next${bytes})))`;
  return kernel(
    ["from", "to", "pitch", "positions", "image", "pixelBytes", "runs", "count", "pixels", "factor"],
    locals("i32", "at", "base", "run", "source", "target", "bytes", "i") + locals(to, "scale"),
    `${set("scale", to === "i32" ? get("factor") : `(f32.reinterpret_i32 ${get("factor")})`)}
    ${
      loop(
        "at",
        get("begin"),
        get("end"),
        `${
          set(
            "base",
            add(
              get("to"),
              mul(`(i32.div_u ${get("at")} ${get("positions")})`, get("image")),
              mul(
                `(i32.load ${add(get("pixels"), mul(`(i32.rem_u ${get("at")} ${get("positions")})`, int(4)))})`,
                get("pixelBytes"),
              ),
            ),
          )
        }
        ${set("source", add(get("from"), mul(get("at"), get("pitch"))))}
        ${
          loop(
            "run",
            get("runs"),
            add(get("runs"), mul(get("count"), int(SCATTER_RUN * 4))),
            `${set("target", add(get("base"), mul(`(i32.load ${get("run")})`, int(4))))}
            ${set("bytes", mul(`(i32.load offset=4 ${get("run")})`, int(4)))}${set("i", int(0))}
            ${piece(16, wide)}${piece(4, single)}
            ${set("source", add(get("source"), get("bytes")))}`,
            SCATTER_RUN * 4,
          )
        }`,
      )
    }`,
  );
}
