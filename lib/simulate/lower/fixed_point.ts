// Real conductances, offsets, thresholds and noise in the integers of an analog step, as finely as 32 bits allow.

import { columnErrors } from "../../circuit/column_errors.ts";
import { adcCode, type ResolvedAdc } from "../../circuit/adc.ts";
import { physicalColumn } from "../../map/layout.ts";
import type { ColumnLayout } from "../../map/layout.ts";
import { NumericError } from "../../errors.ts";
import { roundHalfEven } from "../../quantize/round.ts";
import { DRAW_DEVIATION, DRAW_LIMIT, NOISE_LEVELS } from "../noise.ts";
import type { AnalogConverter, AnalogNoise, AnalogStep } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";
import type { AnalogUnit } from "./analog_units.ts";

/** What stands around the cells of a step. */
export interface Periphery {
  /** Name of the layer, for messages. */
  readonly name: string;
  /** Converter of each line. */
  readonly adcs: readonly ResolvedAdc[];
  /** Largest digit applied to a word line; not used where each has cells of its own. */
  readonly digitMax: number;
  /** Key of the step's noise. */
  readonly key: number;
  /** Seed of the chip and number of the layer: errors of column converters follow from these, the array and the physical column. */
  readonly chip: { readonly seed: number; readonly layer: number };
  /** Where columns stand. */
  readonly layout: ColumnLayout;
  /** Physical columns of each array. */
  readonly widths: readonly number[];
}

/** The integers of a step, and the smallest and largest code each line can give. */
export interface FixedPoint extends Pick<AnalogStep, "cells" | "drives" | "offset" | "converter" | "noise"> {
  /** Per line; codes shifted by the integer nearest lo / step. */
  readonly codes: readonly (readonly [least: number, most: number])[];
}

/** Sums stay below this. */
const LIMIT = 2 ** 30;
/** Largest deviation in a noise table. */
const MOST = 2 ** 20;

/** What one line needs before its unit is chosen, in cell levels. */
interface Line {
  readonly adc: ResolvedAdc;
  /** Extremes of Σ digit · cell. */
  readonly low: number;
  readonly high: number;
  /** Largest Σ digit · |cell|. */
  readonly magnitude: number;
  /** Largest Σ digit² · variance, and the largest variance of a cell. */
  readonly variance: number;
  readonly peak: number;
  /** Thermal noise, a variance. */
  readonly thermal: number;
}

/**
 * Chooses a unit for each line and expresses the step in it: the converter's step is 2^shift units (with thresholds: one cell level is), with the largest
 * shift for which no sum, rounding and noise included, reaches 2^30.
 *
 * @throws {NumericError} if a converter's step is too small beside the sums.
 */
export function fixedPoint(unit: AnalogUnit, periphery: Periphery): FixedPoint {
  const { geometry, tiles, lines: count, drives = 1 } = unit, { groups } = geometry;
  const rows = rowsOf(geometry), columns = geometry.outputShape[2] / groups, tileCount = tiles.length - 1;
  const errors = columnDeviations(unit, periphery);
  const digitMax = unit.drives === undefined ? periphery.digitMax : 1;
  const lines = Array.from({ length: count }, (_, line) => measure(unit, line, periphery, digitMax, errors));
  const units = lines.map((line, number) => lineUnit(line, number, unit, periphery.name, digitMax, errors));
  const cells = new Int32Array(unit.cells.length), size = groups * count * tileCount * columns;
  const offset = new Int32Array(size);
  for (let plane = 0; plane < groups * count; plane++) {
    const line = plane % count, group = (plane - line) / count, { scale, zero } = units[line]!;
    for (let tile = 0; tile < tileCount; tile++) {
      for (let column = 0; column < columns; column++) {
        const at = (plane * tileCount + tile) * columns + column,
          error = errors?.[((group * count + line) * tileCount + tile) * columns + column];
        offset[at] = Math.round(((error?.offset ?? 0) - zero) * scale);
        const gain = scale * (error?.gain ?? 1);
        for (let row = tiles[tile]! * drives; row < tiles[tile + 1]! * drives; row++) {
          const cell = (plane * rows * drives + row) * columns + column;
          cells[cell] = Math.round(unit.cells[cell]! * gain);
        }
      }
    }
  }
  const noise = noiseOf(unit, lines, units, periphery.key);
  return {
    cells,
    ...(unit.drives === undefined ? {} : { drives }),
    ...(offset.some((value) => value !== 0) ? { offset } : {}),
    converter: converterOf(unit, lines, units, errors),
    ...(noise === undefined ? {} : { noise }),
    codes: lines.map(({ adc, low, high }, line) => {
      const { reach } = units[line]!, first = firstCode(adc);
      return [adcCode(adc, low - reach) + first, adcCode(adc, high + reach) + first];
    }),
  };
}

/** Integer that codes are shifted by, so that a lossless converter yields the sums themselves. */
export function firstCode({ lo, step }: ResolvedAdc): number {
  return roundHalfEven(lo / step);
}

