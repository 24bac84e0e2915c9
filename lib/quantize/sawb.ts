// SAWB: the clipping level of weights from their first two absolute moments.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { measured } from "./measured.ts";
import type { WeightQuantizer } from "./quantizer.ts";
import { roundSmall } from "./round.ts";

/** Options of {@linkcode sawb}. */
export interface SawbOptions {
  /** Bits per weight: 2, 3, 4, 5 or 8, for which coefficients are published. */
  readonly bits: number;
  /** One level per output channel instead of one for the tensor; default false. */
  readonly perChannel?: boolean;
}

/** c₁ of sqrt(E w²) and c₂ of E|w|, by bits. */
const COEFFICIENTS: Readonly<Record<number, readonly [number, number]>> = {
  2: [3.12, -2.064],
  3: [7.509, -6.892],
  4: [12.68, -12.80],
  5: [17.74, -18.64],
  8: [31.76, -35.04],
};

/**
 * SAWB's clipping level α* = c₁ · sqrt(E w²) + c₂ · E|w| (Choi et al., 2019), which nearly minimises the squared error for usual distributions. Where the sum
 * is not positive (magnitudes nearly equal, which the fit does not cover) it is the largest magnitude; 1 for zeros.
 *
 * @throws {OptionError} if there are no coefficients for these bits.
 *
 * @example
 * ```ts
 * import { sawbLevel } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(sawbLevel([0, 2, 0, -2], 2), 3.12 * Math.SQRT2 - 2.064);
 * ```
 */
export function sawbLevel(weights: ArrayLike<number>, bits: number): number {
  const [c1, c2] = coefficients(bits);
  let squares = 0, magnitudes = 0, peak = 0;
  for (let i = 0; i < weights.length; i++) {
    const magnitude = Math.abs(weights[i]!);
    squares += magnitude * magnitude;
    magnitudes += magnitude;
    peak = Math.max(peak, magnitude);
  }
  const count = Math.max(1, weights.length), level = c1 * Math.sqrt(squares / count) + c2 * magnitudes / count;
  return level > 0 ? level : peak > 0 ? peak : 1;
}

/**
 * SAWB weight quantizer: code = round((clip(w, −α*, α*) / (2α*) + ½)(2^n − 1)), offset binary without an exact zero; the gradient is the identity, α* held
 * constant.
 *
 * @throws {OptionError} if an option is unknown, or there are no coefficients for `bits`.
 */
export function sawb(options: SawbOptions): WeightQuantizer {
  checkOptions("make a quantizer", "sawb", options, ["bits", "perChannel"]);
  const { bits, perChannel } = options, top = 2 ** bits - 1, zero = top / 2;
  coefficients(bits);
  return measured("sawb", { bits, signed: false, zero, perChannel }, (weights) => {
    const unit = Math.fround(2 * sawbLevel(weights, bits) / top);
    return { unit, code: (weight) => roundSmall(Math.min(Math.max(weight / unit + zero, 0), top)) };
  });
}

function coefficients(bits: number): readonly [number, number] {
  const found = COEFFICIENTS[bits];
  if (found !== undefined) return found;
  throw new OptionError("make a quantizer", { where: "sawb.bits", got: bits, wanted: `one of ${Object.keys(COEFFICIENTS).join(", ")}` });
}
