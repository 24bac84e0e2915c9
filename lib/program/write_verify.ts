// Write-verify, pulse by pulse: cells are written, read and written again until their error is small enough, and what that took is counted.

import { OptionError } from "../errors.ts";
import { hashOn, normalOf } from "../random.ts";
import { checkVerify, type VerifyOptions, type WriteVerify } from "./verify_options.ts";

/** What writing cells took. */
export interface WriteCost {
  /** Cells written. */
  readonly cells: number;
  /** Cells that went through write-verify. */
  readonly verified: number;
  /** Verified cells that the most pulses left out of tolerance. */
  readonly failed: number;
  /** Pulses of all cells; a cell written open loop takes one. */
  readonly pulses: number;
  /** Pulses of verified cells: the write cycles of write-verify. */
  readonly cycles: number;
  /** Verifying reads. */
  readonly reads: number;
  /** Time in ns; cells of an array are written one after the other. */
  readonly time: number;
  /** Energy in pJ. */
  readonly energy: number;
}

/** Cells after their loops; errors in the unit of σ₀ and the tolerance. */
export interface VerifiedCells {
  /** Error after the first pulse: that of a cell written open loop. */
  readonly open: Float64Array;
  /** Error in the end. */
  readonly left: Float64Array;
  /** Pulses of each cell. */
  readonly pulses: Uint32Array;
  /** Verifying reads of each cell: one after every pulse. */
  readonly reads: Uint32Array;
  /** Cells left out of tolerance, disturbance aside. */
  readonly failed: number;
}

/**
 * Writes cells with an error N(0, σ₀²) and verifies each until its error is below the tolerance.
 *
 * With "redraw" and no disturbance the mean of pulses is 1/P and the deviation left σ₀ · √(1 − 2aφ(a)/P), with a = tolerance/σ₀ and P = 2Φ(a) − 1
 * ({@linkcode verifyStatistics}).
 *
 * @param count Number of cells; they stand in rows of `columns` and are verified in order.
 * @param key Seed of the cells.
 * @param columns Cells per row, among which pulses disturb; default all in one row.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { verifyCells } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const { left, pulses } = verifyCells(10_000, 0.1, { tolerance: 0.06 }, 1);
 * assert(left.every((error) => Math.abs(error) < 0.06));
 * assert(Math.abs(pulses.reduce((sum, n) => sum + n, 0) / 10_000 - 2.215) < 0.1);
 * ```
 */
export function verifyCells(count: number, sigma: number, options: VerifyOptions, key: number, columns: number = count): VerifiedCells {
  const verify = checkVerify("write and verify cells", "verify", options);
  if (!(Number.isFinite(sigma) && sigma >= 0)) {
    throw new OptionError("write and verify cells", { where: "sigma", got: sigma, wanted: "a standard deviation of at least 0" });
  }
  const open = new Float64Array(count), left = new Float64Array(count), pulses = new Uint32Array(count);
  let failed = 0;
  for (let cell = 0; cell < count; cell++) {
    const own = hashOn(key, cell), redraw = (pulse: number) => sigma * normalOf(hashOn(own, pulse));
    open[cell] = redraw(0);
    const loop = verifyCell(open[cell]!, verify, own, redraw);
    left[cell] = loop.error;
    pulses[cell] = loop.pulses;
    if (Math.abs(loop.error) >= verify.tolerance) failed++;
  }
  disturb(left, pulses, columns, verify, key);
  return { open, left, pulses, reads: pulses.slice(), failed };
}

/**
 * The loop of one cell from its first error on.
 *
 * @param own Key of the cell's random numbers.
 * @param redraw Error that writing the cell anew gives, by number of the pulse.
 */
export function verifyCell(
  first: number,
  { tolerance, loop, step, pulseError, maxPulses }: WriteVerify,
  own: number,
  redraw: (pulse: number) => number,
): { readonly error: number; readonly pulses: number } {
  let error = first, pulses = 1;
  for (; Math.abs(error) >= tolerance && pulses < maxPulses; pulses++) {
    if (loop === "redraw") error = redraw(pulses);
    else {
      const move = step * error;
      error += -move + pulseError * Math.abs(move) * normalOf(hashOn(own, pulses));
    }
  }
  return { error, pulses };
}

