// From what a user says about the converters to one layer's: limits, thresholds and codes, chosen from its full scale or from sums that were seen.

import { OptionError } from "../errors.ts";
import { type AdcOptions, checkAdc, type CheckedAdc, type LayerAdc, needsImages, type ResolvedAdc, type SumStatistics } from "./adc.ts";
import { capacitorThresholds } from "./capacitor_array.ts";
import { lloydMax } from "./lloyd_max.ts";
import { chooseRange } from "./range.ts";

/** Codes that non-uniform values are rounded to, over their whole range. */
const FINE = 2 ** 12;

/**
 * Chooses the ADC of one layer.
 *
 * With "full" or "granular", and as many codes as sums, step is exactly `unit` and nothing is lost.
 *
 * @throws {OptionError} if an option is wrong, or the range needs observed sums and there are none.
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
  const adc = checkAdc(options, where);
  if (adc.range === "dynamic") return { dynamic: true, levels: 2 ** adc.bits, unit: sums.unit };
  if (needsImages(adc) && sums.observed === undefined) {
    throw new OptionError("set up the ADC", {
      where: "simulate.calibration",
      got: "no calibration images",
      wanted: `images, since the ADC ${adc.kind === "lloydMax" ? 'is of kind "lloydMax"' : `range is "${adc.range}"`}`,
      hint: `Give calibration images, or set ${where}.range to "full", "dynamic" or [lo, hi].`,
    });
  }
  const slices = adc.perSlice ? sums.observed?.slices?.map((observed) => resolve(adc, { ...sums, observed })) : undefined;
  return slices === undefined || slices.length < 2 ? slices?.[0] ?? resolve(adc, sums) : { ...slices[0]!, slices };
}

function resolve(adc: CheckedAdc, sums: SumStatistics): ResolvedAdc {
  const ideal = transfer(adc, sums);
  const mean = ideal.codes === undefined
    ? ideal.step
    : ideal.step * (ideal.codes.at(-1)! - ideal.codes[0]!) / Math.max(1, ideal.levels - 1);
  const spread = Object.values(adc.columns).some((deviation) => deviation > 0);
  return {
    ...ideal,
    ...(adc.noise > 0 ? { noise: adc.noise * mean } : {}),
    ...(spread ? { columns: { ...adc.columns, step: mean } } : {}),
  };
}

function transfer(adc: CheckedAdc, sums: SumStatistics): ResolvedAdc {
  const { kind, bits, amplifierGain, splitArray } = adc, { unit } = sums;
  if (kind === "thresholds") return nonUniform(adc.thresholds!, adc.values ?? middles(adc.thresholds!), unit);
  if (kind === "lloydMax") {
    const { min, histogram, influence = histogram } = sums.observed!;
    const { thresholds, values } = lloydMax(influence, min, 2 ** bits);
    return nonUniform(thresholds.map((sum) => sum * unit), values.map((sum) => sum * unit), unit);
  }
  const levels = 2 ** bits - Number(kind === "signMagnitude"), plain = limits(adc, sums, levels);
  if (kind === "uniform") return plain;
  if (kind === "signMagnitude") {
    const most = Math.max(Math.abs(plain.lo), Math.abs(plain.lo + plain.step * (levels - 1)));
    const exact = plain.step === unit && most <= unit * (2 ** (bits - 1) - 1), half = 2 ** (bits - 1) - 1;
    return exact ? { ...plain, lo: -unit * half } : { levels, lo: -most, step: most / half, unit };
  }
  const steps = capacitorThresholds({ kind, bits, gain: amplifierGain === "infinite" ? Infinity : amplifierGain, split: splitArray });
  return { ...plain, thresholds: steps.map((at) => above(plain.lo + plain.step * at)) };
}

/** A uniform converter's limits. */
function limits({ range, percentile }: CheckedAdc, { fullScale: [min, max], unit, observed }: SumStatistics, levels: number): ResolvedAdc {
  const between = (lo: number, hi: number) => ({ levels, lo, step: (hi - lo) / Math.max(1, levels - 1), unit });
  if (typeof range !== "string") return between(range[0], range[1]);
  if (range === "granular") return { levels, lo: min < 0 ? -unit * Math.ceil(levels / 2 - 0.5) : min * unit, step: unit, unit };
  if (range === "full") return levels >= max - min + 1 ? { levels, lo: min * unit, step: unit, unit } : between(min * unit, max * unit);
  const method = range as "minmax" | "percentile" | "mse", { histogram, influence = histogram, min: first } = observed!;
  const { lo, step } = chooseRange(method === "mse" ? influence : histogram, { method, levels, min: first, percentile });
  return { levels, lo: lo * unit, step: step * unit, unit };
}

/** Values between thresholds, the outermost ones as far out as their neighbours lie in. */
function middles(thresholds: readonly number[]): number[] {
  const first = thresholds[0]!, last = thresholds.at(-1)!;
  const inner = thresholds.slice(1).map((threshold, at) => (threshold + thresholds[at]!) / 2);
  return [inner.length === 0 ? first - 1 : 2 * first - inner[0]!, ...inner, inner.length === 0 ? last + 1 : 2 * last - inner.at(-1)!];
}

/** Values as integer codes: exactly where they are multiples of a unit apart, else on a fine grid. */
function nonUniform(thresholds: readonly number[], values: readonly number[], unit: number): ResolvedAdc {
  const lo = values[0]!, width = values.at(-1)! - lo, whole = values.every((value) => Number.isInteger((value - lo) / unit));
  const step = width === 0 ? unit : whole && width / unit < FINE ? unit : width / (FINE - 1);
  return {
    levels: values.length,
    lo,
    step,
    unit,
    thresholds: [...thresholds],
    codes: values.map((value) => Math.round((value - lo) / step)),
  };
}

/** The next larger number: comparators of capacitor arrays give the higher code only beyond their level. */
function above(value: number): number {
  return value + Math.max(Math.abs(value) * 2 ** -52, Number.MIN_VALUE);
}