/** Errors of the converter behind each sum, offsets in cell levels. */
interface ColumnError {
  readonly gain: number;
  readonly offset: number;
  /** Shift of each threshold, in cell levels. */
  readonly inl?: Float64Array;
}

/** `[groups][lines][tiles][columns per group]`; undefined if columns are all alike. */
function columnDeviations(
  { homes, lines, geometry, tiles }: AnalogUnit,
  { adcs, chip, layout, widths }: Periphery,
): ColumnError[] | undefined {
  if (adcs.every(({ columns }) => columns === undefined)) return undefined;
  const { groups } = geometry, columns = geometry.outputShape[2] / groups, tileCount = tiles.length - 1;
  const errors: ColumnError[] = [];
  for (let plane = 0; plane < groups * lines; plane++) {
    const line = plane % lines, group = (plane - line) / lines, adc = adcs[line]!;
    for (let sum = 0; sum < tileCount * columns; sum++) {
      const at = 2 * (group * tileCount * columns + sum), array = homes[at]!;
      const column = physicalColumn(layout, widths[array]!, homes[at + 1]!, line);
      const { columns: spread } = adc;
      if (spread === undefined) errors.push({ gain: 1, offset: 0 });
      else {
        const { gain, offset, inl } = columnErrors(spread, [chip.seed, chip.layer, array], column, adc.levels);
        const shifts = inl?.map((shift) => shift * spread.step);
        errors.push({ gain, offset: offset * spread.step, ...(shifts === undefined ? {} : { inl: shifts }) });
      }
    }
  }
  return errors;
}

function measure(
  { cells, variance, geometry, tiles, lines, drives = 1 }: AnalogUnit,
  line: number,
  { adcs }: Periphery,
  digitMax: number,
  errors: readonly ColumnError[] | undefined,
): Line {
  const rows = rowsOf(geometry), columns = geometry.outputShape[2] / geometry.groups, tileCount = tiles.length - 1;
  let low = 0, high = 0, magnitude = 0, most = 0, peak = 0;
  for (let group = 0; group < geometry.groups; group++) {
    const plane = group * lines + line;
    for (let tile = 0; tile < tileCount; tile++) {
      const [below, above, spread] = [new Float64Array(columns), new Float64Array(columns), new Float64Array(columns)];
      for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
        for (let column = 0, first = (plane * rows + row) * drives * columns; column < columns; column++, first++) {
          // Of the cells of several drive levels at most one counts.
          let least = 0, largest = 0, noise = 0;
          for (let drive = 0, at = first; drive < drives; drive++, at += columns) {
            const cell = cells[at]!;
            if (cell < least) least = cell;
            else if (cell > largest) largest = cell;
            if (variance !== undefined && variance[at]! > noise) noise = variance[at]!;
          }
          below[column]! += least;
          above[column]! += largest;
          spread[column]! += noise;
          peak = Math.max(peak, noise);
        }
      }
      for (let column = 0; column < columns; column++) {
        const error = errors?.[(plane * tileCount + tile) * columns + column], gain = error?.gain ?? 1, shift = error?.offset ?? 0;
        const [one, other] = [gain * digitMax * below[column]!, gain * digitMax * above[column]!];
        low = Math.min(low, Math.min(one, other) + shift);
        high = Math.max(high, Math.max(one, other) + shift);
        magnitude = Math.max(magnitude, Math.abs(one) + Math.abs(other) + Math.abs(shift));
        most = Math.max(most, spread[column]!);
      }
    }
  }
  const adc = adcs[line]!;
  return { adc, low, high, magnitude, variance: most * digitMax ** 2, peak, thermal: (adc.noise ?? 0) ** 2 };
}

/** Units per cell level, and what follows from it. */
interface LineUnit {
  readonly scale: number;
  /** Cell-level sum from which d counts. */
  readonly zero: number;
  readonly shift: number;
  /** Most that noise adds, in cell levels. */
  readonly reach: number;
  /** Whether codes go by thresholds. */
  readonly thresholds: boolean;
}

function lineUnit(
  { adc, magnitude, variance, thermal }: Line,
  number: number,
  { tiles }: AnalogUnit,
  name: string,
  digitMax: number,
  errors: readonly ColumnError[] | undefined,
): LineUnit {
  const deviation = Math.sqrt(variance + thermal), reach = deviation * DRAW_LIMIT / DRAW_DEVIATION;
  const thresholds = adc.thresholds !== undefined || errors?.some(({ inl }) => inl !== undefined) === true;
  const zero = thresholds ? 0 : adc.lo, step = thresholds ? 1 : adc.step;
  const tallest = tiles.slice(1).reduce((most, end, tile) => Math.max(most, end - tiles[tile]!), 0);
  const room = LIMIT - tallest * digitMax - 4;
  const most = (magnitude + Math.abs(zero) + reach) / step;
  const finest = Math.min(
    Math.log2(room / Math.max(most, 2 ** -60)),
    deviation > 0 ? Math.log2(MOST * DRAW_DEVIATION / 2 / (deviation / step)) : 28,
  );
  const shift = Math.min(28, Math.floor(finest));
  if (!(step > 0) || !Number.isFinite(step) || !Number.isFinite(zero) || shift < 0) {
    throw new NumericError("convert a layer's sums", {
      where: name,
      got: { line: number, lo: adc.lo, step: adc.step, largest: magnitude },
      wanted: "a finite range and a positive step of at least 2^-30 of the largest sum",
    });
  }
  return { scale: 2 ** shift / step, zero, shift, reach, thresholds };
}

