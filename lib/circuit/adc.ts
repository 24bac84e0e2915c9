// The converter behind every column: a resolution, a way to choose its range, and the integer table kernels read.

import { NumericError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { AdcTable } from "../simulate/program.ts";
import { roundHalfEven } from "../quantize/round.ts";
import type { ColumnSpread } from "./column_errors.ts";

/** Ways of choosing an ADC's range by name. */
export const ADC_RANGES = ["full", "granular", "minmax", "percentile", "mse", "dynamic"] as const;

/** Kinds of converters by name. */
export const ADC_KINDS = ["uniform", "signMagnitude", "ramp", "sar", "lloydMax", "thresholds"] as const;

/** A name in {@linkcode ADC_KINDS}. */
export type AdcKind = (typeof ADC_KINDS)[number];

/** A name in {@linkcode ADC_RANGES}, or fixed limits [lo, hi] in units of cell-level sums. */
export type AdcRange = (typeof ADC_RANGES)[number] | readonly [number, number];

/** What a user says about the ADC of the arrays. */
export interface AdcOptions {
  /** Resolution, 1 … 24. */
  readonly bits: number;
  /**
   * Range: "full" covers every sum the array can give; "granular" gives neighbouring sums a code each from the smallest (or from the middle, where sums have
   * both signs) as far as the codes go; "minmax", "percentile" and "mse" are chosen per layer on calibration images;
   * "dynamic" takes the extremes of each batch (comparable with published figures, but no circuit can do it); or fixed limits. Default "mse".
   */
  readonly range?: AdcRange;
  /** Share of the sums kept by "percentile", split evenly between both ends. Default 0.9999. */
  readonly percentile?: number;
  /**
   * "uniform": 2^bits evenly spaced codes (default). "signMagnitude": 2^bits − 1 codes about 0, in a range made symmetric. "ramp" and "sar": a capacitor array
   * behind an amplifier of finite gain, see {@linkcode capacitorThresholds}. "lloydMax": the codes of least squared error for the sums of the calibration
   * images. "thresholds": codes of your own.
   */
  readonly kind?: AdcKind;
  /** "ramp" and "sar" only: open-loop gain of the amplifier in dB. Default Infinity, written "infinite". */
  readonly amplifierGain?: number | "infinite";
  /** "sar" only: a split capacitor array, whose feedback does not depend on the code. Default false. */
  readonly splitArray?: boolean;
  /** "thresholds" only: 2^bits − 1 ascending sums, from each of which on the code is one higher; in units of cell-level sums. */
  readonly thresholds?: readonly number[];
  /** "thresholds" only: 2^bits values the codes stand for, in units of cell-level sums; default half-way between thresholds, the outer ones as far out. */
  readonly values?: readonly number[];
  /** Whether each slice of the weights has a range of its own, for ranges and kinds that look at sums. Default false. */
  readonly perSlice?: boolean;
  /** Thermal noise: standard deviation of every conversion, in steps. Default 0. */
  readonly noise?: number;
  /** Errors of the columns of a chip, drawn once. Default none. */
  readonly columns?: ColumnSpread;
}

/** {@linkcode AdcOptions} with defaults filled in. */
export type CheckedAdc = Omit<Required<AdcOptions>, "thresholds" | "values"> & Pick<AdcOptions, "thresholds" | "values">;

/**
 * An ADC with its range chosen, in units of cell-level sums v = d · unit (d the integer partial sum of the kernels): value = lo + step · code, with
 * code = clamp(rint((v − lo) / step), 0, levels − 1) unless there are thresholds.
 */
export interface ResolvedAdc {
  /** Number of different codes. */
  readonly levels: number;
  /** Cell-level sum of code 0. */
  readonly lo: number;
  /** Cell-level sums per code. */
  readonly step: number;
  /** Cell-level sum of one integer partial sum: 1, or ½ where a dummy column at mid conductance is subtracted. */
  readonly unit: number;
  /** `[levels − 1]`, ascending: sums from each of which on the next code holds. Absent where codes are rounded. */
  readonly thresholds?: readonly number[];
  /** `[levels]`: the codes between thresholds, where they are not 0 … levels − 1. */
  readonly codes?: readonly number[];
  /** A converter for each slice, of which this is the first; absent where all are alike. */
  readonly slices?: readonly ResolvedAdc[];
  /** Thermal noise of a conversion, a standard deviation in cell-level sums; absent for none. */
  readonly noise?: number;
  /** Errors of the columns of a chip, offset and non-linearity in units of `columns.step` cell-level sums. */
  readonly columns?: ColumnSpread & { readonly step: number };
}

/** An ADC whose range follows the extremes of each batch, for every tile, input digit and slice apart. */
export interface DynamicAdc {
  /** Tells it from a resolved ADC. */
  readonly dynamic: true;
  /** Number of codes, 2^bits. */
  readonly levels: number;
  /** As in {@linkcode ResolvedAdc}. */
  readonly unit: number;
}

/** The ADC of one layer. */
export type LayerAdc = ResolvedAdc | DynamicAdc;

/** How often integer partial sums were seen. */
export interface ObservedSums {
  /** Sum counted in the first bin. */
  readonly min: number;
  /** Counts of the sums min, min + 1 … */
  readonly histogram: Float64Array;
  /** The same with each sum counted by its squared factor in the layer's output, for "mse"; default `histogram`. */
  readonly influence?: Float64Array;
  /** The same for each slice alone, where converters are chosen per slice. */
  readonly slices?: readonly Omit<ObservedSums, "slices">[];
}

/** What is known about a layer's partial sums when its ADC is resolved. */
export interface SumStatistics {
  /** Smallest and largest integer partial sum the layer's arrays can give. */
  readonly fullScale: readonly [number, number];
  /** Cell-level sum of one integer partial sum. */
  readonly unit: number;
  /** Sums seen on calibration images. */
  readonly observed?: ObservedSums;
}

const ACTION = "set up the ADC";
const NAMES = [
  ...["bits", "range", "percentile", "kind", "amplifierGain", "splitArray", "thresholds", "values", "perSlice", "noise", "columns"],
] as const;

/**
 * Checks ADC options and fills in the defaults.
 *
 * @param where Path of the options in messages.
 * @throws {OptionError} if a field is unknown or outside its range.
 *
 * @example
 * ```ts
 * import { checkAdc, OptionError } from "@bitline/bitline";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(checkAdc({ bits: 6 }).range, "mse");
 * assertThrows(() => checkAdc({ bits: 0 }), OptionError, "adc.bits");
 * ```
 */
export function checkAdc(options: AdcOptions, where = "simulate.adc"): CheckedAdc {
  checkOptions(ACTION, where, options, NAMES);
  const { bits, range = "mse", percentile = 0.9999, kind = "uniform", perSlice = false, noise = 0, columns = {} } = options;
  const refuse = (name: string, got: unknown, wanted: string) => {
    throw new OptionError(ACTION, { where: `${where}.${name}`, got: got ?? "nothing", wanted });
  };
  const atLeastZero = (value: unknown) => typeof value === "number" && Number.isFinite(value) && value >= 0;
  if (!Number.isInteger(bits) || bits < 1 || bits > 24) refuse("bits", bits, "an integer from 1 to 24");
  const named = typeof range === "string" && (ADC_RANGES as readonly string[]).includes(range);
  const fixed = Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] < range[1];
  if (!named && !fixed) refuse("range", range, `one of ${ADC_RANGES.join(", ")}, or [lo, hi] with lo < hi`);
  if (typeof percentile !== "number" || !(percentile > 0 && percentile <= 1)) {
    refuse("percentile", percentile, "a share above 0 and up to 1");
  }
  if (!(ADC_KINDS as readonly string[]).includes(kind)) refuse("kind", kind, `one of ${ADC_KINDS.join(", ")}`);
  if (kind === "signMagnitude" && bits < 2) refuse("bits", bits, 'at least 2 for kind "signMagnitude"');
  if (kind !== "uniform" && range === "dynamic") refuse("kind", kind, 'kind "uniform", as the range is "dynamic"');
  const amplifierGain = capacitorOption(options, "amplifierGain", ["ramp", "sar"], "infinite", refuse);
  if (amplifierGain !== "infinite" && !Number.isFinite(amplifierGain)) {
    refuse("amplifierGain", amplifierGain, 'a gain in dB, or "infinite"');
  }
  const splitArray = capacitorOption(options, "splitArray", ["sar"], false, refuse);
  if (typeof splitArray !== "boolean") refuse("splitArray", splitArray, "true or false");
  if (kind !== "uniform" && kind !== "signMagnitude" && bits > 16) refuse("bits", bits, `at most 16 for kind "${kind}"`);
  if (typeof perSlice !== "boolean") refuse("perSlice", perSlice, "true or false");
  if (!atLeastZero(noise)) refuse("noise", noise, "a standard deviation in steps, at least 0");
  checkOptions(ACTION, `${where}.columns`, columns, ["gain", "offset", "inl"]);
  for (const [name, spread] of Object.entries(columns)) {
    if (!atLeastZero(spread)) refuse(`columns.${name}`, spread, "a standard deviation of at least 0");
  }
  if (range === "dynamic") {
    if (noise > 0) refuse("noise", noise, 'none, as the range is "dynamic"');
    if (Object.values(columns).some((spread) => spread > 0)) refuse("columns", columns, 'none, as the range is "dynamic"');
  }
  checkThresholds(options, refuse);
  const { thresholds, values } = options;
  const own = thresholds === undefined ? {} : { thresholds, ...(values === undefined ? {} : { values }) };
  return { bits, range, percentile, kind, amplifierGain, splitArray, perSlice, noise, columns, ...own };
}

