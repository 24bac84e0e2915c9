// Cells as a kernel sums them: pairs and dummy columns already combined into one signed integer per cell.

import { ShapeError } from "../errors.ts";
import { type SlicedLayer, topLevels } from "./sliced.ts";

/** Signed integer effect of every cell of a layer. */
export interface EffectiveCells {
  /** `[groups][slices][rows][columns per group]`: (slices − negative − mid) / unit; i8 where `limit` allows and the levels keep to their bits. */
  readonly cells: Int8Array | Int16Array;
  /** Levels per integer step: ½ where a dummy column sits at a half-integer level, else 1. */
  readonly unit: number;
  /** Largest magnitude a cell can have, from its bits and not from the weights: ≤ 127 (fits an Int8Array) for up to 7 bits per cell. */
  readonly limit: number;
  /** Groups of the convolution. */
  readonly groups: number;
  /** Rows per group. */
  readonly rows: number;
  /** Columns per group. */
  readonly columns: number;
}

/**
 * Combines pairs and dummy columns that are subtracted in the array; what is subtracted digitally has slices of its own.
 *
 * @param rowIndex Input each row reads, in array order: (kernel row · kernel width + kernel column) · channels per group + channel. By default in that very order.
 * @throws {ShapeError} if `rowIndex` does not have one entry per row.
 *
 * @example
 * ```ts
 * import { effectiveCells, type SlicedLayer } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const layer: SlicedLayer = {
 *   name: "fc",
 *   scheme: "offset",
 *   cellBits: 1,
 *   bits: 1,
 *   groups: 1,
 *   slices: { shape: [1, 1, 2, 1, 1], data: new Uint8Array([0, 1]) },
 *   sliceBits: [1],
 *   sliceWeights: [1],
 *   mid: [0.5],
 *   correction: 0,
 *   multiplier: 1,
 * };
 * assertEquals([...effectiveCells(layer).cells], [-1, 1]);
 * assertEquals(effectiveCells(layer).unit, 0.5);
 * ```
 */
export function effectiveCells(layer: SlicedLayer, rowIndex?: Int32Array): EffectiveCells {
  const [count, out, channels, height, width] = layer.slices.shape as [number, number, number, number, number];
  const area = height * width, rows = channels * area, columns = out / layer.groups;
  if (rowIndex !== undefined && rowIndex.length !== rows) {
    throw new ShapeError("combine cells", { where: layer.name, got: `${rowIndex.length} rows`, wanted: `${rows}` });
  }
  const scale = layer.mid.every(Number.isInteger) ? 1 : 2;
  const limit = Math.max(
    ...topLevels(layer).map((top, k) => {
      const mid = layer.mid[k]!;
      return scale * Math.max(top - mid, layer.negative === undefined ? mid : top);
    }),
  );
  const levels = layer.slices.data, negative = layer.negative?.data;
  const narrow = limit <= 127 && withinBits(levels, layer.sliceBits) && (negative === undefined || withinBits(negative, layer.sliceBits));
  const cells = new (narrow ? Int8Array : Int16Array)(layer.groups * count * rows * columns);
  for (let k = 0; k < count; k++) {
    const shift = scale * layer.mid[k]!;
    for (let row = 0; row < rows; row++) {
      const index = rowIndex === undefined ? row : rowIndex[row]!;
      const position = Math.floor(index / channels), channel = index % channels;
      for (let o = 0; o < out; o++) {
        const group = Math.floor(o / columns);
        const from = ((k * out + o) * channels + channel) * area + position;
        const difference = levels[from]! - (negative === undefined ? 0 : negative[from]!);
        cells[((group * count + k) * rows + row) * columns + o - group * columns] = scale * difference - shift;
      }
    }
  }
  return { cells, unit: 1 / scale, limit, groups: layer.groups, rows, columns };
}

/** Whether the levels of each slice have no more bits than it is said to use. */
function withinBits(levels: Uint8Array, sliceBits: readonly number[]): boolean {
  const size = levels.length / sliceBits.length;
  return sliceBits.every((bits, k) => levels.subarray(k * size, (k + 1) * size).every((level) => level < 2 ** bits));
}
