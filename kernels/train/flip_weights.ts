// Weights of a convolution turned into those of its input gradient.

import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../../lib/cpu/wat.ts";
import { FLOAT, outputBlocks, type Section } from "./convolution_shape.ts";

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
 * `run(begin, end, thread, from, to)` for output channels begin … end − 1 of all groups' together, counted in steps of {@linkcode FLIP_STEP}: w[tap, c, o] goes
 * to [taps − 1 − tap, o, c], group by group, both laid out as {@linkcode outputBlocks} says.
 */
export function flipWeights(extents: WeightExtents): string {
  const { columns } = extents;
  const body = loop(
    "step",
    get("begin"),
    get("end"),
    `${set("group", `(i32.div_u ${get("step")} ${int(columns / FLIP_STEP)})`)}
    ${set("o", mul(`(i32.rem_u ${get("step")} ${int(columns / FLIP_STEP)})`, int(FLIP_STEP)))}
    ${
      outputBlocks(columns).map((source) =>
        `(if (i32.and (i32.ge_u ${get("o")} ${int(source.first)}) (i32.lt_u ${get("o")} ${
          int(source.first + source.width * source.count)
        })) (then
        ${outputBlocks(extents.depth).map((target) => flipBlocks(extents, source, target)).join("\n")}))`
      ).join("\n")
    }`,
  );
  return kernel(["from", "to"], locals("i32", "step", "group", "o", "cb", "tap", "source", "target"), body);
}

/** Output channels that {@linkcode flipWeights} moves together. */
export const FLIP_STEP = 4;

/** Moves channels o … o + 3 of a source section to all blocks of a target section. */
function flipBlocks({ taps, depth, columns }: WeightExtents, source: Section, target: Section): string {
  const rows = taps * depth, inSection = `(i32.sub ${get("o")} ${int(source.first)})`;
  const lane = `(i32.rem_u ${inSection} ${int(source.width)})`, block = `(i32.sub ${get("o")} ${lane})`;
  return loop(
    "cb",
    int(target.first),
    int(target.first + target.width * target.count),
    loop(
      "tap",
      int(0),
      int(taps),
      `${
        set(
          "source",
          add(
            get("from"),
            mul(add(mul(get("group"), int(columns)), block), int(rows * FLOAT)),
            mul(add(mul(`(i32.sub ${int(taps - 1)} ${get("tap")})`, int(depth)), get("cb")), int(source.width * FLOAT)),
            mul(lane, int(FLOAT)),
          ),
        )
      }
      ${
        set(
          "target",
          add(
            get("to"),
            mul(add(mul(get("group"), int(depth)), get("cb")), int(taps * columns * FLOAT)),
            mul(add(mul(get("tap"), int(columns)), get("o")), int(target.width * FLOAT)),
          ),
        )
      }
      ${
        repeat(FLIP_STEP, (o) =>
          repeat(target.width, (c) =>
            `(f32.store offset=${(o * target.width + c) * FLOAT} ${get("target")} (f32.load offset=${(c * source.width + o) * FLOAT} ${
              get("source")
            }))`))
      }`,
    ),
    target.width,
  );
}
