// How far evenly spaced codes are from a sample, as a function of their step: what error-driven methods start from and follow.

import { roundSmall } from "./round.ts";

/** Most values looked at where all would take too long; a prime, so that evenly chosen places do not fall on one tap of a kernel. */
export const LARGEST_SAMPLE = 16381;

/** Steps tried, as shares of the one that reaches the largest value. */
const CANDIDATES = 80;

/** Mean of (x − step · clip(round(x / step), low, high))². */
export function quantizationError(sample: ArrayLike<number>, step: number, low: number, high: number): number {
  let sum = 0;
  for (let i = 0; i < sample.length; i++) {
    const x = sample[i]!, code = roundSmall(Math.min(Math.max(x / step, low), high)), error = x - code * step;
    sum += error * error;
  }
  return sample.length === 0 ? 0 : sum / sample.length;
}

/** The step of least error among shares k/80 of the one at which nothing is clipped; 1 for a sample of zeros. Looks at 16381 evenly chosen values at most. */
export function bestStep(values: ArrayLike<number>, low: number, high: number): number {
  const count = Math.min(values.length, LARGEST_SAMPLE), sample = new Float32Array(count);
  let peak = 0;
  for (let i = 0; i < count; i++) {
    sample[i] = values[Math.floor(i * values.length / count)]!;
    peak = Math.max(peak, Math.abs(sample[i]!));
  }
  if (peak === 0) return 1;
  let best = peak / high, least = Infinity;
  for (let k = CANDIDATES; k >= 1; k--) {
    const step = peak / high * k / CANDIDATES, error = quantizationError(sample, step, low, high);
    if (error < least) [best, least] = [step, error];
  }
  return best;
}

/**
 * LLSQ's direction of the step (Zhao et al., 2020): with a₁ = E(s) − E(s/2) and a₂ = E(2s) − E(s), +1 (shrink) if a₁ ≥ 0 and (a₂ > 0 or a₁ + a₂ ≥ 0), −1
 * (grow) if a₂ ≤ 0 and it does not shrink, else 0.
 */
export function stepDirection(sample: ArrayLike<number>, step: number, low: number, high: number): -1 | 0 | 1 {
  const here = quantizationError(sample, step, low, high);
  const a1 = here - quantizationError(sample, step / 2, low, high), a2 = quantizationError(sample, 2 * step, low, high) - here;
  if (a1 >= 0 && (a2 > 0 || a1 + a2 >= 0)) return 1;
  return a2 <= 0 ? -1 : 0;
}
