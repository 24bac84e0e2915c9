// A histogram of non-negative reals whose range grows with what it sees, and the clipping levels that methods read from it.

import { NumericError } from "../../errors.ts";

/** Bins, as in common calibrators. */
export const BINS = 2048;

/** Counts of non-negative values in {@linkcode BINS} equal bins from 0 to `top`; zeros are counted apart, as a rectifier makes most of them. */
export interface GrowingHistogram {
  /** End of the last bin. */
  top: number;
  /** Counts per bin. */
  readonly counts: Float64Array;
  /** Values that were 0. */
  zeros: number;
}

/** An empty histogram. */
export function growingHistogram(): GrowingHistogram {
  return { top: 0, counts: new Float64Array(BINS), zeros: 0 };
}

/** Counts values; the range doubles, and bins are joined in pairs, until all fit. */
export function count(histogram: GrowingHistogram, values: ArrayLike<number>): void {
  let largest = 0;
  for (let at = 0; at < values.length; at++) largest = Math.max(largest, values[at]!);
  if (!Number.isFinite(largest)) throw new NumericError("calibrate activations", { got: largest, wanted: "finite values" });
  if (histogram.top === 0) histogram.top = largest;
  while (largest > histogram.top) {
    const { counts } = histogram;
    for (let bin = 0; bin < BINS / 2; bin++) counts[bin] = counts[2 * bin]! + counts[2 * bin + 1]!;
    counts.fill(0, BINS / 2);
    histogram.top *= 2;
  }
  const scale = BINS / histogram.top;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (value > 0) histogram.counts[Math.min(BINS - 1, Math.floor(value * scale))]!++;
    else histogram.zeros++;
  }
}

/** End of the bin below which a share of all values lies. */
export function percentileLevel({ counts, zeros, top }: GrowingHistogram, share: number): number {
  const wanted = share * (counts.reduce((sum, each) => sum + each, 0) + zeros);
  let seen = zeros;
  for (let bin = 0; bin < BINS; bin++) {
    seen += counts[bin]!;
    if (seen >= wanted) return top * (bin + 1) / BINS;
  }
  return top;
}

/** Equal steps in which the level of least squared error is searched, from the largest value down. */
const SHRINKS = 80;

/** Level at which rounding to 0 … levels and clipping together have the least squared error. */
export function leastErrorLevel({ counts, top }: GrowingHistogram, levels: number): number {
  let best = top, least = Infinity;
  for (let shrink = 0; shrink < SHRINKS; shrink++) {
    const alpha = top * (1 - shrink / SHRINKS), step = alpha / levels;
    let error = 0;
    for (let bin = 0; bin < BINS; bin++) {
      if (counts[bin] === 0) continue;
      const value = top * (bin + 0.5) / BINS;
      error += counts[bin]! * (Math.min(Math.round(value / step), levels) * step - value) ** 2;
    }
    if (error < least) [best, least] = [alpha, error];
  }
  return best;
}

/** Level at which the distribution of the codes diverges least from that of the values (Kullback–Leibler; Migacz, 2017). */
export function leastDivergenceLevel({ counts, top }: GrowingHistogram, levels: number): number {
  let best = top, least = Infinity;
  // Fewer bins than some for each code would be told apart so well that what is clipped would hardly count.
  const stride = 16, first = Math.ceil(Math.max(BINS / 16, 2 * (levels + 1)) / stride) * stride;
  for (let end = first; end <= BINS; end += stride) {
    const wanted = Array.from(counts.subarray(0, end));
    wanted[end - 1]! += counts.subarray(end).reduce((sum, each) => sum + each, 0);
    const divergence = divergenceOf(wanted, counts.subarray(0, end), levels + 1);
    if (divergence < least) [best, least] = [top * end / BINS, divergence];
  }
  return best;
}

/** Σ p ln(p/q) of clipped counts against the same counts pooled into `groups` and spread evenly over the bins that were not empty. */
function divergenceOf(wanted: readonly number[], plain: Float64Array, groups: number): number {
  const size = wanted.length, spread = new Float64Array(size);
  for (let group = 0; group < groups; group++) {
    const from = Math.floor(group * size / groups), to = Math.floor((group + 1) * size / groups);
    let sum = 0, filled = 0;
    for (let bin = from; bin < to; bin++) {
      sum += plain[bin]!;
      filled += Number(wanted[bin]! > 0);
    }
    for (let bin = from; bin < to; bin++) if (wanted[bin]! > 0) spread[bin] = sum / filled;
  }
  const total = wanted.reduce((sum, each) => sum + each, 0), pooled = spread.reduce((sum, each) => sum + each, 0);
  if (total === 0 || pooled === 0) return Infinity;
  let divergence = 0;
  for (let bin = 0; bin < size; bin++) {
    if (wanted[bin] === 0) continue;
    const p = wanted[bin]! / total, q = Math.max(spread[bin]! / pooled, 1e-12);
    divergence += p * Math.log(p / q);
  }
  return divergence;
}
