// Which points a sweep visits, as plain data: every combination, draws, an even filling, or candidates that compete for a growing budget.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { uniform } from "../random.ts";
import { type Axes, checkAxes, gridValues, type Point, valueAt } from "./axes.ts";
import { type HalvingOptions, type HalvingSpace, rungs } from "./halving.ts";
import { SOBOL_DIMENSIONS, sobolPoint } from "./sobol.ts";

/** Every combination of the axes' values, the last axis fastest. */
export interface GridSpace {
  /** Which kind. */
  readonly kind: "grid";
  /** Axes by name. */
  readonly axes: Axes;
}

/** Points drawn independently, or along Sobol's sequence. */
export interface DrawnSpace {
  /** Which kind. */
  readonly kind: "random" | "sobol";
  /** Axes by name. */
  readonly axes: Axes;
  /** Points. */
  readonly count: number;
  /** Seed of the draws, or of the shift of Sobol's sequence; null is none. */
  readonly seed: number | null;
}

/** Spaces whose points are known before anything has run. */
export type FixedSpace = GridSpace | DrawnSpace;

/** Any space of {@linkcode sweep}. */
export type Space = FixedSpace | HalvingSpace;

/** Options of drawn spaces. */
export interface DrawnOptions {
  /** Points to draw. */
  readonly count: number;
  /** Seed, 0 to 2^32 − 1; default 1. For Sobol, null leaves the sequence unshifted. */
  readonly seed?: number | null;
}

const ACTION = "lay out the sweep";
/** Most points of one space: each is a file. */
const MOST = 10_000_000;

/**
 * Every combination of the axes' values, the last axis fastest.
 *
 * @param axes Lists of values, or ranges with `steps`, by name.
 * @throws {OptionError} if an axis is empty, repeats a value, or is not sound.
 *
 * @example
 * ```ts
 * import { gridSpace, spacePoints } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const space = gridSpace({ scheme: ["offset", "pairs"], rows: { from: 64, to: 256, scale: "log", steps: 3, integer: true } });
 * assertEquals(spacePoints(space).length, 6);
 * assertEquals(spacePoints(space)[1], { scheme: "offset", rows: 128 });
 * ```
 */
export function gridSpace(axes: Axes): GridSpace {
  checkAxes(axes, true);
  checkCount("space.axes", Object.values(axes).reduce((count, axis) => count * gridValues(axis).length, 1));
  return { kind: "grid", axes };
}

/**
 * Points drawn independently and uniformly (by ratio on log axes). Point i is the same whatever the count.
 *
 * @throws {OptionError} if an axis or an option is not sound.
 *
 * @example
 * ```ts
 * import { randomSpace, spacePoints } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const axes = { sigma: { from: 0.001, to: 0.1, scale: "log" } } as const;
 * assertEquals(spacePoints(randomSpace(axes, { count: 3 })), spacePoints(randomSpace(axes, { count: 9 })).slice(0, 3));
 * ```
 */
export function randomSpace(axes: Axes, options: DrawnOptions): DrawnSpace {
  return drawn("random", axes, options);
}

/**
 * Points of Sobol's sequence over at most 16 axes: they fill the box evenly, best at counts that are powers of two. See {@linkcode sobolPoint}.
 *
 * @throws {OptionError} if an axis or an option is not sound, or there are more than 16 axes.
 *
 * @example
 * ```ts
 * import { sobolSpace, spacePoints } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const points = spacePoints(sobolSpace({ adcBits: [4, 5, 6, 7], sigma: { from: 0, to: 0.1 } }, { count: 8 }));
 * assertEquals(points.filter(({ adcBits }) => adcBits === 6).length, 2);
 * ```
 */
export function sobolSpace(axes: Axes, options: DrawnOptions): DrawnSpace {
  const space = drawn("sobol", axes, options), dimensions = Object.keys(axes).length;
  if (dimensions <= SOBOL_DIMENSIONS) return space;
  throw new OptionError(ACTION, { where: "space.axes", got: `${dimensions} axes`, wanted: `at most ${SOBOL_DIMENSIONS}` });
}

/**
 * Successive halving: all candidates run on a small budget, the best share of them on `factor` times as much, and so on to the full budget
 * (Jamieson and Talwalkar, AISTATS 2016). The budget is one more coordinate of the points.
 *
 * @param candidates Points that compete.
 * @throws {OptionError} if an option is not sound, or the budget is named as one of the axes.
 *
 * @example
 * ```ts
 * import { gridSpace, halvingSpace, shardCount } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const candidates = gridSpace({ adcBits: [3, 4, 5, 6, 7, 8], rows: [64, 128, 256] });
 * const space = halvingSpace(candidates, { budget: { name: "images", least: 64, most: 576 }, metric: "accuracy", direction: "maximise" });
 * assertEquals(shardCount(space), 18 + 6 + 2);
 * ```
 */
