// Axes: which range they show, where their ticks are and what stands beside them, so that margins can be known before anything is drawn.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { checkNumber, checkText, textWidth } from "./plot_style.ts";

/** One axis of a chart. */
export interface AxisOptions {
  /** What it shows. */
  readonly label: string;
  /** Unit, shown behind the label in brackets; values are given in it. */
  readonly unit?: string;
  /** Kind of scale; default "linear". */
  readonly scale?: "linear" | "log";
  /** Range shown at least, ascending; widened where data lie outside. Default the range of the data. */
  readonly domain?: readonly [lo: number, hi: number];
}

/** A tick with its text. */
export interface Tick {
  /** Value at the tick. */
  readonly at: number;
  /** What stands beside it. */
  readonly text: string;
}

/** An axis laid out. */
export interface Axis {
  /** Label with its unit. */
  readonly label: string;
  /** Kind of scale. */
  readonly type: "linear" | "log";
  /** Values at both ends. */
  readonly domain: readonly [number, number];
  /** Ticks with text, ascending; they do not overlap. */
  readonly ticks: readonly Tick[];
  /** Ticks between, without text. */
  readonly minor: readonly number[];
}

/** How an axis is laid out. */
export interface AxisLayout {
  /** Length in pixels, about. */
  readonly length: number;
  /** Whether text runs along the axis (horizontal) or across it. */
  readonly along: boolean;
  /** Whether the range is widened to ticks at both ends. */
  readonly nice: boolean;
  /** Whether a linear axis has to show 0. */
  readonly zero?: boolean;
}

/** Refuses an axis that makes no sense. */
export function checkAxis(action: string, where: string, axis: AxisOptions): void {
  checkOptions(action, where, axis, ["label", "unit", "scale", "domain"]);
  checkText(action, `${where}.label`, axis.label);
  if (axis.unit !== undefined) checkText(action, `${where}.unit`, axis.unit);
  if (axis.scale !== undefined && axis.scale !== "linear" && axis.scale !== "log") {
    throw new OptionError(action, { where: `${where}.scale`, got: axis.scale, wanted: '"linear" or "log"' });
  }
  if (axis.domain === undefined) return;
  if (!Array.isArray(axis.domain) || axis.domain.length !== 2 || !(axis.domain[0] < axis.domain[1])) {
    throw new OptionError(action, { where: `${where}.domain`, got: axis.domain, wanted: "two numbers, ascending" });
  }
  axis.domain.forEach((value, index) => checkNumber(action, `${where}.domain[${index}]`, value, axis.scale === "log"));
}

/** Lays out an axis for the values it has to show. */
export function layoutAxis(options: AxisOptions, values: readonly number[], layout: AxisLayout): Axis {
  const all = [...values, ...options.domain ?? [], ...(layout.zero ? [0] : [])];
  const least = all.reduce((a, b) => Math.min(a, b)), most = all.reduce((a, b) => Math.max(a, b));
  return options.scale === "log"
    ? logAxis(options, least, most, layout)
    : linearAxis(options, least, most, layout, all.every(Number.isInteger));
}

/** Ticks at 1, 2 or 5 times a power of ten, as many as fit. */
function linearAxis(options: AxisOptions, least: number, most: number, layout: AxisLayout, integers: boolean): Axis {
  const spread = Math.max(Math.abs(least), Math.abs(most)) || 1;
  // Data that are all the same get room about them.
  const [lo, hi] = most - least > 1e-12 * spread ? [least, most] : [least - 0.5 * spread, most + 0.5 * spread];
  for (let wanted = Math.max(2, Math.round(layout.length / (layout.along ? 70 : 42)));; wanted--) {
    const rough = (hi - lo) / wanted, power = 10 ** Math.floor(Math.log10(rough) + 1e-9);
    const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9))!;
    const step = integers && factor * power < 1 ? 1 : factor * power;
    const first = (layout.nice ? Math.floor : Math.ceil)(lo / step - (layout.nice ? -1e-9 : 1e-9));
    const last = (layout.nice ? Math.ceil : Math.floor)(hi / step + (layout.nice ? -1e-9 : 1e-9));
    const exponent = sharedExponent(Math.max(Math.abs(lo), Math.abs(hi)));
    const digits = Math.max(0, -Math.floor(Math.log10(step) - exponent + 1e-9));
    const ticks = Array.from({ length: last - first + 1 }, (_, index) => {
      const at = Number(((first + index) * step).toPrecision(14));
      return { at, text: ((first + index) * step / 10 ** exponent).toFixed(digits).replace(/^-/, "−").replace(/^−(0(\.0+)?)$/, "$1") };
    });
    const domain = layout.nice ? [ticks[0]!.at, ticks.at(-1)!.at] as const : [lo, hi] as const;
    const axis: Axis = { label: labelOf(options, exponent), type: "linear", domain, ticks, minor: [] };
    if (wanted <= 2 || fits(axis, layout)) return axis;
  }
}

