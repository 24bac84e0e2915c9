// The small constants of an analog step in one buffer: converters, deviations, tiles and what two nibbles of a hash add to a draw.

import { NOISE_LEVELS, QUANTILES } from "../noise.ts";
import type { AnalogStep } from "../program.ts";

/** Words before those of the first line: quantiles of two nibbles, by byte. */
export const PAIRS = 256;
/** Words of a line. */
const LINE_WORDS = 8;

/** Bits of a number as f32. */
export function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0]!;
}

/**
 * Everything `kernels/analog.wgsl` looks up, in this order: 256 pairs of quantiles; eight words per line; the first row of each tile, and the end;
 * deviations; codes; thresholds.
 *
 * The words of a line: its weight (bits of weight · unit without a converter); for uniform steps the shift, what is added before it, 1 if halves go to
 * even, and the smallest code, or for thresholds where codes and thresholds start; then precision, level shift and where deviations start.
 */
export function analogTable({ lines, lineWeights, tiles, converter, noise }: AnalogStep): Int32Array {
  const levels = noise?.variance === undefined ? 1 : NOISE_LEVELS + 1;
  const deviationsAt = PAIRS + lines * LINE_WORDS + tiles.length;
  const codesAt = deviationsAt + (noise === undefined ? 0 : lines * levels);
  const thresholded = converter.kind === "thresholds" ? converter : undefined;
  const thresholdsAt = codesAt + (thresholded?.codes.length ?? 0);
  const table = new Int32Array(thresholdsAt + (thresholded?.thresholds.length ?? 0));
  for (let byte = 0; byte < PAIRS; byte++) table[byte] = QUANTILES[byte & 15]! + QUANTILES[byte >> 4]!;
  for (let line = 0; line < lines; line++) {
    const at = PAIRS + line * LINE_WORDS, weight = lineWeights[line]!;
    table[at] = converter.kind === "none" ? floatBits(weight * converter.unit[line]!) : weight;
    if (converter.kind === "uniform") {
      const shift = converter.shift[line]!;
      table.set([shift, shift === 0 ? 0 : 2 ** (shift - 1) - 1, Number(shift > 0), converter.first[line]!], at + 1);
    } else if (converter.kind === "thresholds") {
      table.set([codesAt + line * converter.levels, thresholdsAt + (converter.perColumn ? 0 : line * (converter.levels - 1))], at + 1);
    }
    if (noise === undefined) continue;
    table.set([noise.precision[line]!, noise.levelShift?.[line] ?? 0, deviationsAt + line * levels], at + 5);
    const first = line * (NOISE_LEVELS + 1);
    table.set(noise.deviations.subarray(first, first + levels), deviationsAt + line * levels);
  }
  table.set(tiles, PAIRS + lines * LINE_WORDS);
  if (thresholded !== undefined) {
    table.set(thresholded.codes, codesAt);
    table.set(thresholded.thresholds, thresholdsAt);
  }
  return table;
}
