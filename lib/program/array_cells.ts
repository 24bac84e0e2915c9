// What a converter sees of an array's cells: wires folded in, drift compensated, pairs and dummy columns combined, in cell levels.

import { effectiveConductance } from "../circuit/wires/solve.ts";
import type { MappedLayer } from "../map/mapped.ts";
import { columnLayout, physicalColumn } from "../map/layout.ts";
import { topLevels } from "../decompose/sliced.ts";
import { digitCount, isOhmic } from "./iv.ts";
import type { LayerPhysics } from "./options.ts";
import { type ChipArray, writeArray, type WrittenArray } from "./write.ts";

/** Effects of one array's cells. */
export interface ArrayCells {
  /** Slices, each a line with a converter. */
  readonly slices: number;
  /** Rows in use, in the order of the pattern. */
  readonly rows: number;
  /** Weight columns, in the order of the pattern. */
  readonly columns: number;
  /** Drive levels of a word line with cells of their own, the digits 1 … drives; absent where a digit counts as often as it says. */
  readonly drives?: number;
  /**
   * `[slices][rows][drives][columns]`, in cell levels: with perfect cells and wires exactly the levels of the decomposition, pairs and dummies subtracted;
   * with drives, what the digit makes of them.
   */
  readonly cells: Float32Array;
  /** Variance of one reading of each, in squared levels; absent if readings do not vary. */
  readonly variance?: Float32Array;
}

/**
 * Makes the cells of one array of one chip.
 *
 * Where currents are not proportional to voltages, each digit above 1 has cells of its own; if no digit exceeds 1, the law is folded in.
 *
 * The gain from conductances to levels is the designer's, (1 − gMin) / top level; the lowest state's own conductance cancels in pairs and against dummy
 * columns, and stays where nothing is subtracted. Wires fold in exactly. A reading's deviation passes wires in proportion to the cell's conductance. All
 * columns that share a dummy column see its noise; each is given the same variance, as if of a dummy column of its own. A dummy column that is converted
 * by itself is converted, with noise of its own, for each column that it is subtracted from.
 *
 * @param digitMax Largest digit applied to a word line. Default 1.
 * @throws {NumericError} if wires cannot be solved.
 *
 * @example
 * ```ts
 * import { arrayCells, chipSeed, decompose, dorefa, lenet, map, pact, program, quantize } from "@bitline/bitline";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * const bits = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) };
 * const mapped = map(decompose(quantize(lenet(), bits)), { algorithm: "im2col" });
 * const cells = (chip: ReturnType<typeof program>) => {
 *   return arrayCells(mapped.layer("conv2"), chip.layers["conv2"]!, { seed: chipSeed(chip, 0), layer: 0, array: 0 }).cells;
 * };
 * assertEquals(new Set(cells(program(mapped))), new Set([0.5, -0.5])); // one bit about the dummy column's half level
 * assertNotEquals(cells(program(mapped, { device: "pcm_like" })), cells(program(mapped)));
 * ```
 */
export function arrayCells(layer: MappedLayer, physics: LayerPhysics, chip: ChipArray, digitMax = 1): ArrayCells {
  const written = writeArray(layer, layer.arrays[chip.array]!, physics, chip), { wires } = physics;
  if (wires === undefined) return combineCells(layer, physics, chip.array, written, matrices(written, physics), digitMax);
  const seen = matrices(written, physics).map((cells) => {
    const { conductances: { data } } = effectiveConductance({
      shape: [written.rows, written.width],
      data: scaled(cells, physics.gMax! * 1e-6),
    }, wires);
    return scaled(data, 1e6 / physics.gMax!);
  });
  return combineCells(layer, physics, chip.array, written, seen);
}

/**
 * The conductances of an array that its wires are folded into, normalised: at the time of use, and, where drift is compensated, freshly programmed.
 */
export function matrices(
  { conductances, programmed }: WrittenArray,
  { compensation, time, device }: LayerPhysics,
): readonly Float64Array[] {
  return compensation === "none" || time === 0 || device.drift === undefined ? [conductances] : [conductances, programmed];
}

/** A copy with all values multiplied. */
export function scaled(values: Float64Array, factor: number): Float64Array {
  const copy = new Float64Array(values.length);
  for (let at = 0; at < copy.length; at++) copy[at] = factor * values[at]!;
  return copy;
}

/**
 * Combines what is seen of an array at the ends of its bit lines.
 *
 * @param seen What wires leave of each of {@linkcode matrices}.
 * @param digitMax Largest digit applied to a word line; matters only where currents are not proportional to voltages.
 */
