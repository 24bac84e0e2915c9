// A mapper of the tests' own: the simplest placement that shares pixels, duplicates weights, overhangs the image and skips idle arrays.

import { placementCycles } from "../../lib/map/activations.ts";
import type { Mapper } from "../../lib/map/mapped.ts";

/** Windows of two by two outputs, cut wherever an array is full. */
export const windows: Mapper = ({ geometry, rows, columns }) => {
  const { kernel, stride, dilation, groups, inputShape, outputShape: [height, width, out] } = geometry;
  const [inputs, outputs] = [inputShape[2] / groups, out / groups];
  const cut = (total: number, size: number) => [...Array.from({ length: Math.ceil(total / size) }, (_, tile) => tile * size), total];
  const pixels = (
    axis: 0 | 1,
  ) => [
    ...new Set([0, 1].flatMap((output) => Array.from({ length: kernel[axis] }, (_, tap) => output * stride[axis] + tap * dilation[axis]))),
  ];
  const list = (ys: number[], xs: number[], first: number, count: number) =>
    Int32Array.from(ys.flatMap((y) => xs.flatMap((x) => Array.from({ length: count }, (_, c) => [y, x, first + c]).flat())));
  const origins: number[] = [];
  for (let y = 0; y < height; y += 2) for (let x = 0; x < width; x += 2) origins.push(y, x);
  const patterns = Array.from({ length: groups }, (_, group) => {
    const rowList = list(pixels(0), pixels(1), group * inputs, inputs), columnList = list([0, 1], [0, 1], group * outputs, outputs);
    return {
      rows: rowList,
      columns: columnList,
      rowTiles: cut(rowList.length / 3, rows),
      columnTiles: cut(columnList.length / 3, columns),
      origins: Int32Array.from(origins),
    };
  });
  const placement = { geometry, rows, columns, skipsIdle: true, patterns };
  return { method: "windows", cycles: placementCycles(placement), detail: {}, place: () => placement };
};
