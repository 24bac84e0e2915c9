// A plainly unfolded layer as kernels run it: cells in array order, the ADC as a table, and the real scale of the integer that comes out.

import { adcTable, type LayerAdc, type ResolvedAdc } from "../../circuit/adc.ts";
import { effectiveCells } from "../../decompose/effective_cells.ts";
import { MappingError, NumericError } from "../../errors.ts";
import type { MappedLayer } from "../../map/mapped.ts";
import { roundHalfEven } from "../../quantize/round.ts";
import { checkSum } from "./weights.ts";
import type { AdcTable, CrossbarStep, Geometry } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";

/** What all steps of a layer on arrays share before its ADC is chosen. */
export interface ArrayPlan extends Pick<CrossbarStep, "slices" | "sliceWeights" | "inputBits" | "digitBits" | "correction"> {
  /** Name of the layer. */
  readonly name: string;
  /** Window of the layer. */
  readonly geometry: Geometry;
  /** Cell-level sum of one integer partial sum: 1 or ½. */
  readonly unit: number;
  /** 2 where weight codes are doubled: real sums are (Σ …) / multiplier. */
  readonly multiplier: number;
  /** Smallest and largest integer partial sum that any input can cause with the layer's cells. */
  readonly reach: readonly [number, number];
  /** The same for any cells of these bits in the fullest column of an array. */
  readonly fullScale: readonly [number, number];
}

/** A plainly unfolded layer before its ADC is chosen: everything of a {@linkcode CrossbarStep} but its place in a program and its converter. */
export interface CrossbarPlan extends ArrayPlan, Omit<CrossbarStep, "op" | "input" | "output" | "adc"> {}

/** What a converter makes of a plan: y = gain · out + constant is Σ x · multiplier · (code − zero), as far as the ADC resolves it. */
export interface CrossbarLowered {
  /** The step, ready to run. */
  readonly step: CrossbarStep;
  /** Real sum per unit of the step's output. */
  readonly gain: number;
  /** Real sum at an output of 0. */
  readonly constant: number;
}

/** Effects of a layer's cells, and what follows from its decomposition alone. */
export interface LayerCells {
  /** `[groups][slices][rows][columns per group]`, rows in natural order or in that of `rowIndex`. */
  readonly cells: Int8Array;
  /** Full scale of the arrays, given the most cells of a column. */
  fullScale(tallest: number): readonly [number, number];
  /** What the plan of the layer starts from. */
  readonly plan: Omit<ArrayPlan, "reach" | "fullScale">;
}

/**
 * Combines a layer's cells.
 *
 * @throws {MappingError} if a cell's effect does not fit 8 bits.
 */
export function layerCells({ sliced, placement }: MappedLayer, inputBits: number, digitBits: number, rowIndex?: Int32Array): LayerCells {
  const { cells, unit, limit } = effectiveCells(sliced, rowIndex), narrow = cells instanceof Int8Array;
  if (!narrow && cells.some((cell) => cell < -128 || cell > 127)) {
    throw new MappingError("simulate a layer on arrays", {
      where: sliced.name,
      got: `cells of ${Math.max(...sliced.sliceBits)} bits`,
      wanted: "an effect of at most 127 steps per cell",
      hint: "Use decompose.cellBits of at most 7.",
    });
  }
  const { name, sliceWeights, correction, multiplier } = sliced;
  const signed = sliced.negative !== undefined || sliced.mid.some((level) => level !== 0);
  const most = limit * (2 ** Math.min(digitBits, inputBits) - 1);
  return {
    cells: narrow ? cells : new Int8Array(cells),
    fullScale: (tallest) => [signed ? -tallest * most : 0, tallest * most],
    plan: {
      name,
      geometry: placement.geometry,
      slices: sliceWeights.length,
      sliceWeights,
      inputBits,
      digitBits,
      correction,
      unit,
      multiplier,
    },
  };
}