function converterOf(
  { lines: count, geometry, tiles }: AnalogUnit,
  lines: readonly Line[],
  units: readonly LineUnit[],
  errors: readonly ColumnError[] | undefined,
): AnalogConverter {
  const levels = Math.max(...lines.map(({ adc }) => adc.levels));
  if (units.every(({ thresholds }) => !thresholds) && lines.every(({ adc }) => adc.levels === levels)) {
    return { kind: "uniform", levels, shift: units.map(({ shift }) => shift), first: lines.map(({ adc }) => firstCode(adc)) };
  }
  const { groups } = geometry, columns = geometry.outputShape[2] / groups, tileCount = tiles.length - 1;
  const perColumn = errors?.some(({ inl }) => inl !== undefined) === true;
  const thresholds = new Int32Array((perColumn ? groups * count * columns : count) * (levels - 1)).fill(2 ** 31 - 1);
  const codes = new Int32Array(count * levels);
  for (const [line, { adc }] of lines.entries()) {
    const { scale, zero } = units[line]!, first = firstCode(adc);
    for (let code = 0; code < levels; code++) {
      const inside = Math.min(code, adc.levels - 1);
      codes[line * levels + code] = (adc.codes?.[inside] ?? inside) + first;
    }
    const limits = (inl: Float64Array | undefined) =>
      Int32Array.from({ length: adc.levels - 1 }, (_, code) => {
        const limit = (adc.thresholds?.[code] ?? adc.lo + adc.step * (code + 0.5)) + (inl?.[code] ?? 0);
        return Math.min(Math.max(Math.ceil((limit - zero) * scale), -LIMIT), LIMIT);
      }).sort();
    if (!perColumn) {
      thresholds.set(limits(undefined), line * (levels - 1));
      continue;
    }
    for (let group = 0; group < groups; group++) {
      for (let column = 0; column < columns; column++) {
        // Row tiles are converted by different columns, but a step has one curve for all: that of the first tile.
        const plane = group * count + line, error = errors![plane * tileCount * columns + column];
        thresholds.set(limits(error?.inl), (plane * columns + column) * (levels - 1));
      }
    }
  }
  return { kind: "thresholds", levels, perColumn, thresholds, codes };
}

function noiseOf(unit: AnalogUnit, lines: readonly Line[], units: readonly LineUnit[], key: number): AnalogNoise | undefined {
  if (lines.every(({ variance, thermal }) => variance + thermal === 0)) return undefined;
  const count = lines.length, deviations = new Int32Array(count * (NOISE_LEVELS + 1));
  const precision: number[] = [], levelShift: number[] = [], quanta: number[] = [];
  for (const [line, { variance, thermal, peak }] of lines.entries()) {
    const { scale } = units[line]!;
    // A cell's variance in 255ths of the largest; its rounding may add half of one per row and squared digit.
    const quantum = peak / 255, most = peak === 0 ? 0 : variance / quantum;
    const shift = most <= NOISE_LEVELS ? 0 : Math.ceil(Math.log2(most / NOISE_LEVELS));
    const largest = Math.sqrt(thermal + variance) * scale;
    const digits = Math.max(1, Math.min(30, Math.floor(Math.log2(MOST * DRAW_DEVIATION / Math.max(largest, 2 ** -30)))));
    for (let level = 0; level <= NOISE_LEVELS; level++) {
      const middle = level === 0 ? 0 : level * 2 ** shift - (2 ** shift - 1) / 2;
      const deviation = Math.sqrt(thermal + Math.min(middle * quantum, variance)) * scale;
      deviations[line * (NOISE_LEVELS + 1) + level] = Math.min(Math.round(deviation * 2 ** digits / DRAW_DEVIATION), MOST);
    }
    precision.push(digits);
    levelShift.push(shift);
    quanta.push(quantum);
  }
  if (unit.variance === undefined) return { key, deviations, precision };
  const variance = new Uint8Array(unit.variance.length), plane = variance.length / (unit.geometry.groups * count);
  for (let at = 0; at < variance.length; at++) {
    const quantum = quanta[Math.floor(at / plane) % count]!;
    variance[at] = quantum === 0 ? 0 : Math.round(unit.variance[at]! / quantum);
  }
  return { key, deviations, precision, variance, levelShift };
}