export function halvingSpace(candidates: FixedSpace, options: HalvingOptions): HalvingSpace {
  const where = "space.budget";
  checkOptions(ACTION, "space", options, ["budget", "factor", "metric", "direction"]);
  checkOptions(ACTION, where, options.budget, ["name", "least", "most", "integer"]);
  const { budget: { name, least, most, integer = true }, factor = 3, metric, direction } = options;
  if (!["grid", "random", "sobol"].includes(candidates?.kind)) {
    throw new OptionError(ACTION, { where: "space.candidates", got: candidates, wanted: "a grid, random or Sobol space" });
  }
  if (typeof name !== "string" || name === "" || name in candidates.axes) {
    throw new OptionError(ACTION, { where: `${where}.name`, got: name, wanted: "a name that is none of the axes'" });
  }
  if (!Number.isFinite(least) || least <= 0 || !Number.isFinite(most) || most < least) {
    throw new OptionError(ACTION, { where, got: [least, most], wanted: "0 < least ≤ most" });
  }
  if (typeof integer !== "boolean" || integer && !(Number.isInteger(least) && Number.isInteger(most))) {
    throw new OptionError(ACTION, { where, got: [least, most], wanted: "integers, or integer: false" });
  }
  if (!Number.isFinite(factor) || factor <= 1) throw new OptionError(ACTION, { where: "space.factor", got: factor, wanted: "above 1" });
  if (typeof metric !== "string" || metric === "") {
    throw new OptionError(ACTION, { where: "space.metric", got: metric, wanted: "a name in the results, such as accuracy.crossbar" });
  }
  if (direction !== "maximise" && direction !== "minimise") {
    throw new OptionError(ACTION, { where: "space.direction", got: direction, wanted: "maximise or minimise" });
  }
  return { kind: "halving", candidates, budget: { name, least, most, integer }, factor, metric, direction };
}

/** Points of a space, in order of their shards; of successive halving, the candidates. */
export function spacePoints(space: Space): readonly Point[] {
  if (space.kind === "halving") return spacePoints(space.candidates);
  const entries = Object.entries(space.axes);
  if (space.kind === "grid") {
    return entries.reduce<readonly Point[]>(
      (points, [name, axis]) => points.flatMap((point) => gridValues(axis).map((value) => ({ ...point, [name]: value }))),
      [{}],
    );
  }
  const { count, kind, seed } = space;
  return Array.from({ length: count }, (_, index) => {
    const shares = kind === "sobol"
      ? sobolPoint(index, entries.length, seed ?? undefined)
      : entries.map((_, axis) => uniform(seed ?? 0, index, axis));
    return Object.fromEntries(entries.map(([name, axis], at) => [name, valueAt(axis, shares[at]!)]));
  });
}

/** Shards of a space if none fails. */
export function shardCount(space: Space): number {
  if (space.kind === "halving") return rungs(space, shardCount(space.candidates)).reduce((sum, { count }) => sum + count, 0);
  if (space.kind !== "grid") return space.count;
  return Object.values(space.axes).reduce((count, axis) => count * gridValues(axis).length, 1);
}

/** Builds a space anew from what may be a parsed file or a hand-written literal, so that every space is checked once. */
export function checkSpace(space: Space): Space {
  switch (space?.kind) {
    case "grid":
      return gridSpace(space.axes);
    case "random":
    case "sobol":
      return (space.kind === "sobol" ? sobolSpace : randomSpace)(space.axes, { count: space.count, seed: space.seed });
    case "halving": {
      const { budget, factor, metric, direction } = space;
      return halvingSpace(checkSpace(space.candidates) as FixedSpace, { budget, factor, metric, direction });
    }
  }
  throw new OptionError(ACTION, { where: "space", got: space, wanted: "gridSpace, randomSpace, sobolSpace or halvingSpace" });
}

function drawn(kind: "random" | "sobol", axes: Axes, options: DrawnOptions): DrawnSpace {
  checkOptions(ACTION, "space", options, ["count", "seed"]);
  checkAxes(axes, false);
  const { count, seed = 1 } = options;
  checkCount("space.count", count);
  if (!(Number.isInteger(seed) && seed! >= 0 && seed! < 2 ** 32) && !(seed === null && kind === "sobol")) {
    throw new OptionError(ACTION, { where: "space.seed", got: seed, wanted: "an integer from 0 to 2^32 − 1" });
  }
  return { kind, axes, count, seed };
}

function checkCount(where: string, count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= MOST) return;
  throw new OptionError(ACTION, { where, got: `${count} points`, wanted: `1 to ${MOST}` });
}