export function combineCells(
  layer: MappedLayer,
  physics: LayerPhysics,
  array: number,
  written: WrittenArray,
  seen: readonly Float64Array[],
  digitMax = 1,
): ArrayCells {
  const { sliced } = layer, { gMin } = physics.device, { width, arrangement: { lines, bitLines }, deviations } = written;
  const { digits, read } = drivenBy(physics, seen, digitMax), drives = digits.length;
  const gains = driftGains(written, physics, read[0]!, read[1]);
  const { rows, columns, physicalColumns } = layer.arrays[array]!, slices = sliced.sliceWeights.length;
  const cells = new Float32Array(slices * rows * drives * columns);
  const variance = deviations === undefined ? undefined : new Float32Array(cells.length);
  const layout = columnLayout(sliced), tops = topLevels(sliced);
  for (let slice = 0; slice < slices; slice++) {
    const unit = (1 - gMin) / tops[slice]!, dummy = layout.dummyOf[slice]!;
    for (let column = 0; column < columns; column++) {
      const at = physicalColumn(layout, physicalColumns, column, slice);
      const subtracted = layout.pair === 2 ? at + 1 : dummy < 0 ? -1 : physicalColumns - layout.dummies.length + dummy;
      const plus = bitLines[at]!, minus = subtracted < 0 ? -1 : bitLines[subtracted]!;
      for (let row = 0; row < rows; row++) {
        const line = lines[row]! * width;
        for (let drive = 0; drive < drives; drive++) {
          const driven = digits[drive]!, { cells: conductances } = driven, to = ((slice * rows + row) * drives + drive) * columns + column;
          const reference = minus < 0 ? 0 : gains[minus]! * conductances[line + minus]!;
          cells[to] = (gains[plus]! * conductances[line + plus]! - reference) / unit;
          if (variance === undefined) continue;
          const noise = spread(written, driven, gains, line, plus);
          variance[to] = (minus < 0 ? noise : noise + spread(written, driven, gains, line, minus)) / unit ** 2;
        }
      }
    }
  }
  return { slices, rows, columns, ...(drives === 1 ? {} : { drives }), cells, ...(variance === undefined ? {} : { variance }) };
}

/** What cells count, and how often one of conductance 0 does. */
interface Driven {
  readonly cells: Float64Array;
  readonly empty: number;
}

/** What cells count at each digit with cells of its own, and at the read voltage per unit of the digit: at the time of use and when freshly programmed. */
function drivenBy(
  { iv, device: { gMin } }: LayerPhysics,
  seen: readonly Float64Array[],
  digitMax: number,
): { readonly digits: readonly Driven[]; readonly read: readonly Float64Array[] } {
  const [now] = seen as [Float64Array];
  if (iv === undefined || isOhmic(iv)) return { digits: [{ cells: now, empty: 1 }], read: seen };
  const apply = (cells: Float64Array, digit: number, top: number): Driven => {
    const count = digitCount(iv, gMin, digit, top), driven = new Float64Array(cells.length);
    for (let cell = 0; cell < cells.length; cell++) driven[cell] = cells[cell]! * count(cells[cell]!);
    return { cells: driven, empty: count(0) };
  };
  return {
    digits: Array.from({ length: digitMax }, (_, digit) => apply(now, digit + 1, digitMax)),
    read: seen.map((cells) => apply(cells, 1, 1).cells),
  };
}

/** Variance that a cell's readings cause at the end of its bit line. */
function spread(
  { conductances, deviations }: WrittenArray,
  { cells, empty }: Driven,
  gains: Float64Array,
  line: number,
  at: number,
): number {
  const own = conductances[line + at]!, passed = own > 0 ? cells[line + at]! / own : empty;
  return (deviations![line + at]! * passed * gains[at]!) ** 2;
}

/** Gain of each bit line that makes up for drift: what all word lines together gave when freshly programmed, over what they give now. */
function driftGains(
  { rows, width, arrangement: { bitLines } }: WrittenArray,
  { compensation }: LayerPhysics,
  now: Float64Array,
  fresh: Float64Array | undefined,
): Float64Array {
  const gains = new Float64Array(width).fill(1);
  if (fresh === undefined) return gains;
  const sum = (cells: Float64Array, at: number) => {
    let total = 0;
    for (let row = 0; row < rows; row++) total += cells[row * width + at]!;
    return total;
  };
  const ratio = (before: number, after: number) => after > 0 ? before / after : 1;
  if (compensation === "global") {
    const total = (cells: Float64Array) => bitLines.reduce((all, at) => all + sum(cells, at), 0);
    return gains.fill(ratio(total(fresh), total(now)));
  }
  for (const at of bitLines) gains[at] = ratio(sum(fresh, at), sum(now, at));
  return gains;
}
