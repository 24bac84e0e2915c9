// Proof by execution: a placement run on random integers does every multiply-accumulate once and gives the convolution itself.

import { MappingError } from "../errors.ts";
import { hash } from "../random.ts";
import { elements } from "../tensor.ts";
import { activations, macs, tapOf } from "./activations.ts";
import type { Pattern, Placement } from "./placement.ts";

const ACTION = "prove a placement";

/** Cells of one array: row, column, and index of the weight. */
interface Cell {
  readonly row: number;
  readonly column: number;
  readonly weight: number;
}

/**
 * Executes a placement, activation by activation, on random integer inputs and weights.
 *
 * Limits are checked on every array, and each output must equal a direct convolution;
 * as weights and inputs are random, a multiply-accumulate left out or done twice shows, and their number is compared too. Time: one step per
 * cell of each activation, so meant for layers up to some 10^8 multiply-accumulates.
 *
 * @param seed Key of the integers, default 1.
 * @returns What was executed: activations and multiply-accumulates.
 * @throws {MappingError} if an array is too small for what is placed on it, or a result differs; the message says which output.
 */
export function prove(placement: Placement, seed = 1): { readonly cycles: number; readonly macs: number } {
  const { geometry, patterns, rows, columns } = placement;
  const { kernel, stride, padding, groups, inputShape, outputShape } = geometry;
  const channels = inputShape[2] / groups, area = kernel[0] * kernel[1];
  const input = Int32Array.from({ length: elements(inputShape) }, (_, at) => hash(seed, 1, at) % 255 - 127);
  const weights = Int32Array.from({ length: outputShape[2] * channels * area }, (_, at) => hash(seed, 2, at) % 255 - 127);
  const output = new Float64Array(elements(outputShape));
  const cells = patterns.map((pattern) => cellsOf(placement, pattern));
  let done = 0, cycles = 0;
  for (const { pattern, index, origin, rowTile, columnTile } of activations(placement)) {
    const tall = pattern.rowTiles[rowTile + 1]! - pattern.rowTiles[rowTile]!;
    const wide = pattern.columnTiles[columnTile + 1]! - pattern.columnTiles[columnTile]!;
    if (tall < 1 || wide < 1 || tall > rows || wide > columns) {
      throw new MappingError(ACTION, {
        where: `pattern ${index}`,
        got: `an array of ${tall} × ${wide}`,
        wanted: `1 × 1 to ${rows} × ${columns}`,
      });
    }
    cycles++;
    const y = pattern.origins[2 * origin]!, x = pattern.origins[2 * origin + 1]!;
    for (const { row, column, weight } of cells[index]![rowTile * (pattern.columnTiles.length - 1) + columnTile]!) {
      const v = y * stride[0] - padding[0] + pattern.rows[3 * row]!, h = x * stride[1] - padding[1] + pattern.rows[3 * row + 1]!;
      const oy = y + pattern.columns[3 * column]!, ox = x + pattern.columns[3 * column + 1]!;
      if (v < 0 || v >= inputShape[0] || h < 0 || h >= inputShape[1]) continue;
      if (oy < 0 || oy >= outputShape[0] || ox < 0 || ox >= outputShape[1]) continue;
      output[(oy * outputShape[1] + ox) * outputShape[2] + pattern.columns[3 * column + 2]!]! +=
        input[(v * inputShape[1] + h) * inputShape[2] + pattern.rows[3 * row + 2]!]! * weights[weight]!;
      done++;
    }
  }
  const wanted = macs(placement);
  const expected = convolve(placement, input, weights);
  const wrong = expected.findIndex((sum, at) => sum !== output[at]);
  if (wrong >= 0) {
    const channel = wrong % outputShape[2], place = Math.floor(wrong / outputShape[2]);
    throw new MappingError(ACTION, {
      where: `output (${Math.floor(place / outputShape[1])}, ${place % outputShape[1]}), channel ${channel}`,
      got: `${output[wrong]} after ${done} multiply-accumulates`,
      wanted: `${expected[wrong]} after ${wanted}`,
    });
  }
  if (done !== wanted) throw new MappingError(ACTION, { where: "multiply-accumulates", got: done, wanted: `${wanted}` });
  return { cycles, macs: done };
}

/** Cells by array, in the order rowTile · column tiles + columnTile. */
function cellsOf({ geometry }: Placement, pattern: Pattern): Cell[][] {
  const { kernel, stride, dilation, groups, inputShape, outputShape } = geometry;
  const channels = inputShape[2] / groups, perGroup = outputShape[2] / groups;
  const arrays: Cell[][] = [];
  for (let rowTile = 0; rowTile + 1 < pattern.rowTiles.length; rowTile++) {
    for (let columnTile = 0; columnTile + 1 < pattern.columnTiles.length; columnTile++) {
      const cells: Cell[] = [];
      for (let row = pattern.rowTiles[rowTile]!; row < pattern.rowTiles[rowTile + 1]!; row++) {
        const dy = pattern.rows[3 * row]!, dx = pattern.rows[3 * row + 1]!, channel = pattern.rows[3 * row + 2]!;
        for (let column = pattern.columnTiles[columnTile]!; column < pattern.columnTiles[columnTile + 1]!; column++) {
          const oy = pattern.columns[3 * column]!, ox = pattern.columns[3 * column + 1]!, out = pattern.columns[3 * column + 2]!;
          if (Math.floor(channel / channels) !== Math.floor(out / perGroup)) continue;
          if (pattern.blocks !== undefined && pattern.blocks.rows[row] !== pattern.blocks.columns[column]) continue;
          const ky = tapOf(dy, oy, stride[0], dilation[0], kernel[0]), kx = tapOf(dx, ox, stride[1], dilation[1], kernel[1]);
          if (ky < 0 || kx < 0) continue;
          cells.push({ row, column, weight: ((out * channels + channel % channels) * kernel[0] + ky) * kernel[1] + kx });
        }
      }
      arrays.push(cells);
    }
  }
  return arrays;
}

function convolve({ geometry }: Placement, input: Int32Array, weights: Int32Array): Float64Array {
  const { kernel, stride, padding, dilation, groups, inputShape: [height, width, inputs], outputShape } = geometry;
  const [outHeight, outWidth, outputs] = outputShape;
  const channels = inputs / groups, perGroup = outputs / groups;
  const sums = new Float64Array(outHeight * outWidth * outputs);
  for (let at = 0; at < sums.length; at++) {
    const out = at % outputs, x = Math.floor(at / outputs) % outWidth, y = Math.floor(at / outputs / outWidth);
    for (let ky = 0; ky < kernel[0]; ky++) {
      const v = y * stride[0] - padding[0] + ky * dilation[0];
      if (v < 0 || v >= height) continue;
      for (let kx = 0; kx < kernel[1]; kx++) {
        const h = x * stride[1] - padding[1] + kx * dilation[1];
        if (h < 0 || h >= width) continue;
        const from = (v * width + h) * inputs + Math.floor(out / perGroup) * channels;
        for (let c = 0; c < channels; c++) {
          sums[at]! += input[from + c]! * weights[((out * channels + c) * kernel[0] + ky) * kernel[1] + kx]!;
        }
      }
    }
  }
  return sums;
}