type Refuse = (name: string, got: unknown, wanted: string) => void;

function capacitorOption<Name extends "amplifierGain" | "splitArray">(
  options: AdcOptions,
  name: Name,
  kinds: readonly AdcKind[],
  fallback: NonNullable<AdcOptions[Name]>,
  refuse: Refuse,
): NonNullable<AdcOptions[Name]> {
  const { [name]: given, kind = "uniform" } = options;
  // A default may be said: printed configurations are full of them.
  if (given !== undefined && given !== fallback && !kinds.includes(kind)) refuse(name, given, `none: kind "${kind}" has no such option`);
  return given ?? fallback;
}

function checkThresholds({ bits, kind = "uniform", range, thresholds, values }: AdcOptions, refuse: Refuse): void {
  if (kind !== "thresholds") {
    for (const [name, given] of Object.entries({ thresholds, values })) {
      if (given !== undefined) refuse(name, given, `none: kind is "${kind}"`);
    }
    return;
  }
  if (range !== undefined && range !== "mse") refuse("range", range, 'none: kind "thresholds" brings its own');
  const count = 2 ** bits, rises = (list: readonly number[]) => list.every((value, at) => at === 0 || value > list[at - 1]!);
  const good = (list: unknown, length: number) =>
    Array.isArray(list) && list.length === length && list.every(Number.isFinite) && rises(list);
  if (!good(thresholds, count - 1)) refuse("thresholds", thresholds, `${count - 1} ascending numbers`);
  if (values !== undefined && !good(values, count)) refuse("values", values, `${count} ascending numbers`);
}

