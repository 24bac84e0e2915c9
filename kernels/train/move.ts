// Copies or adds images between buffers of different halo, pitch and channel offset: element-wise sums, concatenation, zero insertion.

import { add, get, int, kernel, locals, loop, mul, set } from "../../lib/cpu/wat.ts";

/** Where pixels of an image lie, in floats. */
export interface Placement {
  readonly image: number;
  readonly row: number;
  readonly pixel: number;
  /** Offset of the first pixel's first channel. */
  readonly origin: number;
}

/** `run(images…, from, to)`: to = from, or to += from, over height × width pixels of `channels` (a multiple of 4) floats. */
export function move(height: number, width: number, channels: number, from: Placement, to: Placement, accumulate: boolean): string {
  const base = (name: string, place: Placement) =>
    add(
      get(name),
      int(place.origin * 4),
      mul(get("b"), int(place.image * 4)),
      mul(get("y"), int(place.row * 4)),
      mul(get("x"), int(place.pixel * 4)),
    );
  const value = accumulate ? `(f32x4.add (v128.load ${get("q")}) (v128.load ${get("p")}))` : `(v128.load ${get("p")})`;
  return kernel(
    ["from", "to"],
    locals("i32", "b", "y", "x", "c", "p", "q"),
    loop(
      "b",
      get("begin"),
      get("end"),
      loop(
        "y",
        int(0),
        int(height),
        loop(
          "x",
          int(0),
          int(width),
          `${set("p", base("from", from))}${set("q", base("to", to))}
      ${
            loop(
              "c",
              int(0),
              int(channels / 4),
              `(v128.store ${get("q")} ${value})${set("p", add(get("p"), int(16)))}${set("q", add(get("q"), int(16)))}`,
            )
          }`,
        ),
      ),
    ),
  );
}
