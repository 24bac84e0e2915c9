// Layers for mapping tests: one by its numbers, and small random ones.

import type { Problem } from "../../lib/map/placement.ts";
import type { Pair } from "../../lib/network/graph.ts";
import { hash } from "../../lib/random.ts";

/** Numbers of a layer; single numbers hold for both axes. */
export interface LayerNumbers {
  readonly image: number | Pair;
  readonly kernel: number | Pair;
  readonly stride?: number | Pair;
  readonly padding?: number | Pair;
  readonly dilation?: number | Pair;
  readonly in: number;
  readonly out: number;
  readonly groups?: number;
  readonly rows: number;
  readonly columns: number;
}

/** A layer and its arrays; `columns` are logical. */
export function problem({ in: inputs, out, groups = 1, rows, columns, ...rest }: LayerNumbers): Problem {
  const pair = (value: number | Pair): Pair => typeof value === "number" ? [value, value] : value;
  const image = pair(rest.image), kernel = pair(rest.kernel);
  const stride = pair(rest.stride ?? 1), padding = pair(rest.padding ?? 0), dilation = pair(rest.dilation ?? 1);
  const extent = (axis: 0 | 1) =>
    Math.floor((image[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  return {
    geometry: { kernel, stride, padding, dilation, groups, inputShape: [...image, inputs], outputShape: [extent(0), extent(1), out] },
    rows,
    columns,
  };
}

/** What a random layer may have. */
export interface RandomOptions {
  /** Strides up to this, default 2. */
  readonly stride?: number;
  /** Padding up to this, default 2. */
  readonly padding?: number;
  /** Dilation up to this, default 2. */
  readonly dilation?: number;
  /** Groups up to this, default 3. */
  readonly groups?: number;
  /** Largest image side, default 9. */
  readonly image?: number;
}

/** A small layer, the same for the same seed; half of them plain (square, stride 1, no padding, one group). */
export function randomProblem(seed: number, options: RandomOptions = {}): Problem {
  const { stride = 2, padding = 2, dilation = 2, groups = 3, image = 9 } = options;
  const draw = (counter: number, low: number, high: number) => low + hash(seed, 77, counter) % (Math.max(high, low) - low + 1);
  const plain = draw(0, 0, 1) === 0;
  const kernel: Pair = plain ? [3, 3] : [draw(1, 1, 4), draw(2, 1, 4)];
  const dilated: Pair = plain ? [1, 1] : [draw(3, 1, dilation), draw(4, 1, dilation)];
  const count = plain ? 1 : draw(5, 1, groups);
  const least = (axis: 0 | 1) => dilated[axis] * (kernel[axis] - 1) + 1;
  return problem({
    kernel,
    dilation: dilated,
    image: plain ? draw(6, 3, image) : [draw(7, least(0), Math.max(image, least(0))), draw(8, least(1), Math.max(image, least(1)))],
    stride: plain ? 1 : [draw(9, 1, stride), draw(10, 1, stride)],
    padding: plain ? 0 : [draw(11, 0, Math.min(padding, kernel[0] - 1)), draw(12, 0, Math.min(padding, kernel[1] - 1))],
    groups: count,
    in: count * draw(13, 1, 6),
    out: count * draw(14, 1, 6),
    rows: draw(15, 1, 60),
    columns: draw(16, 1, 40),
  });
}
