// Proves before an analog step runs that its results fit 32 bits: from the sums that its cells can give, not from the codes that its converters have.

import { NumericError, OptionError } from "../../errors.ts";
import { DRAW_LIMIT, NOISE_LEVELS } from "../noise.ts";
import type { AnalogStep } from "../program.ts";
import { analogCode } from "../reference/analog.ts";
import { rowsOf } from "../reference/crossbar.ts";

/** What no sum reaches. */
const LIMIT = 2 ** 30;

/**
 * Refuses factors that are no integers, and results that could leave i32.
 *
 * @throws {OptionError} if line weights or the correction are not integers where codes are added up.
 * @throws {NumericError} if a result could leave i32.
 */
export function checkCodes(step: AnalogStep, name: string): void {
  const { converter, lineWeights, correction, geometry, inputBits, digitBits, tiles } = step;
  if (converter.kind === "none") return;
  if (!lineWeights.every(Number.isInteger) || !Number.isInteger(correction)) {
    throw new OptionError("run an analog step", {
      where: name,
      got: [...lineWeights, correction],
      wanted: "integer line weights and correction",
    });
  }
  const { levels } = converter;
  const largest = (line: number) => {
    const codes = converter.kind === "uniform"
      ? sumRange(step, line).map((d) => analogCode(step, d, line, 0))
      : [...converter.codes.subarray(line * levels, (line + 1) * levels)];
    return codes.reduce((most, code) => Math.max(most, Math.abs(code)), 0);
  };
  const digits = Math.ceil(inputBits / digitBits),
    conversions = (2 ** (digits * digitBits) - 1) / (2 ** digitBits - 1) * (tiles.length - 1);
  const bound = lineWeights.reduce((sum, weight, line) => sum + Math.abs(weight) * largest(line), 0) * conversions +
    Math.abs(correction) * rowsOf(geometry) * (2 ** inputBits - 1);
  if (bound >= 2 ** 31) {
    throw new NumericError("sum in 32 bits", {
      where: name,
      got: `sums of up to ${bound}`,
      wanted: `below ${2 ** 31}`,
      hint: "Use fewer lines or ADC bits.",
    });
  }
}

/** Least and largest sum of a line for any input, noise included. */
function sumRange(step: AnalogStep, line: number): number[] {
  const { geometry, cells, lines, tiles, offset, noise, drives = 1 } = step, { groups } = geometry;
  const columns = geometry.outputShape[2] / groups, rows = rowsOf(geometry), count = tiles.length - 1;
  const digitMax = step.drives === undefined ? 2 ** Math.min(step.digitBits, step.inputBits) - 1 : 1;
  let low = 0, high = 0;
  for (let group = 0; group < groups; group++) {
    const plane = group * lines + line;
    for (let tile = 0; tile < count; tile++) {
      const start = (plane * count + tile) * columns;
      const [below, above] = [0, 0].map(() => Float64Array.from({ length: columns }, (_, column) => offset?.[start + column] ?? 0));
      for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
        for (let column = 0, first = (plane * rows + row) * drives * columns; column < columns; column++, first++) {
          let least = 0, most = 0;
          for (let at = first; at < first + drives * columns; at += columns) {
            const cell = cells[at]!;
            if (cell < least) least = cell;
            else if (cell > most) most = cell;
          }
          below![column]! += digitMax * least;
          above![column]! += digitMax * most;
        }
      }
      for (let column = 0; column < columns; column++) {
        low = Math.min(low, below![column]!);
        high = Math.max(high, above![column]!);
      }
    }
  }
  const first = line * (NOISE_LEVELS + 1),
    deviation = noise?.deviations.subarray(first, first + NOISE_LEVELS + 1).reduce((a, b) => Math.max(a, b));
  const reach = deviation === undefined ? 0 : Math.ceil(deviation * DRAW_LIMIT / 2 ** noise!.precision[line]!) + 1;
  return [Math.max(low - reach, -LIMIT), Math.min(high + reach, LIMIT)];
}
