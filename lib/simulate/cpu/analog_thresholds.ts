// Converters of an analog step as its kernel takes them: thresholds become buckets of at most one each, found by a shift, or are bisected.

import type { AnalogConversion } from "../../../kernels/simulate/analog_convert.ts";
import { NOISE_LEVELS, QUANTILES } from "../noise.ts";
import type { AnalogStep } from "../program.ts";
import type { Blocks } from "./analog_pack.ts";
import type { CpuDevice } from "./device.ts";

/** Most buckets for which a table of them is made: more would leave the cache. */
const MOST_BUCKETS = { shared: 4096, perColumn: 256 } as const;
/** Words of a bucket: its threshold, the codes below and from it on, none. */
const BUCKET_WORDS = 4;
/** A threshold that nothing reaches. */
const NEVER = 2 ** 31 - 1;

/** What is fixed in the text of the kernel. */
export function analogConversion(step: AnalogStep, { width }: Blocks): AnalogConversion {
  const { converter, noise } = step;
  const kind = noise === undefined ? "none" : noise.variance === undefined ? "constant" : "levels";
  const common = { vectors: width / 4, digitBits: step.digitBits, noise: kind, quantiles: QUANTILES, levels: NOISE_LEVELS } as const;
  if (converter.kind !== "thresholds") return { ...common, converter: converter.kind, perColumn: false, depth: 0 };
  const { levels, perColumn } = converter, buckets = Math.max(...bucketShifts(step).map((shift, line) => bucketCount(step, line, shift)));
  return buckets <= MOST_BUCKETS[perColumn ? "perColumn" : "shared"]
    ? { ...common, converter: "buckets", perColumn, depth: buckets }
    : { ...common, converter: "search", perColumn, depth: Math.ceil(Math.log2(levels)) };
}

/** First thresholds of the sets of a line: one, or one for each group and column. */
function thresholdSets({ geometry: { groups, outputShape }, lines, converter }: AnalogStep, line: number): number[] {
  if (converter.kind !== "thresholds") return [];
  if (!converter.perColumn) return [line * (converter.levels - 1)];
  const columns = outputShape[2] / groups;
  return Array.from({ length: outputShape[2] }, (_, channel) => {
    const group = Math.floor(channel / columns);
    return ((group * lines + line) * columns + channel - group * columns) * (converter.levels - 1);
  });
}

/** log2 of the width of each line's buckets, the widest that never holds two different thresholds. */
function bucketShifts(step: AnalogStep): number[] {
  return Array.from({ length: step.lines }, (_, line) => {
    if (step.converter.kind !== "thresholds" || step.converter.levels === 1) return 0;
    const { thresholds, levels } = step.converter;
    const apart = (shift: number) =>
      thresholdSets(step, line).every((first) => {
        const bucket = (at: number) => Math.floor((thresholds[at]! - thresholds[first]!) / 2 ** shift);
        for (let at = first + 1; at < first + levels - 1; at++) {
          if (thresholds[at] !== thresholds[at - 1] && bucket(at) === bucket(at - 1)) return false;
        }
        return true;
      });
    for (let shift = 31; shift > 0; shift--) if (apart(shift)) return shift;
    return 0;
  });
}

/** Buckets from the first threshold of a set to the last, for the set that needs most. */
function bucketCount(step: AnalogStep, line: number, shift: number): number {
  if (step.converter.kind !== "thresholds" || step.converter.levels === 1) return 1;
  const { thresholds, levels } = step.converter;
  return thresholdSets(step, line).reduce(
    (most, first) => Math.max(most, Math.floor((thresholds[first + levels - 2]! - thresholds[first]!) / 2 ** shift) + 1),
    1,
  );
}

/**
 * Thresholds of each group and the bytes of a line. Buckets come after the first and last threshold (of each column); a search has all of them, padded to
 * a power of two.
 */
export function packThresholds(
  device: CpuDevice,
  step: AnalogStep,
  { perColumn, depth, converter: kind }: AnalogConversion,
  { columns, width, blocks }: Blocks,
): { readonly at: readonly number[]; readonly bytes: number; readonly shifts: readonly number[] } {
  const { geometry: { groups }, lines, converter } = step, none = Array.from({ length: groups }, () => 0);
  if (converter.kind !== "thresholds") return { at: none, bytes: 0, shifts: [] };
  const shifts = kind === "buckets" ? bucketShifts(step) : [], { levels } = converter;
  const entries = kind === "search" ? 2 ** depth : depth * BUCKET_WORDS, sets = perColumn ? width : 1;
  const header = kind === "search" ? 0 : perColumn ? 2 * width : BUCKET_WORDS, size = header + entries * sets;
  const packed = (group: number) => {
    const words = new Int32Array((perColumn ? blocks : 1) * lines * size);
    for (let line = 0; line < lines; line++) {
      const firsts = thresholdSets(step, line), codes = converter.codes.subarray(line * levels, (line + 1) * levels);
      for (let column = 0; column < (perColumn ? blocks * width : 1); column++) {
        const block = Math.floor(column / width), inside = column % width, to = (block * lines + line) * size;
        const first = firsts[perColumn ? group * columns + Math.min(column, columns - 1) : 0]!;
        const thresholds = converter.thresholds.subarray(first, first + levels - 1), from = to + header + inside * entries;
        if (kind === "search") words.subarray(from, from + entries).fill(NEVER).set(thresholds);
        else {
          words.subarray(from, from + entries).set(bucketsOf(thresholds, codes, shifts[line]!, depth));
          words[to + inside] = thresholds[0] ?? 0;
          words[to + (perColumn ? width : 1) + inside] = thresholds.at(-1) ?? 0;
        }
      }
    }
    return words;
  };
  const shared = perColumn ? undefined : device.upload(packed(0));
  return { at: none.map((_, group) => shared ?? device.upload(packed(group))), bytes: 4 * size, shifts };
}

/** Buckets of one set of thresholds. */
function bucketsOf(thresholds: Int32Array, codes: Int32Array, shift: number, count: number): Int32Array {
  const words = new Int32Array(count * BUCKET_WORDS);
  for (let bucket = 0, below = 0; bucket < count; bucket++) {
    let above = below;
    while (above < thresholds.length && Math.floor((thresholds[above]! - thresholds[0]!) / 2 ** shift) === bucket) above++;
    words.set([above > below ? thresholds[below]! : NEVER, codes[below]!, codes[above]!], bucket * BUCKET_WORDS);
    below = above;
  }
  return words;
}
