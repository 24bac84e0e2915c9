// What the published mappers share: a layer as its searches see it, window sizes, and the placement of equal windows.

import { type Axis, axisOf } from "../axis.ts";
import { checkArray } from "../check_array.ts";
import type { Pattern, Placement, Problem } from "../placement.ts";

/** A problem in the terms of the papers; channels are those of one group. */
export interface Layer {
  /** What is to be mapped. */
  readonly problem: Problem;
  /** Vertical axis, then horizontal. */
  readonly axes: readonly [Axis, Axis];
  /** Outputs of the image, channels not counted. */
  readonly positions: number;
  /** Input channels of one group. */
  readonly inputs: number;
  /** Output channels of one group. */
  readonly outputs: number;
  /** Kernel height · kernel width. */
  readonly area: number;
}

/**
 * Reads a problem.
 *
 * @param method Name of the mapper, for the message.
 * @throws {MappingError} if an array has no rows or no columns.
 */
export function layerOf(problem: Problem, method: string): Layer {
  const { geometry, rows, columns } = problem;
  checkArray(`map a layer by ${method}`, { rows, columns });
  const { kernel, groups, inputShape, outputShape } = geometry;
  return {
    problem,
    axes: [axisOf(geometry, 0), axisOf(geometry, 1)],
    positions: outputShape[0] * outputShape[1],
    inputs: inputShape[2] / groups,
    outputs: outputShape[2] / groups,
    area: kernel[0] * kernel[1],
  };
}

/** Arrays for one set of equal windows. */
export interface Tiles {
  /** Row tiles of one group. */
  readonly rowTiles: number;
  /** Column tiles of one group. */
  readonly columnTiles: number;
  /** Groups that stand block-diagonally in one array; 1 where no two fit. */
  readonly packed: number;
  /** Activations per window over all groups. */
  readonly perWindow: number;
}

/**
 * Arrays for windows of `rows` rows and `columns` columns per group.
 *
 * The papers know no groups. Here min(⌊R / rows⌋, ⌊C′ / columns⌋) groups, if that is 2 or more, share an array block-diagonally and take
 * ⌈groups / packed⌉ activations, unless arrays must be full; otherwise each group takes the row tiles · column tiles of a layer of its own.
 */
export function tilesOf({ problem }: Layer, rows: number, columns: number, rowTiles: number, columnTiles: number): Tiles {
  const { groups } = problem.geometry;
  const most = Math.max(1, Math.min(groups, Math.floor(problem.rows / rows), Math.floor(problem.columns / columns)));
  const packed = problem.full === true ? 1 : most;
  return { rowTiles, columnTiles, packed, perWindow: Math.ceil(groups / packed) * rowTiles * columnTiles };
}

/**
 * Pixels along one axis that a window of 1, 2, … outputs covers, padding counted: kernel + (outputs − 1) · stride, as in the papers;
 * with dilation, which they leave out, the distinct pixels it reads.
 *
 * @param most Outputs of the largest window, by default all of the axis.
 * @returns Sizes by outputs; entry 0 is 0.
 */
export function windowSizes(axis: Axis, most: number = axis.outputs): Int32Array {
  const sizes = new Int32Array(most + 1);
  if (dense(axis)) {
    for (let outputs = 1; outputs <= most; outputs++) sizes[outputs] = axis.kernel + (outputs - 1) * axis.stride;
    return sizes;
  }
  const seen = new Set<number>();
  for (let outputs = 1; outputs <= most; outputs++) {
    for (let tap = 0; tap < axis.kernel; tap++) seen.add((outputs - 1) * axis.stride + tap * axis.dilation);
    sizes[outputs] = seen.size;
  }
  return sizes;
}

/** The pixels {@linkcode windowSizes} counts, ascending, relative to the first. */
export function windowPixels(axis: Axis, outputs: number): number[] {
  if (dense(axis)) return Array.from({ length: axis.kernel + (outputs - 1) * axis.stride }, (_, pixel) => pixel);
  const seen = new Set<number>();
  for (let output = 0; output < outputs; output++) {
    for (let tap = 0; tap < axis.kernel; tap++) seen.add(output * axis.stride + tap * axis.dilation);
  }
  return [...seen].sort((a, b) => a - b);
}

function dense({ kernel, dilation }: Axis): boolean {
  return dilation === 1 || kernel === 1;
}

/** Equal windows side by side over the image. */
export interface Windows {
  /** Outputs of a window, vertically and horizontally. */
  readonly outputs: readonly [number, number];
  /** Groups in one array, of {@linkcode tilesOf}; where more than 1, channels are not tiled. */
  readonly packed: number;
  /** Input channels of a row tile; by default rows are cut wherever an array is full, inside a channel too. */
  readonly inputTile?: number;
  /** Output channels of a column tile; by default columns are cut wherever an array is full. */
  readonly outputTile?: number;
}

/**
 * Places equal windows; those at the right and lower edge may overhang.
 *
 * Rows run over channel tile, pixel row, pixel column, channel (fastest), columns likewise.
 */
export function placeWindows({ problem, axes, inputs, outputs }: Layer, windows: Windows): Placement {
  const { geometry, rows, columns } = problem;
  const { packed, inputTile = inputs, outputTile = outputs, outputs: [high, wide] } = windows;
  const pixels = axes.map((axis, at) => windowPixels(axis, windows.outputs[at]!)) as [number[], number[]];
  const places = [range(high), range(wide)] as const;
  const rowTile = windows.inputTile === undefined ? rows : inputTile * pixels[0].length * pixels[1].length;
  const columnTile = windows.outputTile === undefined ? columns : outputTile * high * wide;
  const origins = grid([axes[0].outputs, axes[1].outputs], windows.outputs);
  const patterns: Pattern[] = [];
  for (let group = 0; group < geometry.groups; group += packed) {
    const end = Math.min(geometry.groups, group + packed);
    const rowList = entries(pixels, group, end, inputs, inputTile), columnList = entries(places, group, end, outputs, outputTile);
    patterns.push({
      rows: rowList,
      columns: columnList,
      rowTiles: cuts(rowList.length / 3, rowTile),
      columnTiles: cuts(columnList.length / 3, columnTile),
      origins,
    });
  }
  return { geometry, rows, columns, skipsIdle: false, patterns };
}

/** Rows or columns of groups `first` … `end` − 1. */
function entries([ys, xs]: readonly [number[], number[]], first: number, end: number, channels: number, tile: number): Int32Array {
  const list = new Int32Array(3 * (end - first) * channels * ys.length * xs.length);
  let at = 0;
  for (let group = first; group < end; group++) {
    for (let start = 0; start < channels; start += tile) {
      for (const y of ys) {
        for (const x of xs) {
          for (let channel = start; channel < Math.min(channels, start + tile); channel++) {
            list[at++] = y;
            list[at++] = x;
            list[at++] = group * channels + channel;
          }
        }
      }
    }
  }
  return list;
}

/** 0, size, 2 · size, …, total. */
function cuts(total: number, size: number): number[] {
  return [...Array.from({ length: Math.ceil(total / size) }, (_, tile) => tile * size), total];
}

/** Origins every `step` outputs, row by row. */
export function grid([height, width]: readonly [number, number], [down, across]: readonly [number, number]): Int32Array {
  const origins: number[] = [];
  for (let y = 0; y < height; y += down) {
    for (let x = 0; x < width; x += across) origins.push(y, x);
  }
  return Int32Array.from(origins);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}
