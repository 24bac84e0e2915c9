// Learning-rate schedules: plain data, so that a run can be printed and repeated.

import { OptionError } from "../errors.ts";

/** Learning rate over a run. Shares are of the whole run, 0 to 1. */
export type Schedule =
  /** Linear from peak/25 over the first `warmup` share (default 0), then half a cosine down to peak/1000. */
  | { readonly kind: "cosine"; readonly peak: number; readonly warmup?: number }
  /** Starts at `rate` and is multiplied by `factor` (default 0.1) at each share in `at`. */
  | { readonly kind: "step"; readonly rate: number; readonly at: readonly number[]; readonly factor?: number };

/**
 * Learning rate at a share of the run.
 *
 * @example
 * ```ts
 * import { learningRate } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(learningRate({ kind: "step", rate: 0.1, at: [0.5] }, 0.6), 0.01);
 * ```
 */
export function learningRate(schedule: Schedule, share: number): number {
  switch (schedule.kind) {
    case "cosine": {
      const warmup = schedule.warmup ?? 0, low = schedule.peak / 1000;
      if (share < warmup) return schedule.peak * (1 / 25 + (1 - 1 / 25) * share / warmup);
      return low + (schedule.peak - low) * (1 + Math.cos(Math.PI * (share - warmup) / (1 - warmup))) / 2;
    }
    case "step":
      return schedule.rate * (schedule.factor ?? 0.1) ** schedule.at.filter((moment) => share >= moment).length;
    default:
      throw new OptionError("schedule a learning rate", {
        where: "schedule.kind",
        got: (schedule as Schedule).kind,
        wanted: '"cosine" or "step"',
      });
  }
}
