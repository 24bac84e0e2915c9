// Range calibration: from how often each partial sum was seen, the limits that serve a converter best.

import { NumericError } from "../errors.ts";

/** How {@linkcode chooseRange} picks limits. */
export interface RangeOptions {
  /** "minmax" keeps every sum seen; "percentile" a share of them; "mse" the least mean squared error of the conversion. */
  readonly method: "minmax" | "percentile" | "mse";
  /** Number of codes. */
  readonly levels: number;
  /** Partial sum counted in the histogram's first bin. */
  readonly min: number;
  /** Share of sums kept by "percentile", default 0.9999. */
  readonly percentile?: number;
}

/** Limits of a converter in integer partial sums: code k stands for lo + k · step. */
export interface ChosenRange {
  /** Sum of code 0. */
  readonly lo: number;
  /** Sums per code. */
  readonly step: number;
}

/** Sums that occurred, with their share of all. */
interface Spectrum {
  readonly sums: Float64Array;
  readonly shares: Float64Array;
}

/** Candidates tried per end of the range. */
const GRID = 24;

/**
 * Chooses an ADC's limits from a histogram of partial sums.
 *
 * Whenever the wanted sums fit into the codes one by one, step is 1 and lo an integer, so that they convert without loss. "mse" searches
 * integer steps with integer limits (exact on part of the sums) and a grid of real limits, shrinking either end towards the middle.
 *
 * @param histogram How often sum min + k was seen, k-th entry.
 * @throws {NumericError} if nothing was counted.
 *
 * @example
 * ```ts
 * import { chooseRange } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const histogram = Float64Array.of(0, 4, 8, 4, 0, 0, 0, 0);
 * assertEquals(chooseRange(histogram, { method: "mse", levels: 4, min: -2 }), { lo: -1, step: 1 });
 * ```
 */
export function chooseRange(histogram: Float64Array, options: RangeOptions): ChosenRange {
  const { method, levels, min, percentile = 0.9999 } = options;
  const spectrum = compress(histogram, min);
  const first = spectrum.sums[0]!, last = spectrum.sums.at(-1)!;
  if (method === "mse") return leastError(spectrum, levels);
  const [low, high] = method === "minmax" ? [first, last] : keep(spectrum, percentile);
  return fit(low, high, levels, [first, last]);
}

/** Mean squared error, in squared integer sums, of converting a histogram with given limits. */
export function conversionError(histogram: Float64Array, min: number, levels: number, { lo, step }: ChosenRange): number {
  return meanError(compress(histogram, min), levels, lo, step);
}

function compress(histogram: Float64Array, min: number): Spectrum {
  const sums: number[] = [], counts: number[] = [];
  let total = 0;
  histogram.forEach((count, index) => {
    if (!(count > 0)) return;
    sums.push(index + min);
    counts.push(count);
    total += count;
  });
  if (total === 0) {
    throw new NumericError("calibrate an ADC", {
      where: "histogram",
      got: "no partial sums",
      wanted: "at least one",
      hint: "Give calibration images.",
    });
  }
  return { sums: Float64Array.from(sums), shares: Float64Array.from(counts, (count) => count / total) };
}

/** Limits between which a share of the sums lies, the rest split evenly between both ends. */
function keep({ sums, shares }: Spectrum, percentile: number): [number, number] {
  const tail = (1 - percentile) / 2;
  let low = 0, high = sums.length - 1;
  for (let below = shares[0]!; below <= tail && low < high; below += shares[low]!) low++;
  for (let above = shares[high]!; above <= tail && high > low; above += shares[high]!) high--;
  return [sums[low]!, sums[high]!];
}

/** Limits for the sums low … high: step 1 if there are codes enough (spare codes shared between both ends), else spread evenly. */
function fit(low: number, high: number, levels: number, [first, last]: readonly [number, number]): ChosenRange {
  if (high - low + 1 > levels) return { lo: low, step: (high - low) / (levels - 1) };
  const spare = levels - (high - low + 1);
  const below = Math.min(low - first, Math.max(spare >> 1, spare - (last - high)));
  return { lo: low - Math.max(0, below), step: 1 };
}

function leastError(spectrum: Spectrum, levels: number): ChosenRange {
  const first = spectrum.sums[0]!, last = spectrum.sums.at(-1)!;
  const width = last - first;
  if (width + 1 <= levels) return { lo: first, step: 1 };
  let best: ChosenRange = { lo: first, step: width / (levels - 1) };
  let least = Infinity;
  const attempt = (lo: number, step: number) => {
    const error = meanError(spectrum, levels, lo, step, least);
    if (error >= least) return;
    least = error;
    best = { lo, step };
  };
  const codes = levels - 1;
  for (let step = 1; step <= Math.min(Math.ceil(width / codes), 4 * GRID); step++) {
    const room = Math.max(0, width - step * codes);
    const stride = Math.max(1, Math.floor(room / (2 * GRID)));
    for (let shift = 0; shift <= room; shift += stride) attempt(first + shift, step);
    if (stride > 1) {
      const near = best.step === step ? best.lo : first;
      for (let shift = -stride; shift <= stride; shift++) attempt(near + shift, step);
    }
  }
  let span: readonly [number, number] = [first, last];
  let reach: readonly [number, number] = [width * 0.9, width * 0.9];
  for (let round = 0; round < 3; round++) {
    const [low, high] = span;
    for (let left = 0; left <= GRID; left++) {
      const lo = round === 0 ? low + reach[0] * left / GRID : low + reach[0] * (2 * left / GRID - 1);
      for (let right = 0; right <= GRID; right++) {
        const hi = round === 0 ? high - reach[1] * right / GRID : high + reach[1] * (2 * right / GRID - 1);
        if (hi - lo > width / (64 * codes)) attempt(lo, (hi - lo) / codes);
      }
    }
    span = [best.lo, best.lo + best.step * codes];
    reach = round === 0 ? [width * 0.9 / GRID, width * 0.9 / GRID] : [reach[0] / (GRID / 2), reach[1] / (GRID / 2)];
  }
  return best;
}

/** Mean of (value(code(d)) − d)², given up once it exceeds `limit`. */
function meanError({ sums, shares }: Spectrum, levels: number, lo: number, step: number, limit = Infinity): number {
  let error = 0;
  const scale = 1 / step;
  for (let index = 0; index < sums.length; index++) {
    const sum = sums[index]!;
    const code = Math.min(Math.max(Math.round((sum - lo) * scale), 0), levels - 1);
    const miss = lo + step * code - sum;
    error += shares[index]! * miss * miss;
    if (error >= limit) return error;
  }
  return error;
}
