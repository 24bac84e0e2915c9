// Blocks of rows and columns of a layer's weights, as an array activates them at once: the groups that group lasso and group pruning treat as one.

import { OptionError, ShapeError } from "../errors.ts";
import type { TypedArray } from "../tensor.ts";

/** Extents of a group: neighbouring rows (kernel row, kernel column, channel; channel fastest) by neighbouring output channels. */
export interface GroupBlock {
  /** Rows of the weight matrix, those on word lines that are on at once. */
  readonly rows: number;
  /** Output channels, those on bit lines that are read at once. */
  readonly columns: number;
}

/** A layer's weights cut into groups, numbered `[groups of the convolution][column blocks][row blocks]`, row blocks fastest. */
export interface WeightGroups {
  /** Row blocks of one group of the convolution. */
  readonly rowBlocks: number;
  /** Column blocks over all groups of the convolution. */
  readonly columnBlocks: number;
  /** Groups in all. */
  readonly count: number;
  /** `[count]`: weights of each group; fewer at the edges. */
  readonly sizes: Int32Array;
  /** Number of the group of each weight, in the order of the network's parameter. */
  readonly of: Int32Array;
}

/** Checks a block's extents. @throws {OptionError} unless both are integers of at least 1. */
export function checkBlock(action: string, where: string, { rows, columns }: GroupBlock): void {
  for (const [name, got] of Object.entries({ rows, columns })) {
    if (Number.isInteger(got) && got >= 1) continue;
    throw new OptionError(action, { where: `${where}.${name}`, got, wanted: "an integer of at least 1" });
  }
}

/**
 * Cuts the weights of a conv or linear layer into groups.
 *
 * @param shape `[out, in / groups, kernel height, kernel width]` or `[out, in]`.
 * @param convGroups Groups of the convolution; default 1. No block reaches over two of them.
 * @throws {OptionError} if an extent is no integer of at least 1.
 * @throws {ShapeError} if the shape is no layer's.
 *
 * @example
 * ```ts
 * import { weightGroups } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * // Two inputs, three outputs: column blocks of two channels, the last one narrow.
 * const { count, of, sizes } = weightGroups([3, 2], { rows: 1, columns: 2 });
 * assertEquals([count, [...of], [...sizes]], [4, [0, 1, 0, 1, 2, 3], [2, 2, 1, 1]]);
 * ```
 */
export function weightGroups(shape: readonly number[], block: GroupBlock, convGroups = 1): WeightGroups {
  checkBlock("group weights", "block", block);
  const [out = 0, depth = 0, height = 1, width = 1] = shape, columns = out / convGroups;
  if (shape.length < 2 || !(Number.isInteger(columns) && columns >= 1)) {
    throw new ShapeError("group weights", { got: shape, wanted: `at least two extents, the first a multiple of ${convGroups}` });
  }
  const area = height * width, rows = area * depth;
  const rowBlocks = Math.ceil(rows / block.rows), perGroup = Math.ceil(columns / block.columns);
  const count = convGroups * perGroup * rowBlocks, of = new Int32Array(out * rows), sizes = new Int32Array(count);
  for (let o = 0, index = 0; o < out; o++) {
    const group = Math.floor(o / columns), base = (group * perGroup + Math.floor((o - group * columns) / block.columns)) * rowBlocks;
    for (let channel = 0; channel < depth; channel++) {
      for (let tap = 0; tap < area; tap++, index++) {
        const number = base + Math.floor((tap * depth + channel) / block.rows);
        of[index] = number;
        sizes[number]!++;
      }
    }
  }
  return { rowBlocks, columnBlocks: convGroups * perGroup, count, sizes, of };
}

/** Euclidean norm of each group, `[count]`. */
export function groupNorms(weights: TypedArray, { count, of }: WeightGroups): Float64Array {
  const squares = new Float64Array(count);
  for (let index = 0; index < of.length; index++) squares[of[index]!]! += weights[index]! * weights[index]!;
  for (let group = 0; group < count; group++) squares[group] = Math.sqrt(squares[group]!);
  return squares;
}
