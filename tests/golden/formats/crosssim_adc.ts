// Converter ranges and kinds of the analog-core cases, each as a table from integer partial sum to integer code.

import { adcCode } from "../../../lib/circuit/adc.ts";
import { capacitorThresholds } from "../../../lib/circuit/capacitor_array.ts";
import { FileError } from "../../../lib/errors.ts";
import type { AdcTable } from "../../../lib/simulate/program.ts";
import { rint } from "../../../lib/simulate/reference/crossbar.ts";
import { NotCovered } from "../format.ts";
import { type CoreConfig, isPair } from "./crosssim_config.ts";

/** A converter: real input to integer code, and back by value = lo + step · code. */
export interface Converter {
  /** Equal keys, equal converters. */
  readonly key: string;
  readonly lo: number;
  readonly step: number;
  code(value: number): number;
}

/** Most entries of a table. */
const ENTRIES = 2 ** 24;

/**
 * Limits of one slice's converter.
 *
 * @param inputs Rows of an array, before signs are split.
 * @param sliceBits Bits of a weight slice; 0 without slicing.
 */
export function converterRange(config: CoreConfig, inputs: number, slice: number, sliceBits: number, where: string): [number, number] {
  const { style, signed, subtract, adcRange, adcBits, weightBits } = config;
  if (adcRange === "CALIBRATED") return calibrated(config, slice, where);
  const inputLevels = 2 ** (config.dacBits - (signed ? 1 : 0));
  const correction = inputLevels / (inputLevels - 1);
  const bothSigns = signed || (style === "balanced" && subtract) || (style === "bitsliced" && config.sliceStyle === "BALANCED");
  if (adcRange === "GRANULAR") {
    const fine = (sliceBits > 0 ? 1 / (2 ** sliceBits - 1) : 2 ** -weightBits) * correction;
    return bothSigns ? [-fine * (2 ** (adcBits - 1) - 1), fine * (2 ** (adcBits - 1) - 1)] : [0, fine * (2 ** adcBits - 1)];
  }
  if (style !== "bitsliced" || config.sliceStyle === "BALANCED") return [bothSigns ? -inputs : 0, inputs];
  const most = 2 ** rint(Math.log2(inputs)) * 2 ** sliceBits / (2 ** sliceBits - 1) * correction * (2 ** adcBits - (signed ? 2 : 1)) /
    2 ** adcBits;
  return [signed ? -most : 0, most];
}

function calibrated({ calibrated, style }: CoreConfig, slice: number, where: string): [number, number] {
  const range: unknown = style === "bitsliced" && !isPair(calibrated) ? (calibrated as unknown[] | undefined)?.[slice] : calibrated;
  if (isPair(range)) return range;
  throw new FileError("read a golden case", {
    where: `${where}: config.calibrated_range`,
    got: range,
    wanted: `[lo, hi] for slice ${slice}`,
  });
}

/** The converter of a case for given limits. */
export function makeConverter(config: CoreConfig, [lo, hi]: readonly [number, number]): Converter {
  const { adcModel, adcBits } = config;
  const key = `${lo} ${hi}`;
  if (adcModel === "QuantizerADC" || adcModel === "SignMagnitudeADC") {
    const levels = 2 ** adcBits - (adcModel === "SignMagnitudeADC" ? 1 : 0);
    const resolved = { levels, lo, step: (hi - lo) / (levels - 1), unit: 1 };
    return { key, lo, step: resolved.step, code: (value) => adcCode(resolved, value) };
  }
  const full = Math.max(Math.abs(lo), Math.abs(hi)), codes = 2 ** adcBits, step = 2 * full / codes, first = -full * (codes - 1) / codes;
  const kind = adcModel === "RampADC" ? "ramp" : "sar";
  const thresholds = capacitorThresholds({ kind, bits: adcBits, gain: config.gainDb, split: config.splitCdac });
  // The lower of two codes that are as near: a sum on a threshold has not passed it.
  const code = (value: number) => thresholds.filter((threshold) => Math.min(Math.max(value, lo), hi) > first + step * threshold).length;
  return { key, lo: first, step, code };
}

/** No conversion: partial sums themselves, or where a current limit cuts between them, `fine` times as finely. */
export function passThrough(unit: number, limit: number, fine: number): Converter {
  const cut = limit > 0 ? limit / unit : Infinity;
  const factor = Number.isFinite(cut) && Math.abs(cut - rint(cut)) > 1e-9 * cut ? fine : 1;
  const code = (value: number) => rint(Math.min(Math.max(value / unit, -cut), cut) * factor);
  return { key: "none", lo: 0, step: unit / factor, code };
}

/** Tabulates a converter behind a column's current limit. @throws {NotCovered} if there are too many partial sums. */
export function tabulate(converter: Converter, unit: number, limit: number, [min, max]: readonly [number, number]): AdcTable {
  if (max - min >= ENTRIES) throw new NotCovered(`${max - min + 1} possible partial sums`);
  const cut = limit > 0 ? limit : Infinity;
  const codes = new Int32Array(max - min + 1);
  for (let at = 0; at < codes.length; at++) codes[at] = converter.code(Math.min(Math.max((min + at) * unit, -cut), cut));
  return { min, max, codes };
}
