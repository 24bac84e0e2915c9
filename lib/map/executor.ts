// Runs a layer from its placement alone, one physical column at a time: if this equals a convolution, nothing was lost or counted twice.

import { ShapeError } from "../errors.ts";
import { elements } from "../tensor.ts";
import { activations, tapOf } from "./activations.ts";
import { columnLayout, physicalColumn } from "./layout.ts";
import type { ArrayPlacement, MappedLayer } from "./mapped.ts";

/**
 * Cell levels of one array as it would be programmed, dummy and unit columns included; where a row and a column share no weight, cells are at mid level.
 *
 * @returns Levels `[rows in use][physical columns in use]`; dummy and mid levels may be half-integers.
 */
export function arrayLevels(layer: MappedLayer, array: ArrayPlacement): Float32Array {
  const { sliced } = layer, { rows, columns, physicalColumns } = array;
  const levels = new Float32Array(rows * physicalColumns);
  const layout = columnLayout(sliced), { dummies, units, pair, references } = layout;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (const slice of array.slices) {
        levels[row * physicalColumns + physicalColumn(layout, physicalColumns, column, slice)] = sliced.mid[slice]!;
      }
    }
    for (const [index, level] of [...units, ...dummies].entries()) levels[(row + 1) * physicalColumns - references + index] = level;
  }
  visit(layer, array, (row, column, weight) => {
    for (const slice of array.slices) {
      const physical = physicalColumn(layout, physicalColumns, column, slice), from = slice * weightCount(layer) + weight;
      levels[row * physicalColumns + physical] = sliced.slices.data[from]!;
      if (pair === 2) levels[row * physicalColumns + physical + 1] = sliced.negative!.data[from]!;
    }
  });
  return levels;
}

/**
 * How many array cells hold each element of `sliced.slices`: at least 1 everywhere in a right placement, and exactly 1 where none is duplicated.
 *
 * @returns Counts in the memory order of `sliced.slices`; the negative cells of balanced pairs stand beside them, and a unit column is shared by all.
 */
export function coverage(layer: MappedLayer): Int32Array {
  const counts = new Int32Array(layer.sliced.slices.data.length);
  for (const array of layer.arrays) {
    visit(layer, array, (_row, _column, weight) => {
      for (const slice of array.slices) counts[slice * weightCount(layer) + weight]!++;
    });
  }
  return counts;
}

/**
 * Convolves integer codes with a mapped layer, activation by activation and column by column, with ideal converters.
 *
 * Slow: an oracle for placements and cell arrangements, not a simulator. Exact while sums stay below 2^52.
 *
 * @param input Codes `[height, width, channels]`; padded positions are 0.
 * @returns multiplier · Σ code(input) · (code(weight) − zero), `[height, width, out]`; half-integers are exact.
 * @throws {ShapeError} if the input does not fit the layer.
 */
export function execute(layer: MappedLayer, input: Int32Array): Float64Array {
  const { sliced, placement } = layer;
  const { stride, padding, inputShape: [height, width, channels], outputShape } = placement.geometry;
  if (input.length !== height * width * channels) {
    throw new ShapeError("execute a mapped layer", {
      where: sliced.name,
      got: `${input.length} codes`,
      wanted: `${height} · ${width} · ${channels}`,
    });
  }
  const layout = columnLayout(sliced), { pair, dummies, dummyOf } = layout;
  const output = new Float64Array(elements(outputShape));
  const programmed = new Map(layer.arrays.map((array) => {
    const rowsOf = Array.from({ length: array.columns }, (): number[] => []);
    visit(layer, array, (row, column) => rowsOf[column]!.push(row));
    return [`${array.pattern},${array.tile},${array.columnTile}`, { array, rowsOf, levels: arrayLevels(layer, array) }];
  }));
  for (const { pattern, index, origin, rowTile, columnTile } of activations(placement)) {
    const { array, rowsOf, levels } = programmed.get(`${index},${rowTile},${columnTile}`)!;
    const y = pattern.origins[2 * origin]!, x = pattern.origins[2 * origin + 1]!;
    const lines = Float64Array.from({ length: array.rows }, (_, row) => {
      const [dy, dx, channel] = entry(pattern.rows, array.firstRow + row);
      const v = y * stride[0] - padding[0] + dy, h = x * stride[1] - padding[1] + dx;
      return v >= 0 && v < height && h >= 0 && h < width ? input[(v * width + h) * channels + channel]! : 0;
    });
    const bitlines = new Float64Array(array.physicalColumns);
    for (let row = 0; row < array.rows; row++) {
      for (let column = 0; column < bitlines.length; column++) bitlines[column]! += lines[row]! * levels[row * bitlines.length + column]!;
    }
    for (let column = 0; column < array.columns; column++) {
      const [dy, dx, channel] = entry(pattern.columns, array.firstColumn + column);
      const v = y + dy, h = x + dx;
      if (v < 0 || v >= outputShape[0] || h < 0 || h >= outputShape[1] || rowsOf[column]!.length === 0) continue;
      let sum = sliced.correction * rowsOf[column]!.reduce((total, row) => total + lines[row]!, 0);
      for (const slice of array.slices) {
        const physical = physicalColumn(layout, bitlines.length, column, slice);
        const negative = pair === 2 ? bitlines[physical + 1]! : 0;
        const dummy = dummyOf[slice]! < 0 ? 0 : bitlines[bitlines.length - dummies.length + dummyOf[slice]!]!;
        sum += sliced.sliceWeights[slice]! * (bitlines[physical]! - negative - dummy);
      }
      output[(v * outputShape[1] + h) * outputShape[2] + channel]! += sum;
    }
  }
  return output;
}

function entry(list: Int32Array, at: number): readonly [number, number, number] {
  return [list[3 * at]!, list[3 * at + 1]!, list[3 * at + 2]!];
}

function weightCount({ sliced }: MappedLayer): number {
  return sliced.slices.data.length / sliced.sliceWeights.length;
}

/** Calls `cell` for every row and column of an array that share a weight, with the weight's index `[out][channel][kernel row][kernel column]`. */
export function visit(
  { placement, sliced }: MappedLayer,
  array: ArrayPlacement,
  cell: (row: number, column: number, weight: number) => void,
): void {
  const { kernel, stride, dilation, groups, inputShape, outputShape } = placement.geometry;
  const pattern = placement.patterns[array.pattern]!, { blocks } = pattern;
  const channels = inputShape[2] / groups, perGroup = outputShape[2] / sliced.groups;
  for (let column = 0; column < array.columns; column++) {
    const [oy, ox, out] = entry(pattern.columns, array.firstColumn + column);
    for (let row = 0; row < array.rows; row++) {
      const [dy, dx, channel] = entry(pattern.rows, array.firstRow + row);
      if (Math.floor(channel / channels) !== Math.floor(out / perGroup)) continue;
      if (blocks !== undefined && blocks.rows[array.firstRow + row] !== blocks.columns[array.firstColumn + column]) continue;
      const ky = tapOf(dy, oy, stride[0], dilation[0], kernel[0]), kx = tapOf(dx, ox, stride[1], dilation[1], kernel[1]);
      if (ky >= 0 && kx >= 0) cell(row, column, ((out * channels + channel % channels) * kernel[0] + ky) * kernel[1] + kx);
    }
  }
}
