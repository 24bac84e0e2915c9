// Batch norm, ReLU and activation quantisation as integer comparisons, exact by construction: thresholds are searched, not solved for.

import { NumericError } from "../../errors.ts";
import { roundHalfEven } from "../../quantize/round.ts";
import type { ThresholdStep } from "../program.ts";

/** Real value of an integer sum: x = (gain · sum + constant[c]) · scale[c] + bias[c], evaluated in f64 in this order. */
export interface SumScale {
  /** Factor of the integer sum, the same for all channels. */
  readonly gain: number;
  /** `[channels]`. */
  readonly constant: Float64Array;
  /** `[channels]`. */
  readonly scale: Float64Array;
  /** `[channels]`. */
  readonly bias: Float64Array;
}

/** Largest sum that thresholds tell apart; the next integer stands for "never". */
const LAST = 2 ** 31 - 2;

/** Code of an integer sum: clamp(rint(x / step), 0, levels) with x as {@linkcode SumScale} says. The definition thresholds reproduce. */
export function codeOfSum({ gain, constant, scale, bias }: SumScale, channel: number, sum: number, step: number, levels: number): number {
  const real = (gain * sum + constant[channel]!) * scale[channel]! + bias[channel]!;
  return Math.min(Math.max(roundHalfEven(real / step), 0), levels);
}

/**
 * Thresholds with which code[c] = number of k with sign[c] · sum ≥ thresholds[c, k] equals {@linkcode codeOfSum} for every sum of magnitude
 * below 2^31 − 1. Rounding in f64 is monotone, so a bisection per threshold finds the very integer at which the code changes.
 *
 * @param step Real value of one activation code.
 * @param levels Largest activation code.
 * @throws {NumericError} if a scale is not finite or `step` not positive.
 *
 * @example
 * ```ts
 * import { activationThresholds } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const scale = { gain: 1, constant: Float64Array.of(0), scale: Float64Array.of(0.5), bias: Float64Array.of(0) };
 * assertEquals([...activationThresholds(scale, 1, 3).thresholds], [2, 3, 6]); // halves go to the even code
 * ```
 */
export function activationThresholds(sums: SumScale, step: number, levels: number): Pick<ThresholdStep, "thresholds" | "levels" | "sign"> {
  const { gain, constant, scale, bias } = sums;
  const channels = scale.length;
  if (!(step > 0) || ![gain, step, ...constant, ...scale, ...bias].every(Number.isFinite)) {
    throw new NumericError("turn an activation into thresholds", { got: { gain, step }, wanted: "finite scales and a positive step" });
  }
  const thresholds = new Int32Array(channels * levels);
  const sign = new Int8Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const direction = gain * scale[channel]! < 0 ? -1 : 1;
    sign[channel] = direction;
    let below = -LAST - 1;
    for (let level = 1; level <= levels; level++) {
      const reached = (sum: number) => codeOfSum(sums, channel, direction * sum, step, levels) >= level;
      let above = LAST + 1;
      if (reached(below)) {
        thresholds[channel * levels + level - 1] = below === -LAST - 1 ? -(2 ** 31) : below;
        continue;
      }
      let low = below;
      while (above - low > 1) {
        const middle = Math.floor((low + above) / 2);
        if (reached(middle)) above = middle;
        else low = middle;
      }
      thresholds[channel * levels + level - 1] = above;
      below = above;
    }
  }
  return { thresholds, levels, sign };
}