/**
 * Lays out the cells of a plainly unfolded layer in array order.
 *
 * @param order Row order and tiles, from `unfolding`.
 * @param inputBits Bits of the input codes.
 * @param digitBits Bits applied to the word lines at once.
 * @throws {MappingError} if a cell's effect does not fit 8 bits.
 */
export function planCrossbar(
  layer: MappedLayer,
  order: Pick<CrossbarStep, "rowIndex" | "tiles">,
  inputBits: number,
  digitBits: number,
): CrossbarPlan {
  const { cells, plan, fullScale } = layerCells(layer, inputBits, digitBits, order.rowIndex);
  return { ...plan, ...order, cells, ...extremes({ ...plan, ...order, cells }), fullScale: fullScale(tallest(order.tiles)) };
}

/** Most rows of a tile. */
export function tallest(tiles: readonly number[]): number {
  return tiles.slice(1).reduce((most, end, tile) => Math.max(most, end - tiles[tile]!), 0);
}

/** Smallest and largest partial sum that the cells of a step allow. */
export function extremes(
  step: Pick<CrossbarPlan, "geometry" | "cells" | "slices" | "tiles" | "inputBits" | "digitBits">,
): Pick<ArrayPlan, "reach"> {
  return { reach: reachOf(step, 2 ** Math.min(step.digitBits, step.inputBits) - 1) };
}

function reachOf(
  { geometry, cells, slices, tiles }: Pick<CrossbarPlan, "geometry" | "cells" | "slices" | "tiles">,
  digitMax: number,
): [number, number] {
  const rows = rowsOf(geometry), columns = geometry.outputShape[2] / geometry.groups;
  let least = 0, most = 0;
  for (let plane = 0; plane < geometry.groups * slices; plane++) {
    for (let tile = 0; tile + 1 < tiles.length; tile++) {
      const low = new Int32Array(columns), high = new Int32Array(columns);
      for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
        const base = (plane * rows + row) * columns;
        for (let column = 0; column < columns; column++) {
          const cell = cells[base + column]!;
          if (cell < 0) low[column]! += cell;
          else high[column]! += cell;
        }
      }
      for (let column = 0; column < columns; column++) {
        least = Math.min(least, low[column]!);
        most = Math.max(most, high[column]!);
      }
    }
  }
  return [least * digitMax, most * digitMax];
}

/** Σ over digits of 2^(digitBits · digit): how often, weighted, a slice is converted per row tile. */
export function digitWeight({ inputBits, digitBits }: Pick<ArrayPlan, "inputBits" | "digitBits">): number {
  let sum = 0;
  for (let shift = 0; shift < inputBits; shift += digitBits) sum += 2 ** shift;
  return sum;
}

/** A converter with limits as the steps of a layer use it. */
export interface TabledAdc {
  /** Codes, shifted by the integer nearest lo / step, so that a lossless converter yields the exact sums themselves. */
  readonly table: AdcTable;
  /** Largest magnitude one row tile adds to an output, in codes. */
  readonly magnitude: number;
  /** Real sum that one row tile adds to every output, beyond step times its codes. */
  readonly rest: number;
}

/** Tabulates a converter. @throws {NumericError} if it is made for another unit than the plan's. */
export function tabulate(plan: ArrayPlan, adc: ResolvedAdc): TabledAdc {
  const offset = roundHalfEven(adc.lo / adc.step), { sliceWeights } = plan;
  const table = adcTable(adc, plan.reach[0], plan.reach[1], offset);
  let largest = 0;
  for (const code of table.codes) largest = Math.max(largest, Math.abs(code));
  const weight = digitWeight(plan);
  return {
    table,
    magnitude: largest * weight * sliceWeights.reduce((sum, factor) => sum + Math.abs(factor), 0),
    rest: (adc.lo - offset * adc.step) * weight * sliceWeights.reduce((sum, factor) => sum + factor, 0),
  };
}

