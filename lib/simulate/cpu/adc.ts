// Which cheap form an ADC table has, proven by comparing every reachable sum; the kernels' arithmetic is repeated here exactly.

import type { AdcForm } from "../../../kernels/simulate/crossbar_lookup.ts";
import type { AdcTable } from "../program.ts";

/** Partial sums that can occur with the cells at hand. */
export interface Reach {
  readonly low: number;
  readonly high: number;
}

/** code(d) = gain · d + offset for every reachable d. */
export interface LinearAdc {
  readonly gain: number;
  readonly offset: number;
}

/** code(d) = kernel(t) + base with t = scale · d + offset; the constants are those of the kernel's form. */
export interface AdcKernel {
  readonly form: Exclude<AdcForm, "clip8">;
  readonly scale: number;
  readonly offset: number;
  readonly multiplier: number;
  readonly low: number;
  readonly high: number;
  readonly base: number;
  /** Largest magnitude the kernel yields. */
  readonly bound: number;
  /** i16 codes of "table", shift of "even". */
  readonly table?: Int16Array;
  readonly shift?: number;
}

const I16 = 32767;

/** Whether the ADC loses nothing on the reachable sums, and how its codes follow from them. */
export function linearAdc(table: AdcTable, reach: Reach): LinearAdc | undefined {
  const { codes, min } = table;
  const first = codes[reach.low - min]!;
  const gain = reach.high > reach.low ? codes[reach.low - min + 1]! - first : 0;
  for (let d = reach.low; d <= reach.high; d++) if (codes[d - min] !== first + gain * (d - reach.low)) return undefined;
  return { gain, offset: first - gain * reach.low };
}

/** The cheapest form equal to the table on every reachable sum; undefined if sums or codes do not fit 16 bits. */
export function chooseAdc(table: AdcTable, reach: Reach): AdcKernel | undefined {
  const span = spanOf(table, reach);
  return span && (asClip(span) ?? asAffine(span) ?? asEven(span) ?? asTable(span));
}

/** The table itself as a form, for converters that are used too seldom to be worth a search; undefined if it does not fit 16 bits. */
export function tabledAdc(table: AdcTable, reach: Reach): AdcKernel | undefined {
  const span = spanOf(table, reach);
  return span && asTable(span);
}

function spanOf(table: AdcTable, reach: Reach): Span | undefined {
  if (reach.low < -I16 || reach.high > I16) return undefined;
  const codes = table.codes.subarray(reach.low - table.min, reach.high - table.min + 1);
  let [least, most] = [Infinity, -Infinity];
  for (const code of codes) [least, most] = [Math.min(least, code), Math.max(most, code)];
  return most - least > I16 ? undefined : { codes, low: reach.low, least, most };
}

