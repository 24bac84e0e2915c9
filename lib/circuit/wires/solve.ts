// Line resistance of linear cells, solved exactly: node voltages and currents for given inputs, or one effective conductance matrix per array.

import { NumericError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { dissect, type Dissection, substitute } from "./dissect.ts";
import { type WireNetwork, wireNetwork } from "./network.ts";
import { checkConductances, checkVoltages, checkWires, type Conductances, type WireOptions, type Wires } from "./options.ts";

/** Largest residual that counts as solved. */
const TOLERANCE = 1e-6;

/** An array with its wires folded into its cells. */
export interface EffectiveConductance {
  /** Siemens, [rows, columns]: output currents are Σ_row conductances[row, column] · voltage[row], exactly. */
  readonly conductances: Tensor<Float64Array>;
  /** Residual of {@linkcode WireSolution} with all inputs at 1 V, and deviation of its output currents from those of the matrix, relative to their largest: the larger. */
  readonly residual: number;
}

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

/**
 * Folds a crossbar's line resistance into one matrix: linear cells on linear wires are a linear map from voltages to currents.
 *
 * Solves the nodal equations directly in f64 by nested dissection, for all inputs at once, without subtractions. Cells of 0 S and lines of
 * 0 Ω are allowed.
 *
 * @param conductances Cells in siemens, [rows, columns].
 * @throws {OptionError} if an option is unknown or out of range, or a conductance negative or not finite; names the field.
 * @throws {ShapeError} if conductances are not a matrix, or interleaved rows are odd in number.
 * @throws {NumericError} if the residual exceeds 1e-6, as where cells conduct 1e10 times better than wires.
 *
 * @example
 * ```ts
 * import { effectiveConductance, tensor } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const cells = tensor(Float64Array.of(1e-3), [1, 1]);
 * const { conductances } = effectiveConductance(cells, { wordLine: 1, bitLine: 2, terminal: 7 });
 * assertAlmostEquals(conductances.data[0]!, 1 / (1000 + 1 + 2 + 7), 1e-15);
 * ```
 */
export function effectiveConductance(conductances: Conductances, options: WireOptions): EffectiveConductance {
  const wires = checkWires(options);
  checkConductances(conductances, wires);
  const network = wireNetwork(conductances, wires), dissection = dissect(network);
  const { rows, columns } = network, { effective } = dissection;
  const probe = measure(conductances, wires, network, dissection, new Float64Array(rows).fill(1), 1);
  let miss = 0, largest = 0;
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += effective[row * columns + column]!;
    miss = Math.max(miss, Math.abs(sum - probe.outputs.data[column]!));
    largest = Math.max(largest, sum);
  }
  const residual = checked(Math.max(probe.residual, miss === 0 ? 0 : miss / largest));
  return { conductances: { shape: [rows, columns], data: effective }, residual };
}

/**
 * Solves a crossbar of linear cells for given input voltages: everything that can be measured on it. One factorisation serves all vectors.
 *
 * @param conductances Cells in siemens, [rows, columns].
 * @param voltages Volts of the drivers, [batch, rows].
 * @throws {OptionError} if an option is unknown or out of range, a conductance negative or not finite, or a voltage not finite.
 * @throws {ShapeError} if shapes do not fit.
 * @throws {NumericError} if the residual exceeds 1e-6, as where cells conduct 1e10 times better than wires.
 *
 * @example
 * ```ts
 * import { solveWires, tensor } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const cells = tensor(Float64Array.of(0.1), [1, 1]), volts = tensor(Float64Array.of(13), [1, 1]);
 * const { outputs, wordVoltages, bitVoltages } = solveWires(cells, volts, { wordLine: 1, bitLine: 2 });
 * assertAlmostEquals(outputs.data[0]!, 1);
 * assertAlmostEquals(wordVoltages.data[0]!, 12);
 * assertAlmostEquals(bitVoltages.data[0]!, 2);
 * ```
 */
export function solveWires(conductances: Conductances, voltages: Tensor<Float64Array | Float32Array>, options: WireOptions): WireSolution {
  const wires = checkWires(options);
  checkConductances(conductances, wires);
  const batch = checkVoltages(voltages, conductances.shape[0]!);
  const network = wireNetwork(conductances, wires);
  return measure(conductances, wires, network, dissect(network), voltages.data, batch);
}

function measure(
  conductances: Conductances,
  wires: Wires,
  network: WireNetwork,
  dissection: Dissection,
  inputs: Float64Array | Float32Array,
  batch: number,
): WireSolution {
  const { rows, columns, wordNodes, bitNodes } = network, cells = rows * columns;
  const field = (): Tensor<Float64Array> => ({ shape: [batch, rows, columns], data: new Float64Array(batch * cells) });
  const wordVoltages = field(), bitVoltages = field(), cellCurrents = field(), wordCurrents = field(), bitCurrents = field();
  const outputs = new Float64Array(batch * columns), volts = new Float64Array(network.nodes);
  let residual = 0;
  for (let sample = 0; sample < batch; sample++) {
    const from = sample * cells, to = from + cells, driven = inputs.subarray(sample * rows, (sample + 1) * rows);
    volts.set(driven);
    volts.fill(0, rows);
    substitute(dissection, volts);
    for (let cell = 0; cell < cells; cell++) {
      const word = volts[wordNodes[cell]!]!, bit = volts[bitNodes[cell]!]!;
      wordVoltages.data[from + cell] = word;
      bitVoltages.data[from + cell] = bit;
      cellCurrents.data[from + cell] = (word - bit) * conductances.data[cell]!;
    }
    const [word, bit, cell, wordCurrent, bitCurrent] = [wordVoltages, bitVoltages, cellCurrents, wordCurrents, bitCurrents]
      .map(({ data }) => data.subarray(from, to)) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
    let scale = 0;
    for (const value of driven) scale = Math.max(scale, Math.abs(value));
    const miss = Math.max(
      wordLines(wires, rows, columns, driven, word, cell, wordCurrent),
      bitLines(wires, rows, columns, bit, cell, bitCurrent, outputs.subarray(sample * columns, (sample + 1) * columns)),
    );
    if (scale > 0) residual = Math.max(residual, miss / scale);
  }
  checked(residual);
  return {
    outputs: { shape: [batch, columns], data: outputs },
    wordVoltages,
    bitVoltages,
    cellCurrents,
    wordCurrents,
    bitCurrents,
    residual,
  };
}

/** Passes on a residual that is small enough. */
function checked(residual: number): number {
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
  for (let column = 0; column < columns; column++) {
    let current = 0;
    for (let k = 0; k < groups; k++) {
      const row = (sensed === "last" ? k : groups - 1 - k) * group, last = k === groups - 1;
      for (let each = row; each < row + group; each++) current += cells[each * columns + column]!;
      for (let each = row; each < row + group; each++) currents[each * columns + column] = current;
      const next = last ? 0 : volts[(sensed === "last" ? row + group : row - group) * columns + column]!;
      miss = Math.max(miss, Math.abs(volts[row * columns + column]! - next - (last ? bitLine + terminal : bitLine) * current));
    }
    outputs[column] = current;
  }
  return miss;
}
