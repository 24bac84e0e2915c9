// Line resistance of linear cells, solved exactly: node voltages and currents for given inputs, or one effective conductance matrix per array.

import type { Tensor } from "../../tensor.ts";
import { dissect, type Dissection, substitute } from "./dissect.ts";
import { checkedResidual, deviation, emptySolution, measure, type WireSolution } from "./measure.ts";
import { type WireNetwork, wireNetwork } from "./network.ts";
import { checkConductances, checkVoltages, checkWires, type Conductances, type WireOptions, type Wires } from "./options.ts";

/** An array with its wires folded into its cells. */
export interface EffectiveConductance {
  /** Siemens, [rows, columns]: output currents are Σ_row conductances[row, column] · voltage[row], exactly. */
  readonly conductances: Tensor<Float64Array>;
  /** Residual of {@linkcode WireSolution} with all inputs at 1 V, and deviation of its output currents from those of the matrix, relative to their largest: the larger. */
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
  const probe = measureAll(conductances, wires, network, dissection, new Float64Array(rows).fill(1), 1);
  const residual = checkedResidual(Math.max(probe.residual, deviation(effective, probe.outputs.data, network)));
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
  return measureAll(conductances, wires, network, dissect(network), voltages.data, batch);
}

/** Everything that can be measured on a dissected crossbar, for each input vector. */
function measureAll(
  conductances: Conductances,
  wires: Wires,
  network: WireNetwork,
  dissection: Dissection,
  inputs: Float64Array | Float32Array,
  batch: number,
): WireSolution {
  const { rows, columns } = network, solution = emptySolution(batch, rows, columns), volts = new Float64Array(network.nodes);
  let residual = 0;
  for (let sample = 0; sample < batch; sample++) {
    const driven = inputs.subarray(sample * rows, (sample + 1) * rows);
    volts.fill(0).set(driven);
    substitute(dissection, volts);
    residual = Math.max(residual, measure(wires, network, volts, solution, sample, (cell, drop) => drop * conductances.data[cell]!));
  }
  return { ...solution, residual: checkedResidual(residual) };
}