/** Ticks at powers of ten, every so many where they do not fit; over few of them at 1, 2 and 5 too. */
function logAxis(options: AxisOptions, least: number, most: number, layout: AxisLayout): Axis {
  const base = (value: number) => 10 ** Math.floor(Math.log10(value) + 1e-12);
  const grid = [1, 2, 5, 10];
  const under = grid.findLast((factor) => factor * base(least) <= least * (1 + 1e-9))! * base(least);
  const over = grid.find((factor) => factor * base(most) >= most * (1 - 1e-9))! * base(most);
  const exact = !layout.nice && least < most;
  const lo = exact ? least : under, hi = exact ? most : over > under ? over : 2 * over;
  const inside = (value: number) => value >= lo * (1 - 1e-9) && value <= hi * (1 + 1e-9);
  const low = Math.floor(Math.log10(lo) + 1e-9), high = Math.ceil(Math.log10(hi) - 1e-9);
  const powers = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  const every = (factors: readonly number[]) =>
    powers.flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`))).filter(inside);
  const minor = powers.length <= 8 ? every(DIGITS) : every([1]);
  const plain = lo >= 1e-3 && hi <= 2e4;
  const axisAt = (at: readonly number[]): Axis => ({
    label: labelOf(options, 0),
    type: "log",
    domain: [lo, hi],
    ticks: at.map((value) => ({ at: value, text: plain ? String(value) : power(value) })),
    minor,
  });
  for (const factors of [...(hi <= 10 * lo ? [DIGITS] : []), [1, 2, 5], [1, 3], [1]]) {
    const axis = axisAt(every(factors));
    const few = powers.length <= 3 && axis.ticks.length >= 2;
    if ((few || factors.length === 1) && axis.ticks.length >= 2 && fits(axis, layout)) return axis;
  }
  for (let skip = 2; skip < powers.length; skip++) {
    const axis = axisAt(powers.filter((power) => power % skip === 0).map((power) => Number(`1e${power}`)).filter(inside));
    if (axis.ticks.length >= 1 && fits(axis, layout)) return axis;
  }
  // Too short for powers: round numbers as on a linear axis, at half the density since they crowd towards the upper end.
  const { label, ticks } = linearAxis(options, lo, hi, { ...layout, length: layout.length / 2, nice: false }, false);
  return { label, type: "log", domain: [lo, hi], ticks, minor: [] };
}

const DIGITS = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/** Whether the texts of neighbouring ticks keep a gap. */
function fits({ ticks, type, domain }: Axis, { length, along }: AxisLayout): boolean {
  const scale = type === "log" ? Math.log : (value: number) => value;
  const pixels = length / (scale(domain[1]) - scale(domain[0]));
  return ticks.every((tick, index) => {
    const next = ticks[index + 1];
    if (next === undefined) return true;
    const room = (scale(next.at) - scale(tick.at)) * pixels;
    return room >= (along ? (textWidth(tick.text) + textWidth(next.text)) / 2 + 8 : 16);
  });
}

/** Power of a thousand taken out of very large or very small ticks; 0 for those that read well. */
function sharedExponent(largest: number): number {
  if (largest === 0 || (largest >= 1e-3 && largest < 1e5)) return 0;
  return 3 * Math.floor(Math.log10(largest) / 3 + 1e-9);
}

function labelOf({ label, unit }: AxisOptions, exponent: number): string {
  const factor = exponent === 0 ? "" : `10${superscript(exponent)}`;
  if (unit === undefined) return factor === "" ? label : `${label} (× ${factor})`;
  return `${label} (${factor === "" ? unit : `${factor} ${unit}`})`;
}

/** A number as a power of ten with its factor. */
function power(value: number): string {
  const exponent = Math.floor(Math.log10(value) + 1e-9), factor = Number((value / 10 ** exponent).toPrecision(2));
  return `${factor === 1 ? "" : `${factor}·`}10${superscript(exponent)}`;
}

function superscript(exponent: number): string {
  return [...String(exponent)].map((digit) => digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("");
}