/** Refuses converters made for other cells. */
export function checkUnit({ name, unit }: ArrayPlan, adc: LayerAdc): void {
  if (adc.unit !== unit) {
    throw new NumericError("convert a layer's sums", { where: name, got: `an ADC in units of ${adc.unit}`, wanted: `units of ${unit}` });
  }
}

/** Integer factors of codes and of the digital correction, and the real sum per unit of their sum. */
export interface Factors {
  /** Of every code. */
  readonly codes: number;
  /** Of Σ x. */
  readonly inputs: number;
  /** Real sum per unit. */
  readonly gain: number;
}

/**
 * Without a digital correction codes are summed as they are. With one, the ADC step is expressed as a fraction p / q, so that converted sums and
 * correction add up as integers.
 *
 * @param magnitude Largest magnitude of the codes of an output together.
 * @throws {NumericError} if a sum could leave 32 bits.
 */
export function correctionFactors({ name, correction, geometry, inputBits }: ArrayPlan, step: number, magnitude: number): Factors {
  if (correction === 0) {
    checkSum(name, magnitude);
    return { codes: 1, inputs: 0, gain: step };
  }
  const correctable = Math.abs(correction) * rowsOf(geometry) * (2 ** inputBits - 1);
  const even = Number.isInteger(correction) ? 1 : 2;
  const [p, q] = fraction(step, (p, q) => even * (p * magnitude + q * correctable) < 2 ** 31 - 1);
  if (p === 0) {
    throw new NumericError("add a digital correction to converted sums", {
      where: name,
      got: `an ADC step of ${step}`,
      wanted: "one that keeps sums within 32 bits",
      hint: "Use a scheme without digital correction, or another ADC range.",
    });
  }
  return { codes: even * p, inputs: even * q * correction, gain: 1 / (even * q) };
}

/**
 * Gives a plan its converter.
 *
 * @throws {NumericError} if a sum could leave 32 bits.
 */
export function lowerCrossbar(plan: CrossbarPlan, adc: LayerAdc, input: number, output: number): CrossbarLowered {
  const { geometry, cells, slices, sliceWeights, inputBits, digitBits, rowIndex, tiles, correction, unit } = plan;
  const shared = { op: "crossbar", input, output, geometry, cells, slices, inputBits, digitBits, rowIndex, tiles } as const;
  checkUnit(plan, adc);
  if ("dynamic" in adc) {
    return { step: { ...shared, sliceWeights, adc: { kind: "dynamic", levels: adc.levels, unit }, correction }, gain: 1, constant: 0 };
  }
  const { table, magnitude, rest } = tabulate(plan, adc), count = tiles.length - 1;
  const { codes, inputs, gain } = correctionFactors(plan, adc.step, count * magnitude);
  return {
    step: { ...shared, sliceWeights: sliceWeights.map((factor) => codes * factor), adc: { kind: "table", table }, correction: inputs },
    gain,
    constant: count * rest,
  };
}

/** Best continued fraction p / q of `value` for which `fits`; [0, 1] if none does. Stops at a relative error below 1e-9. */
export function fraction(value: number, fits: (p: number, q: number) => boolean): [number, number] {
  let [p0, q0, p1, q1] = [0, 1, 1, 0];
  let best: [number, number] = [0, 1];
  let rest = value;
  for (let round = 0; round < 40; round++) {
    const whole = Math.floor(rest);
    [p0, q0, p1, q1] = [p1, q1, whole * p1 + p0, whole * q1 + q0];
    if (!fits(p1, q1)) {
      // A large part of the next term is still closer than the last convergent.
      for (let part = whole - 1; part > whole / 2; part = Math.min(part - 1, Math.floor(part * 0.98))) {
        const [p, q] = [p1 - (whole - part) * p0, q1 - (whole - part) * q0];
        if (fits(p, q) && p > 0) return [p, q];
      }
      return best;
    }
    if (p1 > 0) best = [p1, q1];
    if (Math.abs(p1 / q1 - value) <= 1e-9 * value) return best;
    rest = 1 / (rest - whole);
  }
  return best;
}
