// The analog step as its definition reads: fixed-point conductances, noise and converters, one loop per symbol.

import type { AnalogNoise, AnalogStep } from "../program.ts";
import { draw, NOISE_LEVELS } from "../noise.ts";
import { inputSums, rowsOf, sourceIndex } from "./crossbar.ts";

/** Code of a sum of a line. `at` is (group · lines + line) · columns per group + column. */
export function analogCode({ converter }: AnalogStep, d: number, line: number, at: number): number {
  if (converter.kind === "none") return d;
  const { levels } = converter;
  if (converter.kind === "uniform") {
    const shift = converter.shift[line]!;
    const code = shift === 0 ? d : (d + 2 ** (shift - 1) - 1 + ((d >> shift) & 1)) >> shift;
    return Math.min(Math.max(code, 0), levels - 1) + converter.first[line]!;
  }
  const base = (converter.perColumn ? at : line) * (levels - 1);
  let code = 0;
  while (code < levels - 1 && d >= converter.thresholds[base + code]!) code++;
  return converter.codes[line * levels + code]!;
}

/** What noise adds to a sum. `variance` is Σ digit² · variance of the cells read. */
export function analogNoise(noise: AnalogNoise, line: number, variance: number, random: number): number {
  const level = noise.variance === undefined ? 0 : Math.min(Math.ceil(variance / 2 ** noise.levelShift![line]!), NOISE_LEVELS);
  const precision = noise.precision[line]!;
  return (noise.deviations[line * (NOISE_LEVELS + 1) + level]! * random + 2 ** (precision - 1)) >> precision;
}

/**
 * Executes an analog step on `[batch, height, width, channels]` codes.
 *
 * @param first Number of the first image in the data set.
 * @returns i32 sums of codes, or f32 real sums without a converter.
 */
export function runAnalog(step: AnalogStep, input: Uint8Array, batch: number, first: number): Int32Array | Float32Array {
  const { geometry, cells, lines, lineWeights, offset, tiles, rowIndex, digitBits, converter, noise, drives = 1 } = step;
  const [height, width, channels] = geometry.outputShape, columns = channels / geometry.groups, rows = rowsOf(geometry);
  const pixels = geometry.inputShape[0] * geometry.inputShape[1] * geometry.inputShape[2];
  const digits = Math.ceil(step.inputBits / digitBits), mask = 2 ** digitBits - 1, count = tiles.length - 1;
  const output = new Float64Array(batch * height * width * channels);
  for (let image = 0; image < batch; image++) {
    for (let position = 0; position < height * width; position++) {
      for (let group = 0; group < geometry.groups; group++) {
        const sources = Array.from(rowIndex, (row) => sourceIndex(geometry, group, row, Math.floor(position / width), position % width));
        const codes = sources.map((source) => source < 0 ? 0 : input[image * pixels + source]!);
        const at = (image * height * width + position) * channels + group * columns;
        for (let tile = 0; tile < count; tile++) {
          for (let digit = 0; digit < digits; digit++) {
            for (let line = 0; line < lines; line++) {
              const plane = group * lines + line, weight = 2 ** (digitBits * digit) * lineWeights[line]!;
              for (let column = 0; column < columns; column++) {
                let d = offset?.[(plane * count + tile) * columns + column] ?? 0, variance = 0;
                for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
                  const bits = (codes[row]! >> (digitBits * digit)) & mask;
                  if (bits === 0) continue;
                  const [own, times] = step.drives === undefined ? [0, bits] : [bits - 1, 1];
                  const cell = ((plane * rows + row) * drives + own) * columns + column;
                  d += times * cells[cell]!;
                  if (noise?.variance !== undefined) variance += times ** 2 * noise.variance[cell]!;
                }
                if (noise !== undefined) {
                  const conversion = (tile * digits + digit) * lines + line;
                  d += analogNoise(noise, line, variance, draw(noise.key, first + image, position, conversion, group * columns + column));
                }
                const code = analogCode(step, d, line, plane * columns + column);
                output[at + column]! += converter.kind === "none" ? weight * converter.unit[line]! * code : weight * code;
              }
            }
          }
        }
      }
    }
  }
  if (step.correction !== 0) {
    const totals = inputSums(step, input, batch);
    for (let at = 0; at < output.length; at++) output[at]! += step.correction * totals[Math.floor(at / columns)]!;
  }
  return converter.kind === "none" ? new Float32Array(output) : new Int32Array(output);
}
