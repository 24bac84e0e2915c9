// Cycles of layers by a mapper, asked once per shape; where mapping is slow, estimated from a bound until it matters.

import { MappingError } from "../errors.ts";
import type { Problem } from "../map/placement.ts";

/** Anything that counts the cycles of a layer. */
export type CycleSource = (problem: Problem) => { readonly cycles: number };

/** Cycles of layers. */
export interface CycleCount {
  /** The mapper's. */
  exact(problem: Problem): number;
  /**
   * The mapper's if they are known or there is no bound; else the bound times the mean ratio of cycles to bound of the shapes of that layer mapped so far.
   */
  estimate(problem: Problem): number;
}

/**
 * Remembers what a mapper says.
 *
 * @throws {MappingError} (on counting) if the mapper gives no positive number.
 */
export function cycleCount(mapper: CycleSource, bound?: CycleSource): CycleCount {
  const known = new Map<string, number>(), bounds = new Map<string, number>();
  const ratios = new Map<string, { sum: number; count: number }>();
  const bounded = (problem: Problem, key: string): number => {
    const cycles = bounds.get(key) ?? bound!(problem).cycles;
    bounds.set(key, cycles);
    return cycles;
  };
  const exact = (problem: Problem): number => {
    const key = keyOf(problem), before = known.get(key);
    if (before !== undefined) return before;
    const { cycles } = mapper(problem);
    if (!(cycles > 0)) {
      throw new MappingError("count cycles", { where: "mapper", got: cycles, wanted: "a positive number of cycles" });
    }
    known.set(key, cycles);
    if (bound !== undefined) {
      const ratio = ratios.get(windowOf(problem)) ?? { sum: 0, count: 0 };
      ratios.set(windowOf(problem), { sum: ratio.sum + cycles / bounded(problem, key), count: ratio.count + 1 });
    }
    return cycles;
  };
  const estimate = (problem: Problem): number => {
    if (bound === undefined) return exact(problem);
    const key = keyOf(problem), { sum, count } = ratios.get(windowOf(problem)) ?? { sum: 1, count: 1 };
    return known.get(key) ?? bounded(problem, key) * sum / count;
  };
  return { exact, estimate };
}

function keyOf({ geometry: { inputShape, outputShape, groups }, geometry }: Problem): string {
  return `${windowOf({ geometry })} ${groups} ${inputShape[2]} ${outputShape[2]}`;
}

/** The layer without its channels. */
function windowOf({ geometry: { kernel, stride, padding, dilation, inputShape, outputShape, groups } }: Pick<Problem, "geometry">): string {
  return [kernel, stride, padding, dilation, inputShape.slice(0, 2), outputShape.slice(0, 2), Math.min(groups, 2)].join(" ");
}
