// Noise of conversions in integers: a counter hash whose nibbles pick normal quantiles, so that TypeScript, WebAssembly and WGSL draw the same bits.

import { hash, mix } from "../random.ts";

/** Levels of Σ variance that a table of deviations tells apart, besides none at all. */
export const NOISE_LEVELS = 4096;

/** Spreads channels over the hash. */
export const CHANNEL_STEP = 0x9e3779b9;

/** rint(64 · quantile) of a standard normal variable at (k + ½) / 16: what each nibble of a hash adds to a draw; i8. */
export const QUANTILES: readonly number[] = [-119, -84, -65, -50, -37, -26, -15, -5, 5, 15, 26, 37, 50, 65, 84, 119];

/** Standard deviation of {@linkcode draw}: eight quantiles added up. */
export const DRAW_DEVIATION: number = Math.sqrt(QUANTILES.reduce((sum, quantile) => sum + quantile ** 2, 0) / 2);

/** Largest magnitude of {@linkcode draw}, 5.3 deviations. */
export const DRAW_LIMIT = 8 * 119;

/**
 * Nearly normal integer of mean 0 and deviation {@linkcode DRAW_DEVIATION} (excess kurtosis −0.06).
 *
 * @param key Key of the step.
 * @param image Number of the image in the data set.
 * @param position Output position, line · width + column.
 * @param conversion (tile · digits + digit) · lines + line.
 * @param channel Output channel.
 */
export function draw(key: number, image: number, position: number, conversion: number, channel: number): number {
  return nibbles(mix((hash(key, image, position, conversion) + Math.imul(channel, CHANNEL_STEP)) >>> 0));
}

/** Quantiles of a hash's eight nibbles, added up. */
export function nibbles(bits: number): number {
  let sum = 0;
  for (let shift = 0; shift < 32; shift += 4) sum += QUANTILES[(bits >>> shift) & 15]!;
  return sum;
}
