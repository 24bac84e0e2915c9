// Runs a layer from its placements alone, one physical column at a time: if this equals a convolution, nothing was lost or counted twice.

import { ShapeError } from "../errors.ts";
import type { Geometry } from "../simulate/program.ts";
import { elements } from "../tensor.ts";
import { columnLayout } from "./layout.ts";
import type { ArrayPlacement, MappedLayer } from "./mapped.ts";

/**
 * Cell levels of one array as it would be programmed, dummy columns included.
 *
 * @returns Levels `[rows in use][physical columns in use]`; dummy levels may be half-integers.
 */
export function arrayLevels(layer: MappedLayer, array: ArrayPlacement): Float32Array {
  const levels = new Float32Array(array.rows * array.physicalColumns);
  const { dummies } = columnLayout(layer.sliced);
  visit(layer, array, (row, physical, from, negative) => {
    levels[row * array.physicalColumns + physical] = (negative ? layer.sliced.negative! : layer.sliced.slices).data[from]!;
  });
  for (let row = 0; row < array.rows; row++) {
    for (const [index, level] of dummies.entries()) levels[(row + 1) * array.physicalColumns - dummies.length + index] = level;
  }
  return levels;
}

/**
 * How many cells hold each element of `sliced.slices`, then, with balanced pairs, of `sliced.negative`: 1 everywhere in a right placement.
 *
 * @returns Counts in the memory order of `sliced.slices`, followed by those of `sliced.negative` where there is one.
 */
export function coverage(layer: MappedLayer): Int32Array {
  const size = layer.sliced.slices.data.length;
  const counts = new Int32Array(layer.sliced.negative === undefined ? size : 2 * size);
  for (const array of layer.arrays) {
    visit(layer, array, (_row, _physical, from, negative) => {
      counts[from + (negative ? size : 0)]!++;
    });
  }
  return counts;
}

/**
 * Convolves integer codes with a mapped layer, array by array and column by column, with ideal converters.
 *
 * Slow: an oracle for placements, not a simulator. Exact while sums stay below 2^52.
 *
 * @param input Codes `[height, width, channels]`; padded positions are 0.
 * @returns multiplier · Σ code(input) · (code(weight) − zero), `[height, width, out]`; half-integers are exact.
 * @throws {ShapeError} if the input or the geometry does not fit the layer.
 */
export function execute(layer: MappedLayer, input: Int32Array, geometry: Geometry): Float64Array {
  const { kernel, stride, padding, dilation, groups, inputShape, outputShape } = geometry;
  const { sliced, rowIndex, tiles } = layer;
  const [count, out, channels, height, width] = sliced.slices.shape as [number, number, number, number, number];
  const wanted = [groups * channels, out, height, width, sliced.groups];
  const got = [inputShape[2], outputShape[2], ...kernel, groups];
  if (input.length !== elements(inputShape) || wanted.some((size, i) => size !== got[i])) {
    throw new ShapeError("execute a mapped layer", {
      where: sliced.name,
      got: `${input.length} codes, geometry [${got}]`,
      wanted: `geometry [${wanted}]`,
    });
  }
  const { perWeight, pair, dummies, dummyOf } = columnLayout(sliced);
  const output = new Float64Array(elements(outputShape));
  for (const array of layer.arrays) {
    const levels = arrayLevels(layer, array);
    const lines = new Float64Array(array.rows), bitlines = new Float64Array(array.physicalColumns);
    for (let y = 0; y < outputShape[0]; y++) {
      for (let x = 0; x < outputShape[1]; x++) {
        let total = 0;
        for (let row = 0; row < array.rows; row++) {
          const index = rowIndex[tiles[array.tile]! + row]!;
          const position = Math.floor(index / channels), channel = array.group * channels + index % channels;
          const v = y * stride[0] - padding[0] + Math.floor(position / width) * dilation[0];
          const h = x * stride[1] - padding[1] + (position % width) * dilation[1];
          const inside = v >= 0 && v < inputShape[0] && h >= 0 && h < inputShape[1];
          lines[row] = inside ? input[(v * inputShape[1] + h) * inputShape[2] + channel]! : 0;
          total += lines[row]!;
        }
        for (let column = 0; column < array.physicalColumns; column++) {
          let sum = 0;
          for (let row = 0; row < array.rows; row++) sum += lines[row]! * levels[row * array.physicalColumns + column]!;
          bitlines[column] = sum;
        }
        for (let j = 0; j < array.columns; j++) {
          let sum = sliced.correction * total;
          for (let k = 0; k < count; k++) {
            const physical = j * perWeight + k * pair;
            const negative = pair === 2 ? bitlines[physical + 1]! : 0;
            const dummy = dummyOf[k]! < 0 ? 0 : bitlines[array.physicalColumns - dummies.length + dummyOf[k]!]!;
            sum += sliced.sliceWeights[k]! * (bitlines[physical]! - negative - dummy);
          }
          output[(y * outputShape[1] + x) * out + array.group * (out / groups) + array.firstColumn + j]! += sum;
        }
      }
    }
  }
  return output;
}

/** Calls `cell` for every weight cell of an array: its row and physical column, the element of `slices` it holds, and which of a pair it is. */
function visit(
  layer: MappedLayer,
  array: ArrayPlacement,
  cell: (row: number, physical: number, from: number, negative: boolean) => void,
): void {
  const [, out, channels, height, width] = layer.sliced.slices.shape as [number, number, number, number, number];
  const { perWeight, pair } = columnLayout(layer.sliced);
  const area = height * width, start = layer.tiles[array.tile]!;
  for (let row = 0; row < array.rows; row++) {
    const index = layer.rowIndex[start + row]!;
    const position = Math.floor(index / channels), channel = index % channels;
    for (let j = 0; j < array.columns; j++) {
      const column = array.group * (out / layer.sliced.groups) + array.firstColumn + j;
      for (const k of array.slices) {
        const from = ((k * out + column) * channels + channel) * area + position;
        for (let side = 0; side < pair; side++) cell(row, j * perWeight + k * pair + side, from, side === 1);
      }
    }
  }
}
