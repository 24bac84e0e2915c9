// What many samples of one figure say: centre, spread, confidence of the mean, percentiles, histogram.

import { NumericError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { studentT } from "./student_t.ts";

/** Samples of one figure: any list of numbers. */
export type Samples = ArrayLike<number>;

/** What to say about samples. */
export interface SummaryOptions {
  /** Probability that the interval of the mean covers the true mean, above 0 and below 1; default 0.95. */
  readonly confidence?: number;
  /** Percentiles wanted, each 0 to 100; default 5, 50 and 95. */
  readonly percentiles?: readonly number[];
}

/** Summary of samples, in their unit; plain data that survives JSON. */
export interface Summary {
  /** Number of samples. */
  readonly count: number;
  /** Arithmetic mean. */
  readonly mean: number;
  /** Standard deviation (n − 1); null of a single sample. */
  readonly std: number | null;
  /** Least sample. */
  readonly min: number;
  /** Largest sample. */
  readonly max: number;
  /** Probability of `interval`. */
  readonly confidence: number;
  /** Student-t confidence interval of the mean, exact for normal samples; null of a single sample. */
  readonly interval: readonly [lo: number, hi: number] | null;
  /** Half the width of `interval`; null of a single sample. */
  readonly halfWidth: number | null;
  /** Values by percentile: `percentiles[50]` is the median. */
  readonly percentiles: Readonly<Record<number, number>>;
}

/** How samples are counted into bins. */
export interface HistogramOptions {
  /** Bins of equal width, a positive integer; default 10. */
  readonly bins?: number;
  /** Range covered, lo < hi; default from the least to the largest sample, or ±0.5 about samples that are all the same. */
  readonly range?: readonly [lo: number, hi: number];
}

/** Counts of samples per bin. */
export interface Histogram {
  /** `bins + 1` ascending borders. A bin holds its lower border; the last one holds both. */
  readonly edges: readonly number[];
  /** Samples in each bin. */
  readonly counts: readonly number[];
  /** Samples below the first border. */
  readonly below: number;
  /** Samples above the last border. */
  readonly above: number;
}

/** Arithmetic mean. @throws {NumericError} if there are no samples, or one is not finite. */
export function mean(samples: Samples): number {
  checkSamples("take a mean", samples);
  return meanOf(samples);
}

/** Standard deviation with n − 1 below the square root. @throws {NumericError} if there are fewer than two samples, or one is not finite. */
export function standardDeviation(samples: Samples): number {
  checkSamples("take a standard deviation", samples, 2);
  return deviationOf(samples, meanOf(samples));
}

/**
 * The value below which `percent` of the samples lie, interpolated linearly between the two nearest ones (NumPy's default).
 *
 * @param percent 0 (the least) to 100 (the largest).
 * @throws {NumericError} if there are no samples, or one is not finite.
 * @throws {OptionError} if `percent` is out of range.
 */
export function percentile(samples: Samples, percent: number): number {
  checkSamples("take a percentile", samples);
  checkPercent(percent, "percent");
  return percentileOf(Float64Array.from(samples).sort(), percent);
}

/**
 * Student-t confidence interval of the mean: `mean ± t·std/√n`.
 *
 * @param confidence Probability that it covers the true mean; default 0.95.
 * @throws {NumericError} if there are fewer than two samples, or one is not finite.
 * @throws {OptionError} if `confidence` is out of range.
 */
export function confidenceInterval(samples: Samples, confidence = 0.95): readonly [lo: number, hi: number] {
  checkSamples("take a confidence interval", samples, 2);
  const centre = meanOf(samples), half = halfWidthOf(samples.length, deviationOf(samples, centre), confidence);
  return [centre - half, centre + half];
}

/**
 * Counts samples into bins of equal width.
 *
 * @throws {NumericError} if there are no samples, or one is not finite.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { histogram } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(histogram([0, 1, 1, 4], { bins: 2 }), { edges: [0, 2, 4], counts: [3, 1], below: 0, above: 0 });
 * ```
 */
export function histogram(samples: Samples, options: HistogramOptions = {}): Histogram {
  const action = "count samples into bins";
  checkOptions(action, "histogram", options, ["bins", "range"]);
  checkSamples(action, samples);
  const { bins = 10, range } = options;
  if (!Number.isInteger(bins) || bins < 1) {
    throw new OptionError(action, { where: "histogram.bins", got: bins, wanted: "a positive integer" });
  }
  if (range !== undefined && !(range.length === 2 && range.every(Number.isFinite) && range[0] < range[1])) {
    throw new OptionError(action, { where: "histogram.range", got: range, wanted: "two finite numbers, ascending" });
  }
  const [least, largest] = extent(samples);
  const [lo, hi] = range ?? (least < largest ? [least, largest] : [least - 0.5, largest + 0.5]);
  const edges = Array.from({ length: bins + 1 }, (_, index) => index === bins ? hi : lo + (hi - lo) * index / bins);
  const counts = new Array<number>(bins).fill(0);
  let below = 0, above = 0;
  for (let index = 0; index < samples.length; index++) {
    const sample = samples[index]!;
    if (sample < lo) below++;
    else if (sample > hi) above++;
    else {
      let bin = Math.min(bins - 1, Math.floor((sample - lo) / (hi - lo) * bins));
      // Rounding may put a sample one bin beside the border it is compared with.
      if (sample < edges[bin]!) bin--;
      else if (bin + 1 < bins && sample >= edges[bin + 1]!) bin++;
      counts[bin]!++;
    }
  }
  return Object.freeze({ edges: Object.freeze(edges), counts: Object.freeze(counts), below, above });
}

/**
 * Count, mean, standard deviation, confidence interval of the mean and percentiles of samples.
 *
 * @throws {NumericError} if there are no samples, or one is not finite.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { summarise } from "@bitline/bitline";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const { mean, std, halfWidth, percentiles } = summarise([1, 2, 3, 4, 5]);
 * assertEquals([mean, percentiles[50]], [3, 3]);
 * assertAlmostEquals(std!, Math.sqrt(2.5));
 * assertAlmostEquals(halfWidth!, 2.7764451052 * Math.sqrt(2.5 / 5), 1e-9);
 * ```
 */
export function summarise(samples: Samples, options: SummaryOptions = {}): Summary {
  const action = "summarise samples";
  checkOptions(action, "summary", options, ["confidence", "percentiles"]);
  const { confidence = 0.95, percentiles = [5, 50, 95] } = options;
  checkConfidence(action, "summary.confidence", confidence);
  if (!Array.isArray(percentiles)) {
    throw new OptionError(action, { where: "summary.percentiles", got: percentiles, wanted: "a list of percentiles" });
  }
  percentiles.forEach((percent, index) => checkPercent(percent, `summary.percentiles[${index}]`));
  checkSamples(action, samples);
  const centre = meanOf(samples), sorted = Float64Array.from(samples).sort(), several = samples.length > 1;
  const std = several ? deviationOf(samples, centre) : null;
  const halfWidth = std === null ? null : halfWidthOf(samples.length, std, confidence);
  return Object.freeze({
    count: samples.length,
    mean: centre,
    std,
    min: sorted[0]!,
    max: sorted.at(-1)!,
    confidence,
    interval: halfWidth === null ? null : Object.freeze([centre - halfWidth, centre + halfWidth] as const),
    halfWidth,
    percentiles: Object.freeze(Object.fromEntries(percentiles.map((percent) => [percent, percentileOf(sorted, percent)]))),
  });
}

/** Refuses a confidence outside (0, 1). */
export function checkConfidence(action: string, where: string, confidence: unknown): void {
  if (typeof confidence === "number" && confidence > 0 && confidence < 1) return;
  throw new OptionError(action, { where, got: confidence, wanted: "a probability above 0 and below 1" });
}

function checkSamples(action: string, samples: Samples, least = 1): void {
  if (samples.length < least) {
    throw new NumericError(action, { got: `${samples.length} samples`, wanted: least === 1 ? "at least one" : `at least ${least}` });
  }
  for (let index = 0; index < samples.length; index++) {
    if (Number.isFinite(samples[index])) continue;
    throw new NumericError(action, { where: `samples[${index}]`, got: samples[index], wanted: "a finite number" });
  }
}

function checkPercent(percent: unknown, where: string): void {
  if (typeof percent === "number" && percent >= 0 && percent <= 100) return;
  throw new OptionError("take a percentile", { where, got: percent, wanted: "a number from 0 to 100" });
}

/** Mean about the first sample, so that a large common offset costs no digits; never outside the samples' range by rounding of equal ones. */
function meanOf(samples: Samples): number {
  const first = samples[0]!;
  let sum = 0;
  for (let index = 1; index < samples.length; index++) sum += samples[index]! - first;
  return first + sum / samples.length;
}

function deviationOf(samples: Samples, centre: number): number {
  let squares = 0;
  for (let index = 0; index < samples.length; index++) squares += (samples[index]! - centre) ** 2;
  return Math.sqrt(squares / (samples.length - 1));
}

function halfWidthOf(count: number, std: number, confidence: number): number {
  return studentT(confidence, count - 1) * std / Math.sqrt(count);
}

function percentileOf(sorted: Float64Array, percent: number): number {
  const place = (sorted.length - 1) * percent / 100, below = Math.floor(place), low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}

function extent(samples: Samples): [number, number] {
  let least = Infinity, largest = -Infinity;
  for (let index = 0; index < samples.length; index++) {
    least = Math.min(least, samples[index]!);
    largest = Math.max(largest, samples[index]!);
  }
  return [least, largest];
}
