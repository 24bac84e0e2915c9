// The converter behind every column: a resolution, a way to choose its range, and the integer table kernels read.

import { NumericError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { AdcTable } from "../simulate/program.ts";
import { roundHalfEven } from "../quantize/round.ts";
import { chooseRange } from "./range.ts";

/** Ways of choosing an ADC's range by name. */
export const ADC_RANGES = ["full", "minmax", "percentile", "mse", "dynamic"] as const;

/** A name in {@linkcode ADC_RANGES}, or fixed limits [lo, hi] in units of cell-level sums. */
export type AdcRange = (typeof ADC_RANGES)[number] | readonly [number, number];

/** What a user says about the ADC of the arrays. */
export interface AdcOptions {
  /** Resolution, 1 … 24. */
  readonly bits: number;
  /**
   * Range: "full" covers every sum the array can give; "minmax", "percentile" and "mse" are chosen per layer on calibration images;
   * "dynamic" takes the extremes of each batch (comparable with published figures, but no circuit can do it); or fixed limits. Default "mse".
   */
  readonly range?: AdcRange;
  /** Share of the sums kept by "percentile", split evenly between both ends. Default 0.9999. */
  readonly percentile?: number;
}

/**
 * An ADC with its range chosen, in units of cell-level sums v = d · unit (d the integer partial sum of the kernels):
 * code = clamp(rint((v − lo) / step), 0, levels − 1), value = lo + step · code.
 */
export interface ResolvedAdc {
  /** Number of codes, 2^bits. */
  readonly levels: number;
  /** Cell-level sum of code 0. */
  readonly lo: number;
  /** Cell-level sums per code. */
  readonly step: number;
  /** Cell-level sum of one integer partial sum: 1, or ½ where a dummy column at mid conductance is subtracted. */
  readonly unit: number;
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
 * assertEquals(checkAdc({ bits: 6 }), { bits: 6, range: "mse", percentile: 0.9999 });
 * assertThrows(() => checkAdc({ bits: 0 }), OptionError, "adc.bits");
 * ```
 */
export function checkAdc(options: AdcOptions, where = "simulate.adc"): Required<AdcOptions> {
  checkOptions(ACTION, where, options, ["bits", "range", "percentile"]);
  const { bits, range = "mse", percentile = 0.9999 } = options;
  if (!Number.isInteger(bits) || bits < 1 || bits > 24) {
    throw new OptionError(ACTION, { where: `${where}.bits`, got: bits, wanted: "an integer from 1 to 24" });
  }
  const named = typeof range === "string" && (ADC_RANGES as readonly string[]).includes(range);
  const fixed = Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] < range[1];
  if (!named && !fixed) {
    throw new OptionError(ACTION, {
      where: `${where}.range`,
      got: range,
      wanted: `one of ${ADC_RANGES.join(", ")}, or [lo, hi] with lo < hi`,
    });
  }
  if (typeof percentile !== "number" || !(percentile > 0 && percentile <= 1)) {
    throw new OptionError(ACTION, { where: `${where}.percentile`, got: percentile, wanted: "a share above 0 and up to 1" });
  }
  return { bits, range, percentile };
}

/** Whether a range can only be chosen on images. */
export function needsImages(range: AdcRange): boolean {
  return range === "minmax" || range === "percentile" || range === "mse";
}

/**
 * Chooses the ADC of one layer.
 *
 * With "full", and as many codes as sums, step is exactly `unit` and nothing is lost.
 *
 * @throws {OptionError} if the range needs observed sums and there are none.
 *
 * @example
 * ```ts
 * import { resolveAdc } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(resolveAdc({ bits: 8, range: "full" }, { fullScale: [-64, 64], unit: 0.5 }), { levels: 256, lo: -32, step: 0.5, unit: 0.5 });
 * assertEquals(resolveAdc({ bits: 2, range: [0, 6] }, { fullScale: [0, 128], unit: 1 }), { levels: 4, lo: 0, step: 2, unit: 1 });
 * ```
 */
export function resolveAdc(options: AdcOptions, sums: SumStatistics, where = "simulate.adc"): LayerAdc {
  const { bits, range, percentile } = checkAdc(options, where);
  const { fullScale: [min, max], unit, observed } = sums;
  const levels = 2 ** bits;
  if (range === "dynamic") return { dynamic: true, levels, unit };
  if (typeof range !== "string") return { levels, lo: range[0], step: (range[1] - range[0]) / (levels - 1), unit };
  if (range === "full") {
    if (levels >= max - min + 1) return { levels, lo: min * unit, step: unit, unit };
    return { levels, lo: min * unit, step: (max - min) * unit / (levels - 1), unit };
  }
  if (observed === undefined) {
    throw new OptionError(ACTION, {
      where: "simulate.calibration",
      got: "no calibration images",
      wanted: `images, since the ADC range is "${range}"`,
      hint: `Give calibration images, or set ${where}.range to "full", "dynamic" or [lo, hi].`,
    });
  }
  const histogram = range === "mse" ? observed.influence ?? observed.histogram : observed.histogram;
  const { lo, step } = chooseRange(histogram, { method: range, levels, min: observed.min, percentile });
  return { levels, lo: lo * unit, step: step * unit, unit };
}

/** Code of a cell-level sum v = d · unit, in f64 and half to even. */
export function adcCode({ lo, step, levels }: ResolvedAdc, v: number): number {
  return Math.min(Math.max(roundHalfEven((v - lo) / step), 0), levels - 1);
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
