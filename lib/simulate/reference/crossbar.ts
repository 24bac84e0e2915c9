// The crossbar step as its definition reads, one loop per symbol: the oracle the fast kernels are compared with.

import { roundHalfEven as rint } from "../../quantize/round.ts";
import type { CrossbarStep, Geometry } from "../program.ts";

export { rint };

/**
 * Index into an image of what row (kernel row · kernel width + kernel column) · channels + channel of `group` reads at output
 * position (y, x); −1 where it reads padding.
 */
export function sourceIndex(geometry: Geometry, group: number, row: number, y: number, x: number): number {
  const [height, width, inputs] = geometry.inputShape;
  const channels = inputs / geometry.groups;
  const channel = row % channels;
  const tap = (row - channel) / channels;
  const column = tap % geometry.kernel[1];
  const line = (tap - column) / geometry.kernel[1];
  const sourceY = y * geometry.stride[0] - geometry.padding[0] + line * geometry.dilation[0];
  const sourceX = x * geometry.stride[1] - geometry.padding[1] + column * geometry.dilation[1];
  if (sourceY < 0 || sourceY >= height || sourceX < 0 || sourceX >= width) return -1;
  return (sourceY * width + sourceX) * inputs + group * channels + channel;
}

/** Rows of one group: kernel height · kernel width · channels per group. */
export function rowsOf(geometry: Geometry): number {
  return geometry.kernel[0] * geometry.kernel[1] * geometry.inputShape[2] / geometry.groups;
}

/**
 * Partial sums of one (tile, digit, slice) over the whole batch, `[batch, positions, channels]`:
 * d = Σ_{rows of the tile} digit(x[row]) · cells[slice, row, column].
 */
function partialSums(step: CrossbarStep, input: Uint8Array, batch: number, tile: number, digit: number, slice: number): Int32Array {
  const { geometry, cells, rowIndex, digitBits, slices } = step;
  const [height, width, channels] = geometry.outputShape;
  const pixels = geometry.inputShape[0] * geometry.inputShape[1] * geometry.inputShape[2];
  const columns = channels / geometry.groups;
  const rows = rowsOf(geometry);
  const mask = 2 ** digitBits - 1;
  const sums = new Int32Array(batch * height * width * channels);
  let at = 0;
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let group = 0; group < geometry.groups; group++, at += columns) {
          for (let row = step.tiles[tile]!; row < step.tiles[tile + 1]!; row++) {
            const source = sourceIndex(geometry, group, rowIndex[row]!, y, x);
            const bits = source < 0 ? 0 : (input[image * pixels + source]! >> (digitBits * digit)) & mask;
            if (bits === 0) continue;
            const base = ((group * slices + slice) * rows + row) * columns;
            for (let column = 0; column < columns; column++) sums[at + column]! += bits * cells[base + column]!;
          }
        }
      }
    }
  }
  return sums;
}

/** Σ_rows x[row] for every output position and group, `[batch, positions, groups]`. */
export function inputSums({ geometry }: Pick<CrossbarStep, "geometry">, input: Uint8Array, batch: number): Int32Array {
  const [height, width] = geometry.outputShape;
  const pixels = geometry.inputShape[0] * geometry.inputShape[1] * geometry.inputShape[2];
  const rows = rowsOf(geometry);
  const sums = new Int32Array(batch * height * width * geometry.groups);
  let at = 0;
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let group = 0; group < geometry.groups; group++, at++) {
          for (let row = 0; row < rows; row++) {
            const source = sourceIndex(geometry, group, row, y, x);
            if (source >= 0) sums[at]! += input[image * pixels + source]!;
          }
        }
      }
    }
  }
  return sums;
}

/** Converts one (tile, digit, slice) with a range taken from these very sums, adding gain · value to the output. */
function convertDynamic(sums: Int32Array, output: Float64Array, gain: number, levels: number, unit: number): void {
  let [low, high] = [Infinity, -Infinity];
  for (const sum of sums) {
    low = Math.min(low, sum);
    high = Math.max(high, sum);
  }
  const lo = low * unit;
  const width = (high * unit - lo) / levels;
  for (let at = 0; at < sums.length; at++) {
    const code = width === 0 ? 0 : Math.min(rint((sums[at]! * unit - lo) / width), levels - 1);
    output[at]! += gain * (code * width + lo);
  }
}

/**
 * Executes a crossbar step on `[batch, height, width, channels]` codes.
 *
 * @returns i32 sums with a table; with a dynamic range sums taken in f64 and rounded to f32 at the end.
 */
export function runCrossbar(step: CrossbarStep, input: Uint8Array, batch: number): Int32Array | Float32Array {
  const { geometry, adc, sliceWeights } = step;
  const digits = Math.ceil(step.inputBits / step.digitBits);
  const length = batch * geometry.outputShape[0] * geometry.outputShape[1] * geometry.outputShape[2];
  const exact = new Int32Array(adc.kind === "table" ? length : 0);
  const real = new Float64Array(adc.kind === "dynamic" ? length : 0);
  for (let tile = 0; tile + 1 < step.tiles.length; tile++) {
    for (let digit = 0; digit < digits; digit++) {
      for (let slice = 0; slice < step.slices; slice++) {
        const sums = partialSums(step, input, batch, tile, digit, slice);
        const gain = 2 ** (step.digitBits * digit) * sliceWeights[slice]!;
        if (adc.kind === "dynamic") {
          convertDynamic(sums, real, gain, adc.levels, adc.unit);
        } else {
          const { codes, min } = adc.table;
          for (let at = 0; at < length; at++) exact[at]! += gain * codes[sums[at]! - min]!;
        }
      }
    }
  }
  const output = adc.kind === "table" ? exact : real;
  if (step.correction !== 0) {
    const columns = geometry.outputShape[2] / geometry.groups;
    const totals = inputSums(step, input, batch);
    for (let at = 0; at < length; at++) output[at]! += step.correction * totals[Math.floor(at / columns)]!;
  }
  return adc.kind === "table" ? exact : Float32Array.from(real);
}
