// Maximum pooling for training: the winner's index within its window is kept, so that ties go to the first, forward and backward alike.

import { add, get, int, kernel, locals, loop, mul, set, ZERO } from "../../lib/cpu/wat.ts";
import type { Plane } from "./normalize.ts";

/** A pooling window. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

/** `run(images…, x, y, index)`: y = maximum over the window, index = its position in the window, stored as f32 bits of an integer. */
export function maxPoolForward(from: Plane, to: Plane, window: Window): string {
  const body = overWindows(
    from,
    to,
    window,
    `${set("best", "(v128.const f32x4 -inf -inf -inf -inf)")}${set("arg", ZERO)}`,
    `${set("t", `(v128.load ${get("px")})`)}${set("m", `(f32x4.gt ${get("t")} ${get("best")})`)}
     ${set("best", `(v128.bitselect ${get("t")} ${get("best")} ${get("m")})`)}
     ${set("arg", `(v128.bitselect (i32x4.splat ${get("k")}) ${get("arg")} ${get("m")})`)}`,
    `(v128.store ${get("py")} ${get("best")})(v128.store ${get("pi")} ${get("arg")})`,
    "",
  );
  return kernel(["x", "y", "index"], DECLARATIONS, body);
}

/** `run(images…, gx, gy, index)`: gx = Σ gy over the windows each pixel won. gx has no halo. */
export function maxPoolBackward(from: Plane, to: Plane, window: Window): string {
  const body = overWindows(
    from,
    to,
    window,
    `${set("best", `(v128.load ${get("py")})`)}${set("arg", `(v128.load ${get("pi")})`)}`,
    `(v128.store ${get("px")} (f32x4.add (v128.load ${get("px")}) (v128.and ${get("best")} (i32x4.eq ${get("arg")} (i32x4.splat ${
      get("k")
    })))))`,
    "",
    `(memory.fill ${add(get("x"), mul(get("b"), int(planeBytes(from))))} (i32.const 0) ${int(planeBytes(from))})`,
  );
  return kernel(["x", "y", "index"], DECLARATIONS, body);
}

const DECLARATIONS = locals("i32", "b", "oy", "ox", "c", "ky", "kx", "k", "iy", "ix", "px", "py", "pi") +
  locals("v128", "t", "m", "best", "arg");
const planeBytes = ({ height, width, channels, halo }: Plane) => (height + 2 * halo) * (width + 2 * halo) * channels * 4;

function overWindows(from: Plane, to: Plane, window: Window, before: string, tap: string, after: string, perImage: string): string {
  const address = (base: string, plane: Plane, y: string, x: string, halo = plane.halo) =>
    add(
      get(base),
      mul(get("b"), int((plane.height + 2 * halo) * (plane.width + 2 * halo) * plane.channels * 4)),
      mul(add(mul(add(get(y), int(halo)), int(plane.width + 2 * halo)), get(x), int(halo)), int(plane.channels * 4)),
      mul(get("c"), int(16)),
    );
  const position = (axis: 0 | 1, outer: string, inner: string) =>
    `(i32.sub ${add(mul(get(outer), int(window.stride[axis])), get(inner))} ${int(window.padding[axis])})`;
  return loop(
    "b",
    get("begin"),
    get("end"),
    `${perImage}${
      loop(
        "oy",
        int(0),
        int(to.height),
        loop(
          "ox",
          int(0),
          int(to.width),
          loop(
            "c",
            int(0),
            int(to.channels / 4),
            `${set("py", address("y", to, "oy", "ox"))}${set("pi", address("index", to, "oy", "ox", 0))}${before}
      ${
              loop(
                "ky",
                int(0),
                int(window.kernel[0]),
                `${set("iy", position(0, "oy", "ky"))}
        (if (i32.lt_u ${get("iy")} ${int(from.height)}) (then ${
                  loop(
                    "kx",
                    int(0),
                    int(window.kernel[1]),
                    `${set("ix", position(1, "ox", "kx"))}
          (if (i32.lt_u ${get("ix")} ${int(from.width)}) (then
            ${set("k", add(mul(get("ky"), int(window.kernel[1])), get("kx")))}${set("px", address("x", from, "iy", "ix"))}${tap}))`,
                  )
                }))`,
              )
            }${after}`,
          ),
        ),
      )
    }`,
  );
}
