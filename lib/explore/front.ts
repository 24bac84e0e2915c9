// Pareto fronts over any number of objectives, each with its own direction.

import { NumericError, OptionError } from "../errors.ts";

/** Which way is better. */
export type Direction = "min" | "max";

const ACTION = "find a Pareto front";

/**
 * Indices of the points that no other beats, ascending: a point is beaten by one that is at least as good in every objective and better in one. Of equal points
 * the first is kept.
 *
 * @param points `[points][objectives]`.
 * @param directions One per objective.
 * @throws {OptionError} if a direction is neither "min" nor "max", or a point has another number of values.
 * @throws {NumericError} if a value is not a number.
 *
 * @example
 * ```ts
 * import { paretoSet } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(paretoSet([[90, 2, 5], [80, 1, 5], [85, 3, 5], [85, 3, 4]], ["max", "min", "min"]), [0, 1, 3]);
 * ```
 */
export function paretoSet(points: readonly (readonly number[])[], directions: readonly Direction[]): readonly number[] {
  const bad = directions.find((direction) => direction !== "min" && direction !== "max");
  if (bad !== undefined || directions.length === 0) {
    throw new OptionError(ACTION, { where: "directions", got: bad ?? "none", wanted: '"min" or "max" for each objective' });
  }
  points.forEach((point, index) => {
    if (point.length !== directions.length) {
      throw new OptionError(ACTION, { where: `points[${index}]`, got: `${point.length} values`, wanted: String(directions.length) });
    }
    if (point.some(Number.isNaN)) throw new NumericError(ACTION, { where: `points[${index}]`, got: point, wanted: "numbers" });
  });
  // By ascending cost, so that a point can only be beaten by one that was kept before it.
  const costs = points.map((point) => point.map((value, at) => directions[at] === "min" ? value : -value));
  const order = [...costs.keys()].sort((a, b) => lexical(costs[a]!, costs[b]!) || a - b), kept: number[] = [];
  for (const index of order) if (!kept.some((other) => noWorse(costs[other]!, costs[index]!))) kept.push(index);
  return kept.sort((a, b) => a - b);
}

/** Whether costs are at most those of another point in every objective. */
export function noWorse(costs: readonly number[], others: readonly number[]): boolean {
  return costs.every((cost, at) => cost <= others[at]!);
}

function lexical(a: readonly number[], b: readonly number[]): number {
  for (const [at, value] of a.entries()) if (value !== b[at]) return value < b[at]! ? -1 : 1;
  return 0;
}
