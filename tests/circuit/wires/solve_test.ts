import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { WireOptions } from "../../../lib/circuit/wires/options.ts";
import { effectiveConductance, solveWires } from "../../../lib/circuit/wires/solve.ts";
import { NumericError, OptionError, ShapeError } from "../../../lib/errors.ts";
import { uniform } from "../../../lib/random.ts";
import { denseWires } from "./dense.ts";

let drawn = 0;
const random = (): number => uniform(20, drawn++);
const integer = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
const cellsOf = (rows: number, columns: number, zeros = 0) => ({
  shape: [rows, columns],
  data: Float64Array.from({ length: rows * columns }, () => random() < zeros ? 0 : 10 ** (-5 + 2 * random())),
});
const voltsOf = (batch: number, rows: number) => ({
  shape: [batch, rows],
  data: Float64Array.from({ length: batch * rows }, () => 2 * random() - 1),
});
const ohms = (): number => random() < 0.3 ? 0 : 10 ** (3 * random() - 1);

function assertClose(got: ArrayLike<number>, wanted: ArrayLike<number>, limit: number, what: string): void {
  assertEquals(got.length, wanted.length, what);
  const largest = Math.max(...Array.from(wanted, Math.abs), Number.MIN_VALUE);
  for (let at = 0; at < got.length; at++) {
    assert(Math.abs(got[at]! - wanted[at]!) <= limit * largest, `${what}[${at}]: ${got[at]} ${wanted[at]}`);
  }
}

Deno.test("solveWires() and effectiveConductance() agree with dense elimination on random arrays of all topologies", () => {
  for (let trial = 0; trial < 120; trial++) {
    const interleaved = random() < 0.4,
      rows = interleaved ? 2 * integer(1, 4) : integer(1, 9),
      columns = integer(1, 8),
      batch = integer(1, 3);
    const wires: WireOptions = {
      wordLine: ohms(),
      bitLine: ohms(),
      source: ohms(),
      terminal: ohms(),
      driven: random() < 0.5 ? "first" : "last",
      sensed: random() < 0.5 ? "first" : "last",
      interleaved,
    };
    const cells = cellsOf(rows, columns, 0.2), volts = voltsOf(batch, rows), name = JSON.stringify({ rows, columns, ...wires });
    const solution = solveWires(cells, volts, wires), folded = effectiveConductance(cells, wires);
    assert(solution.residual < 1e-13 && folded.residual < 1e-13, name);
    for (let sample = 0; sample < batch; sample++) {
      const inputs = volts.data.subarray(sample * rows, (sample + 1) * rows), wanted = denseWires(cells, inputs, wires);
      const part = (data: Float64Array, size: number) => data.subarray(sample * size, (sample + 1) * size);
      assertClose(part(solution.wordVoltages.data, rows * columns), wanted.word, 1e-9, `${name} word`);
      assertClose(part(solution.bitVoltages.data, rows * columns), wanted.bit, 1e-9, `${name} bit`);
      assertClose(part(solution.outputs.data, columns), wanted.outputs, 1e-9, `${name} outputs`);
      const product = Array.from(
        { length: columns },
        (_, column) => inputs.reduce((sum, volt, row) => sum + volt * folded.conductances.data[row * columns + column]!, 0),
      );
      assertClose(product, wanted.outputs, 1e-9, `${name} folded`);
    }
  }
});

Deno.test("effectiveConductance() tends to the cells themselves as resistances vanish, down to none", () => {
  const cells = cellsOf(13, 10, 0.1);
  for (const [wordLine, bitLine] of [[0, 0], [1e-9, 1e-9], [1e-12, 0], [0, 1e-12], [1e-30, 1e-30]] as const) {
    const { conductances, residual } = effectiveConductance(cells, { wordLine, bitLine });
    const limit = Math.max(wordLine, bitLine) * 13 * 13;
    assertEquals(conductances.shape, [13, 10]);
    assertClose(conductances.data, cells.data, limit + 1e-13, `${wordLine}, ${bitLine}`);
    assert(residual < 1e-12);
  }
});

Deno.test("effectiveConductance() stays positive and below the cells' sum, and each column's total falls with resistance", () => {
  const cells = cellsOf(32, 24);
  let before = Infinity;
  for (const ohm of [0, 0.1, 1, 10, 100]) {
    const { data } = effectiveConductance(cells, { wordLine: ohm, bitLine: ohm }).conductances;
    const total = data.reduce((sum, value) => sum + value, 0);
    assert(data.every((value) => value > 0));
    assert(total < before);
    before = total;
  }
});

Deno.test("effectiveConductance() is reciprocal: drivers and sensed ends may change places", () => {
  const rows = 9, columns = 14, cells = cellsOf(rows, columns);
  const swapped = {
    shape: [columns, rows],
    data: Float64Array.from(cells.data, (_, at) => cells.data[(at % rows) * columns + Math.floor(at / rows)]!),
  };
  const here = effectiveConductance(cells, { wordLine: 3, bitLine: 7, source: 20, terminal: 5, driven: "first", sensed: "last" });
  const there = effectiveConductance(swapped, { wordLine: 7, bitLine: 3, source: 5, terminal: 20, driven: "last", sensed: "first" });
  const back = Float64Array.from(cells.data, (_, at) => there.conductances.data[(at % columns) * rows + Math.floor(at / columns)]!);
  assertClose(here.conductances.data, back, 1e-13, "reciprocity");
});