interface Span {
  readonly codes: Int32Array;
  readonly low: number;
  readonly least: number;
  readonly most: number;
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

function agrees({ codes, low }: Span, code: (d: number) => number): boolean {
  for (let index = 0; index < codes.length; index++) if (code(low + index) !== codes[index]) return false;
  return true;
}

/** Sum and index at which the code first changes. */
function firstChange({ codes, low }: Span): { d: number; code: number } {
  const index = Math.max(1, codes.findIndex((code) => code !== codes[0]));
  return { d: low + index, code: codes[index] ?? codes[0]! };
}

function asClip(span: Span): AdcKernel | undefined {
  const { d, code } = firstChange(span);
  const base = code - d;
  const [low, high] = [span.least - base, span.most - base];
  if (Math.abs(low) > I16 || Math.abs(high) > I16 || !agrees(span, (sum) => clamp(sum, low, high) + base)) return undefined;
  return { form: "clip", scale: 1, offset: 0, multiplier: 0, low, high, base, bound: Math.max(Math.abs(low), Math.abs(high)) };
}

/** (d + offset) / 2^shift, rounded half to even. */
function asEven(span: Span): AdcKernel | undefined {
  const highest = span.low + span.codes.length - 1;
  const { d, code } = firstChange(span);
  for (let shift = 1; shift <= 10; shift++) {
    const half = 2 ** (shift - 1) - 1;
    const round = (t: number) => (t + half + ((t >> shift) & 1)) >> shift;
    const middle = -Math.round((span.low + highest) / 2);
    for (let offset = middle; offset < middle + 4 * 2 ** shift; offset++) {
      if (span.low + offset < -I16 || highest + offset + half + 1 > I16) continue;
      const base = code - round(d + offset);
      const [low, high] = [span.least - base, span.most - base];
      if (Math.abs(low) > I16 || Math.abs(high) > I16) continue;
      if (!agrees(span, (sum) => clamp(round(sum + offset), low, high) + base)) continue;
      const bound = Math.max(Math.abs(low), Math.abs(high));
      return { form: "even", scale: 1, offset, multiplier: half, low, high, base, bound, shift };
    }
  }
  return undefined;
}

/** (t · multiplier + 2^14) >> 15 with t = scale · d + offset: every scale is tried with the multipliers its slope allows. */
function asAffine(span: Span): AdcKernel | undefined {
  const { codes, low: first } = span;
  const edges = [0, codes.length - 1];
  for (let index = 1; index < codes.length; index++) {
    if (codes[index]! < codes[index - 1]!) return undefined;
    if (codes[index] !== codes[index - 1]) edges.push(index - 1, index);
  }
  const changes: number[] = [];
  for (let index = 1; index < codes.length; index++) if (codes[index] !== codes[index - 1]) changes.push(index);
  const start = changes[0]!, end = changes.at(-1)!;
  const rise = codes[end]! - codes[start]!;
  if (rise <= 0) return undefined;
  const [flat, steep] = [Math.max(0, rise - 1) / (end - start), (rise + 1) / (end - start)];
  const centre = first + ((codes.length - 1) >> 1);
  const base = codes[centre - first]!;
  const largest = Math.min(1024, Math.floor((I16 - 512) / Math.max(1, codes.length / 2)));
  for (let scale = largest; scale >= 1; scale--) {
    const begin = Math.max(1, Math.ceil(flat * 32768 / scale)), stop = Math.min(I16, Math.floor(steep * 32768 / scale));
    for (let multiplier = begin; multiplier <= stop; multiplier++) {
      const offset = affineOffset(span, edges, scale, multiplier, base);
      if (offset === undefined) continue;
      const [low, high] = [span.least - base, span.most - base];
      const code = (d: number) => clamp(Math.floor(((d * scale + offset) * multiplier + 16384) / 32768), low, high) + base;
      if (!agrees(span, code)) continue;
      return { form: "affine", scale, offset, multiplier, low, high, base, bound: Math.max(Math.abs(low), Math.abs(high)) };
    }
  }
  return undefined;
}

/** An offset with which the edges of all codes fall right, if there is one. */
function affineOffset(
  { codes, low, least, most }: Span,
  edges: readonly number[],
  scale: number,
  multiplier: number,
  base: number,
): number | undefined {
  const last = low + codes.length - 1;
  let [from, to] = [-I16 - low * scale, I16 - last * scale];
  for (const index of edges) {
    const code = codes[index]!, t = (low + index) * scale;
    if (code > least) from = Math.max(from, Math.ceil(((code - base) * 32768 - 16384) / multiplier) - t);
    if (code < most) to = Math.min(to, Math.ceil(((code - base + 1) * 32768 - 16384) / multiplier) - 1 - t);
    if (from > to) return undefined;
  }
  return Math.floor((from + to) / 2);
}

function asTable({ codes, low, least }: Span): AdcKernel | undefined {
  if (2 * codes.length > 65536) return undefined;
  const table = Int16Array.from(codes, (code) => code - least);
  const bound = table.reduce((most, code) => Math.max(most, code), 0);
  return { form: "table", scale: 2, offset: -2 * low, multiplier: 0, low: 0, high: 2 * (codes.length - 1), base: least, bound, table };
}
