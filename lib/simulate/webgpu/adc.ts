// ADC tables as kernels like them best: a clip at one or both ends, a line, or a table; and the value tables of a dynamic range.

import type { AdcTable, CrossbarStep } from "../program.ts";
import { rint } from "../reference/crossbar.ts";

/** Parameters of a converter: min(d, top), clamp(d, add, top), clamp((d · mul + add) >> shift, 0, top) · gain + offset, or table[d − offset]. */
export interface ConverterForm {
  readonly kind: "clip" | "clamp" | "linear" | "table";
  readonly mul: number;
  readonly add: number;
  readonly shift: number;
  readonly top: number;
  readonly gain: number;
  readonly offset: number;
}

/** The cheapest form that equals the table on every partial sum, checked one by one. */
export function converterForm(table: AdcTable): ConverterForm {
  return clipForm(table) ?? linearForm(table) ?? { kind: "table", mul: 0, add: 0, shift: 0, top: 0, gain: 0, offset: table.min };
}

function clipForm({ min, codes }: AdcTable): ConverterForm | undefined {
  const add = codes[0]!;
  const top = codes.at(-1)!;
  if (add > top) return undefined;
  for (let index = 0; index < codes.length; index++) {
    if (codes[index] !== Math.min(Math.max(index + min, add), top)) return undefined;
  }
  return { kind: add === min ? "clip" : "clamp", mul: 1, add, shift: 0, top, gain: 1, offset: 0 };
}

/** Fits a line through the transitions between codes; every pair of transitions bounds its slope from both sides. */
function linearForm({ min, max, codes }: AdcTable): ConverterForm | undefined {
  const offset = codes[0]!;
  let gain = 0;
  const jumps: { readonly at: number; readonly rise: number }[] = [];
  for (let index = 1; index < codes.length; index++) {
    const rise = codes[index]! - codes[index - 1]!;
    if (rise < 0) return undefined;
    if (rise === 0) continue;
    gain = greatestDivisor(rise, gain);
    jumps.push({ at: index + min, rise });
  }
  if (gain === 0 || jumps.length > 1024) return undefined;
  // Levels j ≥ 1 (in units of gain) and the first sum d that reaches each: the line must be ≥ j at d and < j at d − 1.
  const levels: number[] = [];
  for (const { at, rise } of jumps) for (let step = 0; step < rise / gain; step++) levels.push(at);
  if (levels.length > 4096) return undefined;
  let [slowest, fastest] = [0, levels.length === 1 ? 1 : Infinity];
  for (let j = 0; j < levels.length; j++) {
    for (let k = j + 1; k < levels.length; k++) {
      const run = levels[k]! - levels[j]!;
      slowest = Math.max(slowest, (k - j) / (run + 1));
      if (run > 1) fastest = Math.min(fastest, (k - j) / (run - 1));
    }
  }
  const slope = Number.isFinite(fastest) ? (slowest + fastest) / 2 : levels.length > 1 ? Math.max(slowest, 1) : 1;
  const top = levels.length;
  const reach = Math.max(Math.abs(min), Math.abs(max), 1);
  for (let shift = 20; shift >= 0; shift--) {
    const mul = Math.round(slope * 2 ** shift);
    if (mul <= 0) return undefined;
    const add = levels.reduce((most, at, j) => Math.max(most, (j + 1) * 2 ** shift - mul * at), -Infinity);
    if (mul * reach + Math.abs(add) >= 2 ** 31) continue;
    const form: ConverterForm = { kind: "linear", mul, add, shift, top, gain, offset };
    if (codes.every((code, index) => code === applyLinear(form, index + min))) return form;
  }
  return undefined;
}

function applyLinear({ mul, add, shift, top, gain, offset }: ConverterForm, d: number): number {
  return Math.min(Math.max((d * mul + add) >> shift, 0), top) * gain + offset;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** What the second pass of a dynamic range reads. */
export interface DynamicTables {
  /** Weighted converted values, f32, one run per (tile, digit, slice). */
  readonly values: Float32Array;
  /** `[tile][digit][slice]`: index in `values` of d = 0, possibly outside the run. */
  readonly starts: Int32Array;
}

/**
 * Tabulates gain · adc(d) for every partial sum that occurred, in f64 as the reference backend does, rounded to f32 once.
 *
 * @param extremes `[tile][digit][slice][2]`, the smallest and largest partial sum of each.
 */
export function dynamicTables(step: CrossbarStep, digits: number, extremes: Int32Array): DynamicTables {
  const { adc, slices, digitBits, sliceWeights } = step;
  if (adc.kind !== "dynamic") throw new TypeError("dynamicTables wants a step with a dynamic range");
  const count = extremes.length / 2;
  const starts = new Int32Array(count);
  let length = 0;
  for (let index = 0; index < count; index++) {
    const [low, high] = [extremes[2 * index]!, extremes[2 * index + 1]!];
    starts[index] = length - low;
    length += high - low + 1;
  }
  const values = new Float32Array(length);
  for (let index = 0; index < count; index++) {
    const [low, high] = [extremes[2 * index]!, extremes[2 * index + 1]!];
    const gain = 2 ** (digitBits * (Math.floor(index / slices) % digits)) * sliceWeights[index % slices]!;
    const lo = low * adc.unit;
    const width = (high * adc.unit - lo) / adc.levels;
    for (let d = low; d <= high; d++) {
      const code = width === 0 ? 0 : Math.min(rint((d * adc.unit - lo) / width), adc.levels - 1);
      values[starts[index]! + d] = gain * (code * width + lo);
    }
  }
  return { values, starts };
}
