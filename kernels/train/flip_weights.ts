// Weights of a convolution turned into those of its input gradient.

import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../../lib/cpu/wat.ts";
import { FLOAT, outputBlock } from "./convolution_shape.ts";

/** Extents of a convolution's weights, padded. */
export interface WeightExtents {
  /** Kernel rows × columns. */
  readonly taps: number;
  /** Input channels per group. */
  readonly depth: number;
  /** Output channels per group. */
  readonly columns: number;
  readonly groups: number;
}

/**
 * `run(begin, end, thread, from, to)` for blocks begin … end − 1 of the {@linkcode flippedBlocks} of the result: w[tap, c, o] goes to [taps − 1 − tap, o, c],
 * group by group, both laid out as {@linkcode outputBlock} says.
 */
export function flipWeights({ taps, depth, columns, groups }: WeightExtents): string {
  const from = outputBlock(columns), to = outputBlock(depth), rows = taps * depth;
  const inGroup = (value: string) => groups === 1 ? value : `(i32.rem_u ${value} ${int(depth)})`;
  const group = groups === 1 ? int(0) : `(i32.div_u ${mul(get("block"), int(to))} ${int(depth)})`;
  const output = add(mul(group, int(columns)), get("o"));
  const body = loop(
    "block",
    get("begin"),
    get("end"),
    `${set("target", add(get("to"), mul(get("block"), int(taps * columns * to * FLOAT))))}
    ${
      loop(
        "tap",
        int(0),
        int(taps),
        loop(
          "o",
          int(0),
          int(columns),
          `${
            set(
              "source",
              add(
                get("from"),
                mul(`(i32.div_u ${output} ${int(from)})`, int(rows * from * FLOAT)),
                mul(
                  add(mul(`(i32.sub ${int(taps - 1)} ${get("tap")})`, int(depth)), inGroup(mul(get("block"), int(to)))),
                  int(from * FLOAT),
                ),
                mul(`(i32.rem_u ${output} ${int(from)})`, int(FLOAT)),
              ),
            )
          }
          ${repeat(to, (c) => `(f32.store offset=${c * FLOAT} ${get("target")} (f32.load offset=${c * from * FLOAT} ${get("source")}))`)}
          ${set("target", add(get("target"), int(to * FLOAT)))}`,
        ),
      )
    }`,
  );
  return kernel(["from", "to"], locals("i32", "block", "tap", "o", "source", "target"), body);
}

/** Blocks that {@linkcode flipWeights} makes. */
export const flippedBlocks = ({ depth, groups }: WeightExtents): number => depth * groups / outputBlock(depth);
