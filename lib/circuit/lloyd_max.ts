// The non-uniform converter of least mean squared error for the sums that were seen: exact, by dynamic programming over cuts of the histogram.

import { NumericError } from "../errors.ts";

/** Codes of a non-uniform converter, in integer sums. */
export interface NonUniformCodes {
  /** The input has at least code k from thresholds[k − 1] on; ascending. */
  readonly thresholds: readonly number[];
  /** Value of each code, ascending. */
  readonly values: readonly number[];
}

/** Most different sums searched over; beyond, neighbours are counted together. */
const BINS = 1024;

/**
 * Cuts the sums of a histogram into at most `levels` runs, each represented by its mean, with the least squared error there is (Lloyd 1957, Max 1960;
 * found exactly, not by iteration).
 *
 * @param histogram How often sum min + k was seen, k-th entry.
 * @throws {NumericError} if nothing was counted.
 *
 * @example
 * ```ts
 * import { lloydMax } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(lloydMax(Float64Array.of(2, 0, 0, 0, 1, 1), 0, 2), { thresholds: [2.25], values: [0, 4.5] });
 * ```
 */
export function lloydMax(histogram: Float64Array, min: number, levels: number): NonUniformCodes {
  const { sums, counts } = compress(histogram, min), size = sums.length;
  if (size === 0) {
    throw new NumericError("calibrate an ADC", { where: "histogram", got: "no partial sums", wanted: "at least one" });
  }
  const weight = new Float64Array(size + 1), first = new Float64Array(size + 1), second = new Float64Array(size + 1);
  for (let at = 0; at < size; at++) {
    // About the first sum, so that squares do not lose digits.
    const sum = sums[at]! - sums[0]!;
    weight[at + 1] = weight[at]! + counts[at]!;
    first[at + 1] = first[at]! + counts[at]! * sum;
    second[at + 1] = second[at]! + counts[at]! * sum * sum;
  }
  const error = (from: number, to: number) => {
    const mass = weight[to]! - weight[from]!, moment = first[to]! - first[from]!;
    return second[to]! - second[from]! - moment * moment / mass;
  };
  const runs = Math.min(levels, size), cuts: Int32Array[] = [];
  let best: Float64Array = Float64Array.from({ length: size + 1 }, (_, to) => to === 0 ? 0 : error(0, to));
  for (let run = 1; run < runs; run++) {
    const next = new Float64Array(size + 1).fill(Infinity), cut = new Int32Array(size + 1);
    // The best cut moves right with the end, so halving the ends halves the cuts to try.
    const search = (low: number, high: number, from: number, to: number) => {
      if (low > high) return;
      const end = (low + high) >> 1;
      for (let at = Math.max(from, run); at <= Math.min(to, end - 1); at++) {
        const total = best[at]! + error(at, end);
        if (total < next[end]!) {
          next[end] = total;
          cut[end] = at;
        }
      }
      search(low, end - 1, from, cut[end]!);
      search(end + 1, high, cut[end]!, to);
    };
    search(run + 1, size, run, size - 1);
    cuts.push(cut);
    best = next;
  }
  const ends = [size];
  for (const cut of cuts.reverse()) ends.unshift(cut[ends[0]!]!);
  const values = ends.map((to, run) => {
    const from = run === 0 ? 0 : ends[run - 1]!;
    return sums[0]! + (first[to]! - first[from]!) / (weight[to]! - weight[from]!);
  });
  return { thresholds: values.slice(1).map((value, run) => (value + values[run]!) / 2), values };
}

function compress(histogram: Float64Array, min: number): { sums: number[]; counts: number[] } {
  let low = 0, high = histogram.length;
  while (low < high && !(histogram[low]! > 0)) low++;
  while (high > low && !(histogram[high - 1]! > 0)) high--;
  const width = Math.max(1, Math.ceil((high - low) / BINS)), sums: number[] = [], counts: number[] = [];
  for (let from = low; from < high; from += width) {
    let count = 0, moment = 0;
    for (let at = from; at < Math.min(from + width, high); at++) {
      count += histogram[at]!;
      moment += histogram[at]! * (at + min);
    }
    if (!(count > 0)) continue;
    sums.push(moment / count);
    counts.push(count);
  }
  return { sums, counts };
}
