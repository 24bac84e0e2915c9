// im2col: all rows of the unfolded kernel one after the other, cut wherever an array is full.

import type { RowOrder, RowPlan } from "./mapped.ts";

/**
 * Rows of the unfolded kernel, cut every `rows`; the last tile keeps the remainder.
 *
 * @param channels Input channels per group.
 * @param area Kernel height · kernel width.
 * @param rows Word lines of an array.
 * @param order Default "position": channel fastest. "channel": channel slowest, as PyTorch weights flatten.
 *
 * @example
 * ```ts
 * import { im2col } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(im2col(2, 9, 8).tiles, [0, 8, 16, 18]);
 * assertEquals([...im2col(2, 3, 8, "channel").rowIndex], [0, 2, 4, 1, 3, 5]);
 * ```
 */
export function im2col(channels: number, area: number, rows: number, order: RowOrder = "position"): RowPlan {
  const total = channels * area;
  const rowIndex = Int32Array.from({ length: total }, (_, row) => {
    return order === "position" ? row : (row % area) * channels + Math.floor(row / area);
  });
  const tiles = Array.from({ length: Math.ceil(total / rows) }, (_, tile) => tile * rows);
  return { rowIndex, tiles: [...tiles, total] };
}
