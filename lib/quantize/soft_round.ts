// The arctangent soft round and the gain that matches it to the hard one: surrogates whose derivatives stand for that of rounding.

import { LARGEST_SAMPLE } from "./quantization_error.ts";
import { roundSmall } from "./round.ts";
import type { SoftSlope } from "./quantizer.ts";

/**
 * ⌊x⌋ + ½ + atan(κ(r − ½)) / (2·atan(κ/2)), r = x − ⌊x⌋: continuous, the integers in place, towards the hard round as κ grows, towards x as it falls.
 *
 * @example
 * ```ts
 * import { softRound } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(softRound(1.5, 4), 1.5);
 * assertAlmostEquals(softRound(1.9, 1000), 2, 0.01);
 * ```
 */
export function softRound(x: number, kappa: number): number {
  const floor = Math.floor(x);
  return floor + 0.5 + Math.atan(kappa * (x - floor - 0.5)) / (2 * Math.atan(kappa / 2));
}

/** Derivative of {@linkcode softRound}: κ / [2·atan(κ/2)(1 + κ²(r − ½)²)], never zero. */
export function softSlope(kappa: number): SoftSlope {
  return { gain: kappa / (2 * Math.atan(kappa / 2)), sharpness: kappa * kappa };
}

/**
 * The factor λ for which λ · f(x/s) is nearest, in squares, to the codes of the sample, f being the clipped surrogate of the rounding: the soft round, or the
 * identity where `kappa` is undefined. 1 where the surrogate is 0 throughout. Looks at 16381 evenly chosen values at most.
 */
export function matchingGain(sample: ArrayLike<number>, step: number, low: number, high: number, kappa?: number): number {
  let cross = 0, square = 0;
  const count = Math.min(sample.length, LARGEST_SAMPLE);
  for (let k = 0; k < count; k++) {
    const v = Math.min(Math.max(sample[Math.floor(k * sample.length / count)]! / step, low), high),
      f = kappa === undefined ? v : softRound(v, kappa);
    cross += roundSmall(v) * f;
    square += f * f;
  }
  return square > 0 && cross > 0 ? cross / square : 1;
}
