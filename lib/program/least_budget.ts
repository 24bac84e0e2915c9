// The least budget that keeps an accuracy: bisection over shares, each judged by as many chips as its verdict needs.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { monteCarlo } from "../simulate/monte_carlo.ts";

/** Options of {@linkcode leastBudget}. */
export interface LeastBudgetOptions {
  /** Mean accuracy wanted, above 0 and below 1. */
  readonly target: number;
  /** Probability of the interval of the mean that has to lie above the target; default 0.95. */
  readonly confidence?: number;
  /** Most chips per share; default 20. */
  readonly draws?: number;
  /** Width of the last bracket of shares; default 0.01. */
  readonly resolution?: number;
  /** Stops between chips. */
  readonly signal?: AbortSignal;
}

/** One share that was tried. */
export interface BudgetTrial {
  /** Share verified. */
  readonly share: number;
  /** Mean accuracy. */
  readonly mean: number;
  /** Confidence interval of the mean. */
  readonly interval: readonly [lo: number, hi: number];
  /** Chips it took. */
  readonly draws: number;
  /** Whether the whole interval lies at or above the target. */
  readonly reached: boolean;
}

/** The least share found. */
export interface LeastBudget {
  /** Least share that was seen to reach the target; undefined if verifying everything does not. */
  readonly share: number | undefined;
  /** All shares tried, in order. */
  readonly trials: readonly BudgetTrial[];
}

const ACTION = "find the least budget";

/**
 * Bisects for the least share whose mean accuracy is at least `target` with the confidence wanted, assuming that accuracy grows with it. A share counts as too
 * small unless the whole interval lies above the target. Chips are drawn 4 at a time until the verdict is clear.
 *
 * @param accuracy Accuracy of chip number `draw` with a share verified.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { drawNormal, leastBudget } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const chip = (share: number, draw: number) => 0.9 + 0.08 * Math.sqrt(share) + 0.001 * drawNormal(1, draw);
 * const { share } = await leastBudget(chip, { target: 0.94 });
 * assert(Math.abs(share! - 0.25) < 0.03);
 * ```
 */
export async function leastBudget(
  accuracy: (share: number, draw: number) => number | Promise<number>,
  options: LeastBudgetOptions,
): Promise<LeastBudget> {
  checkOptions(ACTION, "leastBudget", options, ["target", "confidence", "draws", "resolution", "signal"]);
  const { target, confidence = 0.95, draws = 20, resolution = 0.01, signal } = options;
  const refuse = (where: string, got: unknown, wanted: string): never => {
    throw new OptionError(ACTION, { where: `leastBudget.${where}`, got, wanted });
  };
  if (!(target > 0 && target < 1)) refuse("target", target, "an accuracy above 0 and below 1");
  if (!(resolution > 0 && resolution < 1)) refuse("resolution", resolution, "a share above 0 and below 1");
  if (!Number.isInteger(draws) || draws < 2) refuse("draws", draws, "an integer of at least 2");
  const trials: BudgetTrial[] = [];
  const reached = async (share: number) => {
    let known: Awaited<ReturnType<typeof monteCarlo>> | undefined;
    for (let count = Math.min(4, draws);; count = Math.min(count + 4, draws)) {
      known = await monteCarlo(async (draw) => await accuracy(share, draw), {
        draws: count,
        confidence,
        ...(signal === undefined ? {} : { signal }),
        ...(known === undefined ? {} : { resume: known }),
      });
      signal?.throwIfAborted();
      const { mean, interval } = known.summary["value"]!, [lo, hi] = interval!;
      if (lo < target && hi >= target && count < draws) continue;
      trials.push({ share, mean, interval: [lo, hi], draws: count, reached: lo >= target });
      return lo >= target;
    }
  };
  if (await reached(0)) return { share: 0, trials };
  if (!await reached(1)) return { share: undefined, trials };
  let low = 0, high = 1;
  while (high - low > resolution) {
    const middle = (low + high) / 2;
    if (await reached(middle)) high = middle;
    else low = middle;
  }
  return { share: high, trials };
}