/** Counter of disturbance, beyond any cell. */
export const DISTURB = 0xffffffff;

/** Pulses of later cells of a row move those that passed: as many small errors as pulses, drawn as the one normal number that they sum to. */
function disturb(left: Float64Array, pulses: Uint32Array, columns: number, { disturb }: WriteVerify, key: number): void {
  if (disturb === 0) return;
  for (let start = 0; start < left.length; start += columns) {
    let later = 0;
    for (let cell = Math.min(start + columns, left.length) - 1; cell >= start; cell--) {
      left[cell]! += disturb * Math.sqrt(later) * normalOf(hashOn(hashOn(key, DISTURB), cell));
      later += pulses[cell]!;
    }
  }
}

/** What a closed form says of the "redraw" loop with no limit of pulses and no disturbance. */
export interface VerifyStatistics {
  /** Mean number of pulses. */
  readonly cycles: number;
  /** Standard deviation of the error left. */
  readonly deviation: number;
}

/** Mean pulses and deviation left of {@linkcode verifyCells} with "redraw": 1/P and σ₀ · √(1 − 2aφ(a)/P). */
export function verifyStatistics(sigma: number, tolerance: number): VerifyStatistics {
  const a = tolerance / sigma, passes = 2 * normalBelow(a) - 1;
  const density = Math.exp(-a * a / 2) / Math.sqrt(2 * Math.PI);
  return { cycles: 1 / passes, deviation: sigma * Math.sqrt(Math.max(0, 1 - 2 * a * density / passes)) };
}

/**
 * The tolerance whose "redraw" loop leaves a given deviation.
 *
 * @param deviation Above 0 and below `sigma`.
 * @throws {OptionError} if it is not.
 */
export function toleranceFor(sigma: number, deviation: number): number {
  if (!(deviation > 0 && deviation < sigma)) {
    throw new OptionError("find a tolerance", { where: "deviation", got: deviation, wanted: `a number above 0 and below σ = ${sigma}` });
  }
  let low = 0, high = 40 * sigma;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (verifyStatistics(sigma, middle).deviation < deviation) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Φ, by its series about 0 up to 6 deviations: error below 1e-15 where it is used. */
function normalBelow(x: number): number {
  if (x > 8) return 1;
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 400; n++) {
    term *= x * x / (2 * n + 1);
    sum += term;
  }
  return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
}

/** Cost of cells: `pulses` and `reads` of each verified one, and how many more were written open loop. */
export function writeCost(
  verify: WriteVerify,
  { pulses, reads, failed = 0, open = 0 }: {
    readonly pulses: ArrayLike<number>;
    readonly reads: ArrayLike<number>;
    readonly failed?: number;
    readonly open?: number;
  },
): WriteCost {
  let cycles = 0, looked = 0;
  for (let cell = 0; cell < pulses.length; cell++) {
    cycles += pulses[cell]!;
    looked += reads[cell]!;
  }
  const all = cycles + open, verified = pulses.length;
  return {
    cells: verified + open,
    verified,
    failed,
    pulses: all,
    cycles,
    reads: looked,
    time: all * verify.pulseTime + looked * verify.readTime,
    energy: all * verify.pulseEnergy + looked * verify.readEnergy,
  };
}

/** Costs of cells that are written one after the other. */
export function addCosts(...costs: readonly WriteCost[]): WriteCost {
  const sum = (name: keyof WriteCost) => costs.reduce((total, cost) => total + cost[name], 0);
  return {
    cells: sum("cells"),
    verified: sum("verified"),
    failed: sum("failed"),
    pulses: sum("pulses"),
    cycles: sum("cycles"),
    reads: sum("reads"),
    time: sum("time"),
    energy: sum("energy"),
  };
}

/** Costs of arrays that are written side by side: counts and energies add up, the longest time counts. */
export function joinCosts(costs: readonly WriteCost[]): WriteCost {
  return { ...addCosts(...costs), time: costs.reduce((most, { time }) => Math.max(most, time), 0) };
}
