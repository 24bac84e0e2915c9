// Non-linear cells against a fixed point of dense linear solutions, an independent way to the same voltages.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cubicCell, solveNonlinearWires } from "../../../lib/circuit/wires/nonlinear.ts";
import type { WireOptions } from "../../../lib/circuit/wires/options.ts";
import { solveWires } from "../../../lib/circuit/wires/solve.ts";
import { NumericError, OptionError } from "../../../lib/errors.ts";
import { uniform } from "../../../lib/random.ts";
import { denseWires } from "./dense.ts";

const TOPOLOGIES: readonly WireOptions[] = [
  { wordLine: 0.02, bitLine: 0.03 },
  { wordLine: 0, bitLine: 0.05, terminal: 0.1, driven: "last" },
  { wordLine: 0.04, bitLine: 0, source: 0.02, sensed: "first" },
  { wordLine: 0.03, bitLine: 0.02, interleaved: true },
  { wordLine: 0, bitLine: 0 },
];
const CURVES: readonly (readonly number[])[] = [cubicCell(0.5), [1, 0.4, 0.1], [0.7, 0, -0.2]];

function drawn(seed: number, rows: number, columns: number): { data: Float64Array; volts: Float64Array } {
  const data = Float64Array.from({ length: rows * columns }, (_, at) => uniform(seed, at) ** 2);
  return { data, volts: Float64Array.from({ length: 2 * rows }, (_, at) => 2 * uniform(seed, 1000 + at) - 1) };
}

Deno.test("solveNonlinearWires() agrees with a fixed point of dense linear solutions", () => {
  TOPOLOGIES.forEach((wires, topology) => {
    CURVES.forEach((odd, curve) => {
      const rows = 4, columns = 3, { data, volts } = drawn(10 * topology + curve, rows, columns), shape = [rows, columns];
      const { outputs, residual, wordVoltages } = solveNonlinearWires({ shape, data }, { shape: [2, rows], data: volts }, wires, { odd });
      assert(residual <= 1e-10);
      for (let sample = 0; sample < 2; sample++) {
        const own = volts.subarray(sample * rows, (sample + 1) * rows);
        let cells = data.slice(), dense = denseWires({ shape, data: cells }, own, wires);
        for (let round = 0; round < 60; round++) {
          cells = data.map((siemens, cell) => {
            const drop = dense.word[cell]! - dense.bit[cell]!;
            return siemens * odd.reduce((sum, factor, k) => sum + factor * drop ** (2 * k), 0);
          });
          dense = denseWires({ shape, data: cells }, own, wires);
        }
        dense.outputs.forEach((wanted, column) => assertAlmostEquals(outputs.data[sample * columns + column]!, wanted, 1e-9));
        dense.word.forEach((wanted, cell) => assertAlmostEquals(wordVoltages.data[sample * rows * columns + cell]!, wanted, 1e-9));
      }
    });
  });
});

Deno.test("solveNonlinearWires() takes one step on Ohm's law and gives the linear solution", () => {
  const { data, volts } = drawn(3, 20, 9), wires = { wordLine: 0.01, bitLine: 0.01 };
  const inputs = { shape: [2, 20], data: volts };
  const linear = solveWires({ shape: [20, 9], data }, inputs, wires);
  const { outputs, steps } = solveNonlinearWires({ shape: [20, 9], data }, inputs, wires, { odd: [1] });
  outputs.data.forEach((value, at) => assertAlmostEquals(value, linear.outputs.data[at]!, 1e-12));
  assertEquals([...steps], [1, 1]);
});

Deno.test("solveNonlinearWires() gives its own residual: currents follow the curve and add up", () => {
  const { data, volts } = drawn(4, 16, 16), odd = [1, 3, 5];
  const solution = solveNonlinearWires({ shape: [16, 16], data }, { shape: [2, 16], data: volts }, { wordLine: 0.1, bitLine: 0.1 }, {
    odd,
  });
  solution.cellCurrents.data.forEach((current, at) => {
    const drop = solution.wordVoltages.data[at]! - solution.bitVoltages.data[at]!;
    assertAlmostEquals(current, data[at % 256]! * (drop + 3 * drop ** 3 + 5 * drop ** 5), 1e-12);
  });
  for (let sample = 0; sample < 2; sample++) {
    const sum = (values: Float64Array, length: number) =>
      values.subarray(sample * length, (sample + 1) * length).reduce((a, b) => a + b, 0);
    assertAlmostEquals(sum(solution.outputs.data, 16), sum(solution.cellCurrents.data, 256), 1e-9);
  }
});

Deno.test("solveNonlinearWires() refuses what does not converge, with a hint, and options by field", () => {
  const cell = { shape: [1, 1], data: Float64Array.of(1) }, volts = { shape: [1, 1], data: Float64Array.of(3) };
  const wires = { wordLine: 1, bitLine: 0 };
  assertThrows(() => solveNonlinearWires(cell, volts, wires, { odd: [1, 2], steps: 2 }), NumericError, "residual");
  assertThrows(() => solveNonlinearWires(cell, volts, wires, { odd: [] }), OptionError, "curve.odd");
  assertThrows(() => solveNonlinearWires(cell, volts, wires, { odd: [1], tolerance: 0 }), OptionError, "curve.tolerance");
  assertThrows(() => solveNonlinearWires(cell, volts, wires, { odd: [1], steps: 0.5 }), OptionError, "curve.steps");
  assertThrows(() => solveNonlinearWires(cell, volts, wires, { odd: [1], even: [1] } as never), OptionError, "curve.even");
});
