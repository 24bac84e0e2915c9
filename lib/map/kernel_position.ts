// Kernel position by kernel position: each has its own arrays, as in the low-precision RRAM system this one is compared with.

import type { RowPlan } from "./mapped.ts";

/**
 * Rows in the order kernel row, kernel column, channel; every kernel position starts a new tile, and its channels are cut every `rows`.
 * A remainder of channels has a smaller tile of its own.
 *
 * @param channels Input channels per group.
 * @param area Kernel height · kernel width.
 * @param rows Word lines of an array.
 *
 * @example
 * ```ts
 * import { kernelPosition } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(kernelPosition(5, 2, 4).tiles, [0, 4, 5, 9, 10]);
 * ```
 */
export function kernelPosition(channels: number, area: number, rows: number): RowPlan {
  const tiles: number[] = [];
  for (let position = 0; position < area; position++) {
    for (let channel = 0; channel < channels; channel += rows) tiles.push(position * channels + channel);
  }
  return { rowIndex: Int32Array.from({ length: channels * area }, (_, row) => row), tiles: [...tiles, channels * area] };
}
