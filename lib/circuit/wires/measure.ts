// What is measured on a crossbar whose node voltages are known: currents by Kirchhoff's law, and how far they are from Ohm's.

import { NumericError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import type { WireNetwork } from "./network.ts";
import type { Wires } from "./options.ts";

/** Largest residual that counts as solved. */
export const TOLERANCE = 1e-6;

/** Voltages and currents of a crossbar, one set for each input vector. */
export interface WireSolution {
  /** Amperes leaving the sensed ends, [batch, columns]. */
  readonly outputs: Tensor<Float64Array>;
  /** Volts on the word line at each cell, [batch, rows, columns]. */
  readonly wordVoltages: Tensor<Float64Array>;
  /** Volts on the bit line at each cell, [batch, rows, columns]; rows 2k and 2k + 1 agree where rows are interleaved. */
  readonly bitVoltages: Tensor<Float64Array>;
  /** Amperes from word to bit line through each cell, [batch, rows, columns]. */
  readonly cellCurrents: Tensor<Float64Array>;
  /** Amperes in the word line's segment that feeds each cell, away from the driver, [batch, rows, columns]. */
  readonly wordCurrents: Tensor<Float64Array>;
  /** Amperes in the bit line's segment that leaves each cell (interleaved: each pair), towards the sensed end, [batch, rows, columns]. */
  readonly bitCurrents: Tensor<Float64Array>;
  /** Largest violation of Ohm's law over all segments when currents obey Kirchhoff's: max|ΔV − R · I| / max|V|. */
  readonly residual: number;
}

/** Room for the solution of `batch` vectors. */
export function emptySolution(batch: number, rows: number, columns: number): Omit<WireSolution, "residual"> {
  const field = (): Tensor<Float64Array> => ({ shape: [batch, rows, columns], data: new Float64Array(batch * rows * columns) });
  return {
    outputs: { shape: [batch, columns], data: new Float64Array(batch * columns) },
    wordVoltages: field(),
    bitVoltages: field(),
    cellCurrents: field(),
    wordCurrents: field(),
    bitCurrents: field(),
  };
}

/**
 * Fills in one sample from the voltages of all nodes, drivers first.
 *
 * @param current Amperes through a cell at a voltage.
 * @returns The residual of {@linkcode WireSolution}.
 */
export function measure(
  wires: Wires,
  { rows, columns, wordNodes, bitNodes }: WireNetwork,
  volts: Float64Array,
  solution: Omit<WireSolution, "residual">,
  sample: number,
  current: (cell: number, drop: number) => number,
): number {
  const cells = rows * columns, part = ({ data }: Tensor<Float64Array>) => data.subarray(sample * cells, (sample + 1) * cells);
  const word = part(solution.wordVoltages), bit = part(solution.bitVoltages), through = part(solution.cellCurrents);
  for (let cell = 0; cell < cells; cell++) {
    word[cell] = volts[wordNodes[cell]!]!;
    bit[cell] = volts[bitNodes[cell]!]!;
    through[cell] = current(cell, word[cell]! - bit[cell]!);
  }
  let scale = 0;
  for (let row = 0; row < rows; row++) scale = Math.max(scale, Math.abs(volts[row]!));
  const miss = Math.max(
    wordLines(wires, rows, columns, volts, word, through, part(solution.wordCurrents)),
    bitLines(
      wires,
      rows,
      columns,
      bit,
      through,
      part(solution.bitCurrents),
      solution.outputs.data.subarray(sample * columns, (sample + 1) * columns),
    ),
  );
  return scale > 0 ? miss / scale : miss;
}

/** Distance of a matrix's column sums from the output currents with all inputs at 1 V, relative to the largest. */
export function deviation(effective: Float64Array, outputs: Float64Array, { rows, columns }: WireNetwork): number {
  const sums = new Float64Array(columns);
  for (let row = 0, cell = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, cell++) sums[column]! += effective[cell]!;
  }
  let miss = 0, largest = 0;
  for (let column = 0; column < columns; column++) {
    miss = Math.max(miss, Math.abs(sums[column]! - outputs[column]!));
    largest = Math.max(largest, sums[column]!);
  }
  return miss === 0 ? 0 : miss / largest;
}

/** Passes on a residual that is small enough. @throws {NumericError} otherwise. */
export function checkedResidual(residual: number): number {
  if (residual <= TOLERANCE) return residual;
  throw new NumericError("solve the wires of a crossbar", {
    where: "residual",
    got: residual,
    wanted: `at most ${TOLERANCE}`,
    hint: "Cells conduct so much better than wires that f64 does not resolve the voltages across them.",
  });
}

/** Currents of the word lines by Kirchhoff's law, from the open end; returns the largest violation of Ohm's, in volts. */
function wordLines(
  { driven, wordLine, source }: Wires,
  rows: number,
  columns: number,
  inputs: Float64Array | Float32Array,
  volts: Float64Array,
  cells: Float64Array,
  currents: Float64Array,
): number {
  let miss = 0;
  for (let row = 0; row < rows; row++) {
    let current = 0;
    for (let k = columns - 1; k >= 0; k--) {
      const cell = row * columns + (driven === "first" ? k : columns - 1 - k), feed = driven === "first" ? cell - 1 : cell + 1;
      currents[cell] = current += cells[cell]!;
      const before = k === 0 ? inputs[row]! : volts[feed]!, ohms = k === 0 ? wordLine + source : wordLine;
      miss = Math.max(miss, Math.abs(before - volts[cell]! - ohms * current));
    }
  }
  return miss;
}

/** Currents of the bit lines likewise; what leaves the last segment is the output. */
function bitLines(
  { sensed, bitLine, terminal, interleaved }: Wires,
  rows: number,
  columns: number,
  volts: Float64Array,
  cells: Float64Array,
  currents: Float64Array,
  outputs: Float64Array,
): number {
  const group = interleaved ? 2 : 1, groups = rows / group;
  let miss = 0;
  outputs.fill(0);
  for (let k = 0; k < groups; k++) {
    const row = (sensed === "last" ? k : groups - 1 - k) * group, last = k === groups - 1;
    const at = row * columns,
      next = sensed === "last" ? at + group * columns : at - group * columns,
      ohms = last ? bitLine + terminal : bitLine;
    for (let column = 0; column < columns; column++) {
      let current = outputs[column]!;
      for (let each = 0; each < group; each++) current += cells[at + each * columns + column]!;
      for (let each = 0; each < group; each++) currents[at + each * columns + column] = current;
      outputs[column] = current;
      miss = Math.max(miss, Math.abs(volts[at + column]! - (last ? 0 : volts[next + column]!) - ohms * current));
    }
  }
  return miss;
}
