// What the cells of a crossbar step allow: the sums they can reach, their bit planes, and the one matrix they amount to.

import { NumericError, OptionError } from "../../errors.ts";
import type { Reach } from "./adc.ts";
import { rowCount } from "./window.ts";
import type { CrossbarStep } from "../program.ts";

/** Input digits of a step. */
export function digitCount({ inputBits, digitBits }: CrossbarStep): number {
  return Math.ceil(inputBits / digitBits);
}

/** Smallest and largest partial sum over all tiles, slices and columns, for any input. */
export function reachOf(step: CrossbarStep): Reach {
  const rows = rowCount(step.geometry), columns = step.geometry.outputShape[2] / step.geometry.groups;
  const digit = 2 ** Math.min(step.digitBits, step.inputBits) - 1;
  let [low, high] = [0, 0];
  const negative = new Int32Array(columns), positive = new Int32Array(columns);
  for (let plane = 0; plane < step.geometry.groups * step.slices; plane++) {
    for (let tile = 0; tile + 1 < step.tiles.length; tile++) {
      negative.fill(0);
      positive.fill(0);
      for (let row = step.tiles[tile]!; row < step.tiles[tile + 1]!; row++) {
        const base = (plane * rows + row) * columns;
        for (let column = 0; column < columns; column++) {
          const cell = step.cells[base + column]!;
          if (cell < 0) negative[column]! += cell;
          else positive[column]! += cell;
        }
      }
      for (let column = 0; column < columns; column++) {
        low = Math.min(low, negative[column]! * digit);
        high = Math.max(high, positive[column]! * digit);
      }
    }
  }
  return { low, high };
}

/**
 * Refuses tables that do not cover the reachable sums and results that could leave i32.
 *
 * @throws {OptionError} if a slice weight or the correction is not an integer.
 * @throws {NumericError} if a sum has no code or could overflow.
 */
export function checkTable(step: CrossbarStep, reach: Reach, name: string): void {
  if (step.adc.kind !== "table") return;
  if (!step.sliceWeights.every(Number.isInteger) || !Number.isInteger(step.correction)) {
    throw new OptionError("run a crossbar step", {
      where: name,
      got: [...step.sliceWeights, step.correction],
      wanted: "integer slice weights and correction",
    });
  }
  const { min, max, codes } = step.adc.table;
  if (reach.low < min || reach.high > max || codes.length !== max - min + 1) {
    throw new NumericError("convert partial sums", {
      where: `${name}.adc`,
      got: `a table for ${min} … ${max}`,
      wanted: `${reach.low} … ${reach.high}`,
    });
  }
  let largest = 0;
  for (let d = reach.low; d <= reach.high; d++) largest = Math.max(largest, Math.abs(codes[d - min]!));
  const digits = digitCount(step);
  const weight = step.sliceWeights.reduce((sum, w) => sum + Math.abs(w), 0) * (2 ** (digits * step.digitBits) - 1) /
    (2 ** step.digitBits - 1);
  const bound = largest * weight * (step.tiles.length - 1) +
    Math.abs(step.correction) * rowCount(step.geometry) * (2 ** step.inputBits - 1);
  if (bound >= 2 ** 31) {
    throw new NumericError("sum in 32 bits", {
      where: name,
      got: `sums of up to ${bound}`,
      wanted: `below ${2 ** 31}`,
      hint: "Use fewer slices or ADC bits.",
    });
  }
}

/** Cells of one slice as bit planes: cell = least + factor · Σ_p 2^p plane_p. */
export interface SlicePlanes {
  readonly least: number;
  readonly factor: number;
  readonly planes: number;
}

/** Finds the planes of every slice, over all groups alike. */
export function slicePlanes(step: CrossbarStep): SlicePlanes[] {
  const { groups } = step.geometry;
  const size = step.cells.length / groups / step.slices;
  return Array.from({ length: step.slices }, (_, slice) => {
    const parts = Array.from(
      { length: groups },
      (_, group) => step.cells.subarray((group * step.slices + slice) * size, (group * step.slices + slice + 1) * size),
    );
    let [least, most] = [127, -128];
    for (const part of parts) for (const cell of part) [least, most] = [Math.min(least, cell), Math.max(most, cell)];
    let factor = 0;
    const seen = new Uint8Array(256);
    for (const part of parts) for (const cell of part) seen[cell - least] = 1;
    seen.forEach((present, level) => factor = present ? divisor(level, factor) : factor);
    factor ||= 1;
    return { least, factor, planes: Math.max(1, 32 - Math.clz32((most - least) / factor)) };
  });
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** Σ_slices weight · cells, `[groups][rows][columns]` with rows in natural order, plus `each`; undefined if it does not fit i16. */
export function combinedCells(step: CrossbarStep, gain: number, each: number): Int16Array | undefined {
  const rows = rowCount(step.geometry), columns = step.geometry.outputShape[2] / step.geometry.groups;
  const combined = new Int16Array(step.geometry.groups * rows * columns);
  for (let group = 0; group < step.geometry.groups; group++) {
    for (let row = 0; row < rows; row++) {
      const target = (group * rows + step.rowIndex[row]!) * columns;
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let slice = 0; slice < step.slices; slice++) {
          sum += step.sliceWeights[slice]! * step.cells[((group * step.slices + slice) * rows + row) * columns + column]!;
        }
        const value = gain * sum + each;
        if (Math.abs(value) > 32767) return undefined;
        combined[target + column] = value;
      }
    }
  }
  return combined;
}
