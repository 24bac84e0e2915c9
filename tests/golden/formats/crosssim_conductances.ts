// The three weight schemes of the analog-core cases as real conductances, on a grid or not, ideal or as recorded.

import { FileError } from "../../../lib/errors.ts";
import { rint } from "../../../lib/simulate/reference/crossbar.ts";
import { NotCovered } from "../format.ts";
import type { CoreConfig } from "./crosssim_config.ts";
import type { Problem } from "./crosssim_problem.ts";

/** Conductances of the arrays of one slice, `[inputs][columns]`. */
export interface Side {
  readonly positive: Float64Array;
  /** Absent where weights have an offset instead. */
  readonly negative?: Float64Array;
}

/** Conductances a file holds, `[inputs][columns]`; an array without pairs is all positive. */
export type Recorded = Required<Side>;

/** A matrix on real cells: y = gain · Σ_slice factors · out − digital · Σ x, less column 0 where it is a unit column. */
export interface RealPlanes {
  readonly slices: readonly Side[];
  readonly factors: readonly number[];
  readonly columns: number;
  readonly unitColumn: boolean;
  readonly gain: number;
  readonly digital: number;
  readonly sliceBits: number;
}

/** Programs the matrix of a case. */
export function programReal(
  { matrix, outputs, inputs }: Problem,
  config: CoreConfig,
  recorded: Recorded | undefined,
  where: string,
): RealPlanes {
  const { gmin, cellBits, style } = config, gr = 1 - gmin, levels = 2 ** cellBits - 1;
  const grid = (g: number) => cellBits === 0 ? g : rint((g - gmin) * levels / gr) * gr / levels + gmin;
  const wmax = matrix.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const balanced = style === "balanced" || (style === "bitsliced" && config.sliceStyle === "BALANCED");
  const unitColumn = !balanced && config.unitColumn, first = unitColumn ? -1 : 0, columns = outputs - first;
  const fill = (cell: (weight: number, unit: boolean) => number) => {
    const cells = new Float64Array(inputs * columns);
    for (let at = 0; at < cells.length; at++) {
      const output = at % columns + first, input = Math.floor(at / columns);
      cells[at] = grid(cell(output < 0 ? 0 : matrix[output * inputs + input]!, output < 0));
    }
    return cells;
  };
  const shared = { columns, unitColumn };
  if (style === "bitsliced") return { ...shared, ...sliced(config, wmax, fill) };
  const one = { factors: [1], sliceBits: 0 };
  const given = (side: keyof Recorded, cell: (weight: number) => number) => {
    if (recorded === undefined) return fill(cell);
    if (recorded[side].length === inputs * columns) return recorded[side];
    throw new FileError("read a golden case", {
      where: `${where}: arrays.G…`,
      got: `${recorded[side].length} cells`,
      wanted: `${columns} × ${inputs}`,
    });
  };
  if (balanced) {
    const least = cellBits > 0 ? 2 ** -(cellBits + 1) : 0;
    const positive = given("positive", (weight) => {
      const w = weight / wmax;
      if (config.twoSided) return Math.fround(gmin + gr * (1 + w) / 2);
      return w >= least ? gmin + gr * w : gmin;
    });
    const negative = given("negative", (weight) => {
      const w = weight / wmax;
      if (config.twoSided) return Math.fround(gmin + gr * (1 - w) / 2);
      return w < -least ? gmin - gr * w : gmin;
    });
    return { ...shared, ...one, slices: [{ positive, negative }], gain: wmax / gr, digital: 0 };
  }
  const used = cellBits > 0 ? gr * (levels - 1) / levels : gr, zero = cellBits > 0 ? 1 - used : gmin;
  // The golden results divide by gr where the range in use is `used`: a gain error of theirs, repeated here to compare.
  const gain = 2 * wmax / gr;
  const positive = given("positive", (weight) => used * (weight / (2 * wmax) + 0.5) + zero);
  return { ...shared, ...one, slices: [{ positive }], gain, digital: unitColumn ? 0 : (zero + 0.5 * used) * gain };
}

function sliced(
  { gmin, weightBits, slices, sliceStyle, unitColumn }: CoreConfig,
  wmax: number,
  fill: (cell: (weight: number, unit: boolean) => number) => Float64Array,
): Omit<RealPlanes, "columns" | "unitColumn"> {
  if (weightBits < 2 || slices < 1) throw new NotCovered(`${weightBits}-bit weights in ${slices} slices`);
  const signs = sliceStyle === "BALANCED", gr = 1 - gmin, top = 2 ** (weightBits - 1);
  const sliceBits = weightBits % slices === 0 ? weightBits / slices : Math.ceil((signs ? weightBits - 1 : weightBits) / slices);
  const base = 2 ** sliceBits, scale = wmax / (top - 1), gain = (base - 1) * scale / gr;
  const digit = (magnitude: number, slice: number) => {
    const rest = Math.floor(magnitude / base ** slice);
    return gmin + gr * (slice === slices - 1 ? rest : rest % base) / (base - 1);
  };
  const factors = Array.from({ length: slices }, (_, slice) => base ** slice);
  const integer = (weight: number) => rint(weight / wmax * (top - 1) + (signs ? 0 : top));
  const sides = factors.map((_, slice): Side => {
    if (signs) {
      const side = (sign: 1 | -1) => fill((weight) => digit(Math.max(0, sign * integer(weight)), slice));
      return { positive: side(1), negative: side(-1) };
    }
    const unit = gmin + (slice === slices - 1 ? gr * Math.floor(base / 2) / (base - 1) : 0);
    return { positive: fill((weight, isUnit) => isUnit ? unit : digit(integer(weight), slice)) };
  });
  const sum = factors.reduce((total, factor) => total + factor, 0);
  const digital = signs || unitColumn ? 0 : gmin * gain * sum + top * scale;
  return { slices: sides, factors, gain, digital, sliceBits };
}