/** Whether a converter can only be chosen on images. */
export function needsImages({ range, kind }: Pick<CheckedAdc, "range" | "kind">): boolean {
  return kind === "lloydMax" || (kind !== "thresholds" && (range === "minmax" || range === "percentile" || range === "mse"));
}

/** Code of a cell-level sum v = d · unit: in f64 and half to even, or by thresholds. */
export function adcCode({ lo, step, levels, thresholds, codes }: ResolvedAdc, v: number): number {
  if (thresholds === undefined) return Math.min(Math.max(roundHalfEven((v - lo) / step), 0), levels - 1);
  let low = 0, high = thresholds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (v >= thresholds[middle]!) low = middle + 1;
    else high = middle;
  }
  return codes === undefined ? low : codes[low]!;
}

/** Sums beyond which a converter gives its outermost code and errs by more than half a step: what is called clipped. */
export function adcLimits({ lo, step, levels, thresholds, codes }: ResolvedAdc): [number, number] {
  const top = lo + step * (codes?.at(-1) ?? levels - 1), bottom = lo + step * (codes?.[0] ?? 0);
  if (thresholds === undefined || codes === undefined) return [bottom - step / 2, top + step / 2];
  return [2 * bottom - (thresholds[0] ?? bottom), 2 * top - (thresholds.at(-1) ?? top)];
}

/**
 * The ADC as a table over integer partial sums: `codes[d − min]` is the code of d · unit, plus `offset`.
 *
 * @param min Smallest partial sum d the table covers, in integer sums.
 * @param max Largest partial sum.
 * @param offset Added to every code, so that codes can be centred on zero. Default 0.
 * @throws {NumericError} if the step is not positive or the table would be empty or have more than 2^24 entries.
 *
 * @example
 * ```ts
 * import { adcTable } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...adcTable({ levels: 4, lo: 0, step: 2, unit: 1 }, -1, 8).codes], [0, 0, 0, 1, 2, 2, 2, 3, 3, 3]);
 * ```
 */
export function adcTable(resolved: ResolvedAdc, min: number, max: number, offset = 0): AdcTable {
  const { step, lo, unit } = resolved;
  if (!(step > 0) || !Number.isFinite(step) || !Number.isFinite(lo)) {
    throw new NumericError("tabulate the ADC", { got: { lo, step }, wanted: "finite limits and a positive step" });
  }
  if (!(max >= min) || max - min >= 2 ** 24) {
    throw new NumericError("tabulate the ADC", {
      got: { min, max },
      wanted: "between 1 and 2^24 possible sums",
      hint: "Use fewer rows or cell bits.",
    });
  }
  const codes = new Int32Array(max - min + 1);
  for (let index = 0; index < codes.length; index++) codes[index] = adcCode(resolved, (index + min) * unit) + offset;
  return { min, max, codes };
}