Deno.test("solveWires() conserves current on every line", () => {
  const rows = 6, columns = 5, cells = cellsOf(rows, columns), volts = voltsOf(2, rows);
  const { outputs, wordCurrents, bitCurrents, cellCurrents } = solveWires(cells, volts, { wordLine: 2, bitLine: 3, interleaved: true });
  for (let sample = 0; sample < 2; sample++) {
    const at = sample * rows * columns;
    let driven = 0, sensed = 0, through = 0;
    for (let row = 0; row < rows; row++) driven += wordCurrents.data[at + row * columns]!;
    for (let column = 0; column < columns; column++) {
      sensed += outputs.data[sample * columns + column]!;
      assertEquals(bitCurrents.data[at + (rows - 1) * columns + column], outputs.data[sample * columns + column]);
    }
    for (let cell = 0; cell < rows * columns; cell++) through += cellCurrents.data[at + cell]!;
    assertAlmostEquals(driven, through, 1e-15);
    assertAlmostEquals(sensed, through, 1e-15);
  }
});

Deno.test("solveWires() refuses what it cannot solve and names the field", () => {
  const cells = cellsOf(2, 3), volts = voltsOf(1, 2), wires = { wordLine: 1, bitLine: 1 };
  for (const name of ["wordLine", "bitLine", "source", "terminal"]) {
    for (const value of [-1, NaN, Infinity, "1", 1e-320]) {
      assertThrows(() => effectiveConductance(cells, { ...wires, [name]: value }), OptionError, `wires.${name}`);
    }
  }
  assertThrows(() => effectiveConductance(cells, { wordLine: 1 } as WireOptions), OptionError, "wires.bitLine");
  assertThrows(() => effectiveConductance(cells, { ...wires, driven: "left" as "first" }), OptionError, "wires.driven");
  assertThrows(() => effectiveConductance(cells, { ...wires, sensed: 0 as never }), OptionError, "wires.sensed");
  assertThrows(() => effectiveConductance(cells, { ...wires, interleaved: 1 as never }), OptionError, "wires.interleaved");
  assertThrows(() => effectiveConductance(cells, { ...wires, length: 3 } as WireOptions), OptionError, "wires.length");
  assertThrows(() => effectiveConductance(cellsOf(3, 3), { ...wires, interleaved: true }), ShapeError, "3 rows");
  assertThrows(() => effectiveConductance({ shape: [0, 3], data: new Float64Array(0) }, wires), ShapeError, "conductances");
  assertThrows(() => effectiveConductance({ shape: [3, 3], data: cells.data }, wires), ShapeError, "conductances");
  for (const bad of [NaN, -1e-6, Infinity]) {
    const data = cells.data.slice();
    data[4] = bad;
    assertThrows(() => effectiveConductance({ shape: [2, 3], data }, wires), OptionError, "conductances[1, 1]");
  }
  assertThrows(() => solveWires(cells, voltsOf(1, 3), wires), ShapeError, "[batch, 2]");
  assertThrows(() => solveWires(cells, { shape: [1, 2], data: Float64Array.of(0, NaN) }, wires), OptionError, "voltages[0, 1]");
  assertEquals(solveWires(cells, { ...volts, data: new Float64Array(2) }, wires).residual, 0);
});

Deno.test("effectiveConductance() refuses what f64 does not resolve, not silently wrong", () => {
  for (const siemens of [1e14, 1e308]) {
    const cells = { shape: [4, 4], data: new Float64Array(16).fill(siemens) }, wires = { wordLine: 1000, bitLine: 1000 };
    assertThrows(() => effectiveConductance(cells, wires), NumericError, "residual");
    assertThrows(() => solveWires(cells, voltsOf(1, 4), wires), NumericError, "residual");
  }
});

Deno.test("effectiveConductance() agrees with solveWires() on long, flat and odd arrays, f32 cells included", () => {
  for (const [rows, columns] of [[1, 40], [40, 1], [3, 37], [37, 5], [19, 23], [64, 33]] as const) {
    const cells = { shape: [rows, columns], data: Float32Array.from(cellsOf(rows, columns, 0.1).data) },
      wires = { wordLine: 2, bitLine: 5 };
    const { conductances } = effectiveConductance(cells, wires);
    const volts = voltsOf(2, rows), { outputs, residual } = solveWires(cells, volts, wires);
    assert(residual < 1e-12);
    const product = Float64Array.from(outputs.data, (_, at) => {
      let sum = 0;
      for (let row = 0; row < rows; row++) {
        sum += volts.data[Math.floor(at / columns) * rows + row]! * conductances.data[row * columns + at % columns]!;
      }
      return sum;
    });
    assertClose(product, outputs.data, 1e-11, `${rows} x ${columns}`);
  }
});
