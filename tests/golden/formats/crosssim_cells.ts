// The three weight schemes of the analog-core cases as planes of integer cells.
//
// A conductance on a grid is gmin + gr·k/levels. Where G⁺ and G⁻ are subtracted before conversion gmin drops out; elsewhere it is itself a small
// multiple of the grid step's fraction, so that every partial sum is an integer times one unit.

import { rint } from "../../../lib/simulate/reference/crossbar.ts";
import { NotCovered } from "../format.ts";
import type { CoreConfig } from "./crosssim_config.ts";

/** A matrix on arrays: y[column] = gain · Σ_p weights[p] · ADC_p(unit · Σ_rows x · cells_p) − digital · Σ x, less column 0 if it is a unit column. */
export interface Planes {
  /** One per converted array, each `[rows][columns]`. */
  readonly cells: readonly Float64Array[];
  /** Integer factor of each plane in the digital sum. */
  readonly weights: readonly number[];
  /** Weight slice of each plane, for its converter's range. */
  readonly slice: readonly number[];
  /** Normalised conductance of one step. */
  readonly unit: number;
  /** Outputs, and the unit column before them if there is one. */
  readonly columns: number;
  readonly unitColumn: boolean;
  readonly gain: number;
  readonly digital: number;
  /** Bits of a weight slice; 0 without slicing. */
  readonly sliceBits: number;
}

/** Longest fraction by which gmin may be expressed in grid steps. */
const DENOMINATORS = 400;

/** Programs `[outputs][inputs]` weights. @throws {NotCovered} if conductances are no multiples of a common step. */
export function programCells(matrix: Float64Array, outputs: number, inputs: number, config: CoreConfig): Planes {
  let wmax = 0;
  for (const weight of matrix) wmax = Math.max(wmax, Math.abs(weight));
  const weight = (output: number, input: number) => output < 0 ? 0 : matrix[output * inputs + input]!;
  const shape = { outputs, inputs };
  switch (config.style) {
    case "balanced":
      return balanced(weight, wmax, shape, config);
    case "offset":
      return offset(weight, wmax, shape, config);
    case "bitsliced":
      return bitSliced(weight, wmax, shape, config);
  }
}

type Weight = (output: number, input: number) => number;
interface Extent {
  readonly outputs: number;
  readonly inputs: number;
}

/** `[inputs][columns]`; column 0 is output −1 where there is a unit column. */
function fill({ outputs, inputs }: Extent, unitColumn: boolean, cell: (output: number, input: number) => number): Float64Array {
  const first = unitColumn ? -1 : 0, columns = outputs - first;
  const cells = new Float64Array(inputs * columns);
  for (let input = 0; input < inputs; input++) {
    for (let column = 0; column < columns; column++) cells[input * columns + column] = cell(column + first, input);
  }
  return cells;
}

function difference(positive: Float64Array, negative: Float64Array): Float64Array {
  return positive.map((level, at) => level - negative[at]!);
}

/** Levels as whole conductances: (numerator + denominator · k) · unit. */
function absolute(gmin: number, levels: number): { cell: (k: number) => number; unit: number } {
  const gr = 1 - gmin;
  for (let denominator = 1; denominator <= DENOMINATORS; denominator++) {
    const exact = denominator * gmin * levels / gr, numerator = rint(exact);
    if (Math.abs(exact - numerator) > 1e-9 * Math.max(1, exact)) continue;
    return { cell: (k) => numerator + denominator * k, unit: gr / (levels * denominator) };
  }
  throw new NotCovered("an on/off ratio that is no small fraction of the cell's levels");
}

function balanced(weight: Weight, wmax: number, extent: Extent, config: CoreConfig): Planes {
  const { gmin, cellBits } = config;
  const gr = 1 - gmin, levels = 2 ** cellBits - 1, least = 2 ** -(cellBits + 1);
  const level = (g: number) => rint((g - gmin) * levels / gr);
  const conductance = config.twoSided ? (w: number) => Math.fround(gmin + gr * (1 + w) / 2) : (w: number) => gmin + gr * w;
  const side = (sign: 1 | -1) =>
    fill(extent, false, (output, input) => {
      const w = sign * weight(output, input) / wmax;
      const used = config.twoSided || (sign > 0 ? w >= least : w > least);
      return used ? level(conductance(w)) : 0;
    });
  const sides = [side(1), side(-1)] as const;
  const shared = { slice: [0], columns: extent.outputs, unitColumn: false, gain: wmax / gr, digital: 0, sliceBits: 0 };
  return { ...shared, ...pairs([sides], [1], config, levels) };
}

