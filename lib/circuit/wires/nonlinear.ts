// Crossbars of cells whose current is no straight line of their voltage: Newton's method around the exact linear solver, vector by vector.

import { NumericError, OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import type { Tensor } from "../../tensor.ts";
import { dissect, substitute } from "./dissect.ts";
import { emptySolution, measure, type WireSolution } from "./measure.ts";
import { wireNetwork } from "./network.ts";
import { checkConductances, checkVoltages, checkWires, type Conductances, type WireOptions } from "./options.ts";
import { planDissection } from "./plan.ts";

/** Current–voltage curve shared by all cells of an array, odd in V, and when to stop solving. */
export interface NonlinearOptions {
  /** I = G · Σ_k odd[k] · V^(2k + 1), V in volts. [1] is Ohm's law. */
  readonly odd: readonly number[];
  /** Largest residual of {@linkcode WireSolution} that counts as solved. Default 1e-10. */
  readonly tolerance?: number;
  /** Most Newton steps per vector. Default 50. */
  readonly steps?: number;
}

/** Voltages and currents of a crossbar of non-linear cells. */
export interface NonlinearSolution extends WireSolution {
  /** Newton steps that each vector took, [batch]. */
  readonly steps: Int32Array;
}

const ACTION = "solve a crossbar of non-linear cells";
/** Least slope and secant of a linearised cell over its G: where the curve is flat or falls, a step stays finite. */
const LEAST = 1e-3;
/** Times a step is halved while it brings no smaller residual. */
const HALVINGS = 6;

/**
 * Coefficients of the cubic cell I = G (V − V³ · readVoltage² / 4), V being a fraction of full scale (CrossSim's model).
 *
 * @example
 * ```ts
 * import { cubicCell } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(cubicCell(0.5), [1, -0.0625]);
 * ```
 */
export function cubicCell(readVoltage: number): readonly number[] {
  return [1, -0.25 * readVoltage ** 2];
}

/**
 * Solves a crossbar of cells with a common non-linear curve for given input voltages.
 *
 * Every Newton step replaces each cell by its tangent, a conductance and a current source, and solves the wires exactly in f64; a step that
 * does not lower the residual is halved. No effective conductance exists here: the cost is a few factorisations per vector.
 * Without wires, whole networks of such cells run by `program({ iv })`.
 *
 * @param conductances Cells in siemens at 0 V for odd[0] = 1, [rows, columns].
 * @param voltages Volts of the drivers, [batch, rows].
 * @throws {OptionError} if an option is unknown or out of range, a conductance negative or not finite, or a voltage not finite.
 * @throws {ShapeError} if shapes do not fit.
 * @throws {NumericError} if the residual stays above the tolerance.
 *
 * @example
 * ```ts
 * import { solveNonlinearWires, tensor } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const cells = tensor(Float64Array.of(1), [1, 1]), volts = tensor(Float64Array.of(1.625), [1, 1]);
 * const { outputs } = solveNonlinearWires(cells, volts, { wordLine: 1, bitLine: 2 }, { odd: [1, -1] });
 * assertAlmostEquals(outputs.data[0]!, 0.375); // 0.5 V on the cell: 0.5 − 0.125 A
 * ```
 */
export function solveNonlinearWires(
  conductances: Conductances,
  voltages: Tensor<Float64Array | Float32Array>,
  wireOptions: WireOptions,
  options: NonlinearOptions,
): NonlinearSolution {
  const wires = checkWires(wireOptions);
  checkConductances(conductances, wires);
  const batch = checkVoltages(voltages, conductances.shape[0]!), { odd, tolerance, steps: most } = checkCurve(options);
  const [rows = 0, columns = 0] = conductances.shape, cells = rows * columns, siemens = conductances.data;
  const network = wireNetwork(conductances, wires), plan = planDissection(network);
  // Each step overwrites the cells by their tangents.
  const { wordNodes, bitNodes, nodes, values: slopes } = network;
  const solution = emptySolution(batch, rows, columns), steps = new Int32Array(batch);
  const current = (cell: number, drop: number) => siemens[cell]! * drop * secant(odd, drop);
  let residual = 0;
  for (let sample = 0; sample < batch; sample++) {
    const driven = voltages.data.subarray(sample * rows, (sample + 1) * rows);
    let volts = new Float64Array(nodes), left = Infinity, step = 0;
    while (left > tolerance && step < most) {
      const injected = new Float64Array(nodes), next = new Float64Array(nodes);
      for (let cell = 0; cell < cells; cell++) {
        const drop = volts[wordNodes[cell]!]! - volts[bitNodes[cell]!]!;
        slopes[cell] = siemens[cell]! * Math.max(slope(odd, drop), LEAST * Math.max(1, secant(odd, drop)));
        const source = current(cell, drop) - slopes[cell]! * drop;
        injected[wordNodes[cell]!]! -= source;
        injected[bitNodes[cell]!]! += source;
      }
      next.set(driven);
      substitute(dissect(network, plan), next, injected);
      const before = volts, reached = left;
      volts = next;
      left = measure(wires, network, volts, solution, sample, current);
      for (let half = 0; half < HALVINGS && !(left < reached); half++) {
        for (let node = rows; node < nodes; node++) volts[node] = (volts[node]! + before[node]!) / 2;
        left = measure(wires, network, volts, solution, sample, current);
      }
      step++;
    }
    if (!(left <= tolerance)) {
      throw new NumericError(ACTION, {
        where: `sample ${sample}, after ${step} Newton steps`,
        got: left,
        wanted: `a residual of at most ${tolerance}`,
        hint: "Lower the voltages: a curve that falls has several solutions or none; or allow more steps or a larger tolerance.",
      });
    }
    steps[sample] = step;
    residual = Math.max(residual, left);
  }
  return { ...solution, residual, steps };
}

/** Σ_k odd[k] · V^2k. */
function secant(odd: readonly number[], volts: number): number {
  let sum = 0;
  for (let k = odd.length - 1; k >= 0; k--) sum = sum * volts * volts + odd[k]!;
  return sum;
}

/** Σ_k (2k + 1) · odd[k] · V^2k. */
function slope(odd: readonly number[], volts: number): number {
  let sum = 0;
  for (let k = odd.length - 1; k >= 0; k--) sum = sum * volts * volts + (2 * k + 1) * odd[k]!;
  return sum;
}

function checkCurve(options: NonlinearOptions): Required<NonlinearOptions> {
  checkOptions(ACTION, "curve", options, ["odd", "tolerance", "steps"]);
  const { odd, tolerance = 1e-10, steps = 50 } = options;
  if (!Array.isArray(odd) || !odd.every(Number.isFinite) || !(odd[0]! > 0)) {
    throw new OptionError(ACTION, { where: "curve.odd", got: odd ?? "nothing", wanted: "finite coefficients, the first above 0" });
  }
  if (!(tolerance > 0 && tolerance <= 1e-2)) {
    throw new OptionError(ACTION, { where: "curve.tolerance", got: tolerance, wanted: "a number above 0, at most 0.01" });
  }
  if (!Number.isInteger(steps) || steps < 1) {
    throw new OptionError(ACTION, { where: "curve.steps", got: steps, wanted: "an integer of at least 1" });
  }
  return { odd, tolerance, steps };
}
