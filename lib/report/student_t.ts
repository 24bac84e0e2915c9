// Student's t distribution: how far a mean of few samples can be off. Own code, since it is one continued fraction and one bisection.

import { OptionError } from "../errors.ts";

const ACTION = "invert Student's t";

/**
 * Two-sided critical value: |t| stays at or below it with probability `confidence`. Relative error below 1e-9 up to 10⁶ degrees of freedom.
 *
 * @param confidence Probability inside, above 0 and below 1.
 * @param freedom Degrees of freedom, at least 1; n − 1 for the mean of n samples.
 * @throws {OptionError} if either is out of range.
 *
 * @example
 * ```ts
 * import { studentT } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(studentT(0.95, 4), 2.7764451052, 1e-9);
 * ```
 */
export function studentT(confidence: number, freedom: number): number {
  if (!(confidence > 0 && confidence < 1)) {
    throw new OptionError(ACTION, { where: "confidence", got: confidence, wanted: "a probability above 0 and below 1" });
  }
  if (!(freedom >= 1 && Number.isFinite(freedom))) {
    throw new OptionError(ACTION, { where: "freedom", got: freedom, wanted: "a finite number of at least 1" });
  }
  let low = 0, high = 1;
  while (inside(high, freedom) < confidence) [low, high] = [high, 2 * high];
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (inside(middle, freedom) < confidence) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(|T| ≤ t): one minus the regularised incomplete beta function at freedom / (freedom + t²), each side by the argument that keeps its digits. */
function inside(t: number, freedom: number): number {
  const square = t * t;
  return square < freedom
    ? incompleteBeta(square / (freedom + square), 0.5, freedom / 2)
    : 1 - incompleteBeta(freedom / (freedom + square), freedom / 2, 0.5);
}

/** I_x(a, b) by its continued fraction, turned to where it converges fast. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * fraction(x, a, b) / a : 1 - front * fraction(1 - x, b, a) / b;
}

/** The continued fraction of the incomplete beta function, by Lentz's method. */
function fraction(x: number, a: number, b: number): number {
  const guard = (value: number) => Math.abs(value) < 1e-300 ? 1e-300 : value;
  let c = 1, d = 1 / guard(1 - (a + b) * x / (a + 1)), result = d;
  for (let m = 1; m < 10_000; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 / guard(1 + term * d);
      c = guard(1 + term / c);
      change = c * d;
      result *= change;
    }
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return result;
}

/** ln Γ(x) for x > 0: Stirling's series after stepping up to where it holds to the last digits. */
function logGamma(x: number): number {
  let shift = 0, at = x;
  for (; at < 12; at++) shift += Math.log(at);
  const inverse = 1 / at, square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))));
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
