// One mapped layer as kernels run it: cells in array order, the ADC as a table, and the real scale of the integer that comes out.

import { adcTable, type LayerAdc } from "../../circuit/adc.ts";
import { effectiveCells } from "../../decompose/effective_cells.ts";
import { MappingError, NumericError } from "../../errors.ts";
import type { MappedLayer } from "../../map/mapped.ts";
import { roundHalfEven } from "../../quantize/round.ts";
import { checkSum } from "./weights.ts";
import type { CrossbarStep, Geometry } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";

/** A layer on arrays before its ADC is chosen: everything of a {@linkcode CrossbarStep} but its place in a program and its converter. */
export interface CrossbarPlan extends Omit<CrossbarStep, "op" | "input" | "output" | "adc"> {
  /** Name of the layer. */
  readonly name: string;
  /** Cell-level sum of one integer partial sum: 1 or ½. */
  readonly unit: number;
  /** 2 where weight codes are doubled: real sums are (Σ …) / multiplier. */
  readonly multiplier: number;
  /** Smallest and largest integer partial sum that any input can cause with the layer's cells. */
  readonly reach: readonly [number, number];
  /** The same for any cells of these bits in the tallest tile: the full scale of the arrays. */
  readonly fullScale: readonly [number, number];
}

/** What a converter makes of a plan: y = gain · out + constant is Σ x · multiplier · (code − zero), as far as the ADC resolves it. */
export interface CrossbarLowered {
  /** The step, ready to run. */
  readonly step: CrossbarStep;
  /** Real sum per unit of the step's output. */
  readonly gain: number;
  /** Real sum at an output of 0. */
  readonly constant: number;
}

/**
 * Lays out a layer's cells in array order.
 *
 * @param inputBits Bits of the input codes.
 * @param digitBits Bits applied to the word lines at once.
 * @throws {MappingError} if a cell's effect does not fit 8 bits.
 */
export function planCrossbar(layer: MappedLayer, geometry: Geometry, inputBits: number, digitBits: number): CrossbarPlan {
  const { sliced, rowIndex, tiles } = layer;
  const { cells: wide, unit, limit } = effectiveCells(sliced, rowIndex);
  if (wide.some((cell) => cell < -128 || cell > 127)) {
    throw new MappingError("simulate a layer on arrays", {
      where: sliced.name,
      got: `cells of ${Math.max(...sliced.sliceBits)} bits`,
      wanted: "an effect of at most 127 steps per cell",
      hint: "Use decompose.cellBits of at most 7.",
    });
  }
  const cells = Int8Array.from(wide);
  const digitMax = 2 ** Math.min(digitBits, inputBits) - 1;
  const signed = sliced.negative !== undefined || sliced.mid.some((level) => level !== 0);
  let tallest = 0;
  for (let tile = 0; tile + 1 < tiles.length; tile++) tallest = Math.max(tallest, tiles[tile + 1]! - tiles[tile]!);
  const plan = { geometry, cells, slices: sliced.sliceWeights.length, rowIndex, tiles };
  return {
    ...plan,
    name: sliced.name,
    sliceWeights: sliced.sliceWeights,
    inputBits,
    digitBits,
    correction: sliced.correction,
    unit,
    multiplier: sliced.multiplier,
    reach: reachOf(plan, digitMax),
    fullScale: [signed ? -tallest * limit * digitMax : 0, tallest * limit * digitMax],
  };
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

/** Σ over tiles and digits of 2^(digitBits · digit): how often, weighted, a slice is converted per output. */
export function conversionWeight({ tiles, inputBits, digitBits }: Pick<CrossbarPlan, "tiles" | "inputBits" | "digitBits">): number {
  let sum = 0;
  for (let shift = 0; shift < inputBits; shift += digitBits) sum += 2 ** shift;
  return (tiles.length - 1) * sum;
}

/**
 * Gives a plan its converter.
 *
 * Codes are shifted by the integer nearest lo / step, so that a lossless converter yields the exact sums themselves. With a digital correction,
 * the ADC step is expressed as a fraction p / q, so that converted sums and correction add up as integers.
 *
 * @throws {NumericError} if a sum could leave 32 bits.
 */
export function lowerCrossbar(plan: CrossbarPlan, adc: LayerAdc, input: number, output: number): CrossbarLowered {
  const { geometry, cells, slices, sliceWeights, inputBits, digitBits, rowIndex, tiles, correction, name, unit } = plan;
  const shared = { op: "crossbar", input, output, geometry, cells, slices, inputBits, digitBits, rowIndex, tiles } as const;
  if (adc.unit !== unit) {
    throw new NumericError("convert a layer's sums", { where: name, got: `an ADC in units of ${adc.unit}`, wanted: `units of ${unit}` });
  }
  if ("dynamic" in adc) {
    return { step: { ...shared, sliceWeights, adc: { kind: "dynamic", levels: adc.levels, unit }, correction }, gain: 1, constant: 0 };
  }
  const offset = roundHalfEven(adc.lo / adc.step);
  const rest = adc.lo - offset * adc.step;
  const table = adcTable(adc, plan.reach[0], plan.reach[1], offset);
  const weight = conversionWeight(plan);
  const constant = rest * weight * sliceWeights.reduce((sum, factor) => sum + factor, 0);
  let largest = 0;
  for (const code of table.codes) largest = Math.max(largest, Math.abs(code));
  const magnitude = largest * weight * sliceWeights.reduce((sum, factor) => sum + Math.abs(factor), 0);
  if (correction === 0) {
    checkSum(name, magnitude);
    return { step: { ...shared, sliceWeights, adc: { kind: "table", table }, correction: 0 }, gain: adc.step, constant };
  }
  const correctable = Math.abs(correction) * rowsOf(geometry) * (2 ** inputBits - 1);
  const even = Number.isInteger(correction) ? 1 : 2;
  const [p, q] = fraction(adc.step, (p, q) => even * (p * magnitude + q * correctable) < 2 ** 31 - 1);
  if (p === 0) {
    throw new NumericError("add a digital correction to converted sums", {
      where: name,
      got: `an ADC step of ${adc.step}`,
      wanted: "one that keeps sums within 32 bits",
      hint: "Use a scheme without digital correction, or another ADC range.",
    });
  }
  const scaled = sliceWeights.map((factor) => even * p * factor);
  return {
    step: { ...shared, sliceWeights: scaled, adc: { kind: "table", table }, correction: even * q * correction },
    gain: 1 / (even * q),
    constant,
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
