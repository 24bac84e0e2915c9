// Converters of a layer from its limits, and limits from the sums that were seen.

import type { ObservedSums, ResolvedAdc } from "../../circuit/adc.ts";
import { resolveAdc } from "../../circuit/resolve_adc.ts";
import { chooseRange } from "../../circuit/range.ts";
import { roundHalfEven } from "../../quantize/round.ts";
import { levelsOf, type Pim } from "./options.ts";

/** The converter with these limits: as simulation resolves it, but of 2^adcBits levels also where the bits are a fraction. */
export function converterOf({ adcBits, noise }: Pim, [lo, hi]: readonly [number, number], unit: number, noisy: boolean): ResolvedAdc {
  const levels = levelsOf(adcBits);
  const errors = noisy ? { noise: noise.adc, columns: noise.inl > 0 ? { inl: noise.inl } : {} } : {};
  const adc = resolveAdc({ bits: Math.ceil(adcBits), range: [lo, hi], ...errors }, {
    fullScale: [lo / unit, hi / unit],
    unit,
  }) as ResolvedAdc;
  if (adc.levels === levels) return adc;
  const step = (hi - lo) / (levels - 1), factor = step / adc.step;
  return {
    ...adc,
    levels,
    step,
    ...(adc.noise === undefined ? {} : { noise: adc.noise * factor }),
    ...(adc.columns === undefined ? {} : { columns: { ...adc.columns, step } }),
  };
}

/**
 * Limits for sums that were seen, half-way from those before, and moved by less than a step so that levels lie at multiples of it: 0, if in the range, is
 * converted to 0.
 *
 * @throws {NumericError} if nothing was counted.
 */
export function limitsOf(
  { range, adcBits }: Pim,
  { min, histogram, influence = histogram }: ObservedSums,
  unit: number,
  before?: readonly [number, number],
): [number, number] {
  const codes = levelsOf(adcBits) - 1, method = range === "learned" ? "mse" : range as "minmax" | "percentile" | "mse";
  const found = chooseRange(method === "mse" ? influence : histogram, { method, levels: codes + 1, min });
  let lo = found.lo * unit, hi = lo + found.step * unit * codes;
  if (before !== undefined) [lo, hi] = [(lo + before[0]) / 2, (hi + before[1]) / 2];
  const step = (hi - lo) / codes, start = roundHalfEven(lo / step) * step;
  return [start, start + step * codes];
}