/** Subtracted pairs, or both sides apart with opposite factors. */
function pairs(
  sides: readonly (readonly [Float64Array, Float64Array])[],
  factors: readonly number[],
  config: CoreConfig,
  levels: number,
): Pick<Planes, "cells" | "weights" | "slice" | "unit"> {
  const apart = !config.interleaved && (!config.subtract || (config.columnLimit > 0 && config.adcBits === 0));
  if (!apart) {
    const cells = sides.map(([positive, negative]) => difference(positive, negative));
    return { cells, weights: factors, slice: factors.map((_, slice) => slice), unit: (1 - config.gmin) / levels };
  }
  const { cell, unit } = absolute(config.gmin, levels);
  return {
    cells: sides.flat().map((side) => side.map(cell)),
    weights: factors.flatMap((factor) => [factor, -factor]),
    slice: factors.flatMap((_, slice) => [slice, slice]),
    unit,
  };
}

function offset(weight: Weight, wmax: number, extent: Extent, config: CoreConfig): Planes {
  const { gmin, cellBits, unitColumn } = config;
  const gr = 1 - gmin, levels = 2 ** cellBits - 1;
  const used = gr * (levels - 1) / levels, zero = 1 - used;
  const { cell, unit } = absolute(gmin, levels);
  const cells = fill(extent, unitColumn, (output, input) => {
    const g = used * (weight(output, input) / (2 * wmax) + 0.5) + zero;
    return cell(rint((g - gmin) * levels / gr));
  });
  // The golden results divide by gr where the range in use is `used`: a gain error of theirs, repeated here to compare.
  const gain = 2 * wmax / gr;
  return {
    cells: [cells],
    weights: [1],
    slice: [0],
    unit,
    columns: extent.outputs + (unitColumn ? 1 : 0),
    unitColumn,
    gain,
    digital: unitColumn ? 0 : (zero + 0.5 * used) * gain,
    sliceBits: 0,
  };
}

function bitSliced(weight: Weight, wmax: number, extent: Extent, config: CoreConfig): Planes {
  const { gmin, cellBits, weightBits, slices, sliceStyle } = config;
  if (weightBits < 2 || slices < 1) throw new NotCovered(`${weightBits}-bit weights in ${slices} slices`);
  const signs = sliceStyle === "BALANCED";
  const sliceBits = weightBits % slices === 0 ? weightBits / slices : Math.ceil((signs ? weightBits - 1 : weightBits) / slices);
  const base = 2 ** sliceBits, top = 2 ** (weightBits - 1);
  const levels = cellBits > 0 ? 2 ** cellBits - 1 : base - 1;
  const integer = (output: number, input: number) => rint(weight(output, input) / wmax * (top - 1) + (signs ? 0 : top));
  const digit = (magnitude: number, slice: number) => {
    const rest = Math.floor(magnitude / base ** slice);
    return slice === slices - 1 ? rest : rest % base;
  };
  const level = (value: number) => rint(value / (base - 1) * levels);
  const factors = Array.from({ length: slices }, (_, slice) => base ** slice);
  const gr = 1 - gmin, scale = wmax / (top - 1), gain = (base - 1) * scale / gr;
  if (signs) {
    const sides = factors.map((_, slice) =>
      ([1, -1] as const).map((sign) =>
        fill(extent, false, (output, input) => level(digit(Math.max(0, sign * integer(output, input)), slice)))
      ) as [Float64Array, Float64Array]
    );
    const shared = { columns: extent.outputs, unitColumn: false, gain, digital: 0, sliceBits };
    return { ...shared, ...pairs(sides, factors, config, levels) };
  }
  const { unitColumn } = config;
  const { cell, unit } = absolute(gmin, levels);
  const cells = factors.map((_, slice) =>
    fill(extent, unitColumn, (output, input) => {
      if (output >= 0) return cell(level(digit(integer(output, input), slice)));
      return cell(slice === slices - 1 ? level(Math.floor(base / 2)) : 0);
    })
  );
  const weightSum = factors.reduce((sum, factor) => sum + factor, 0);
  return {
    cells,
    weights: factors,
    slice: factors.map((_, slice) => slice),
    unit,
    columns: extent.outputs + (unitColumn ? 1 : 0),
    unitColumn,
    gain,
    digital: unitColumn ? 0 : gmin * gain * weightSum + top * scale,
    sliceBits,
  };
}
