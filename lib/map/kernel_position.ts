// Kernel position by kernel position: each has its own arrays, as in the low-precision RRAM system this one is compared with.

import type { Mapping, Pattern, Problem } from "./placement.ts";

/**
 * Rows in the order kernel row, kernel column, channel; every kernel position starts a new row tile, and its channels are cut every `rows`.
 * A remainder of channels has a smaller tile of its own. Each group has arrays of its own.
 *
 * `detail`: rowTiles, columnTiles (of one group).
 *
 * @example
 * ```ts
 * import { kernelPositionMapping } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const window = { kernel: [1, 2], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
 * const geometry = { ...window, inputShape: [1, 4, 5], outputShape: [1, 3, 8] } as const;
 * const mapping = kernelPositionMapping({ geometry, rows: 4, columns: 8 });
 * assertEquals(mapping.cycles, 3 * 4);
 * assertEquals(mapping.place().patterns[0]!.rowTiles, [0, 4, 5, 9, 10]);
 * ```
 */
export function kernelPositionMapping({ geometry, rows, columns }: Problem): Mapping {
  const { kernel: [height, width], dilation, groups, inputShape, outputShape: [outHeight, outWidth, out] } = geometry;
  const channels = inputShape[2] / groups, perGroup = out / groups;
  const rowTiles: number[] = [];
  for (let position = 0; position < height * width; position++) {
    for (let channel = 0; channel < channels; channel += rows) rowTiles.push(position * channels + channel);
  }
  rowTiles.push(height * width * channels);
  const columnTiles = Array.from({ length: Math.ceil(perGroup / columns) }, (_, tile) => tile * columns).concat(perGroup);
  const detail = { rowTiles: rowTiles.length - 1, columnTiles: columnTiles.length - 1 };
  const place = () => {
    const origins = new Int32Array(2 * outHeight * outWidth);
    for (let pixel = 0; pixel < outHeight * outWidth; pixel++) origins.set([Math.floor(pixel / outWidth), pixel % outWidth], 2 * pixel);
    const patterns = Array.from({ length: groups }, (_, group): Pattern => {
      const rowList = new Int32Array(3 * height * width * channels), columnList = new Int32Array(3 * perGroup);
      for (let row = 0; row < rowList.length / 3; row++) {
        const position = Math.floor(row / channels);
        const dy = Math.floor(position / width) * dilation[0], dx = (position % width) * dilation[1];
        rowList.set([dy, dx, group * channels + row % channels], 3 * row);
      }
      for (let column = 0; column < perGroup; column++) columnList[3 * column + 2] = group * perGroup + column;
      return { rows: rowList, columns: columnList, rowTiles, columnTiles, origins };
    });
    return { geometry, rows, columns, skipsIdle: false, patterns };
  };
  return { method: "kernel", cycles: outHeight * outWidth * groups * detail.rowTiles * detail.columnTiles, detail, place };
}
