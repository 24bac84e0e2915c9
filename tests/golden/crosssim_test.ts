// Analog-core cases beyond those stored: options in many combinations, each against a plain evaluation in real conductances.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { rint } from "../../lib/simulate/reference/crossbar.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { denseWires } from "../circuit/wires/dense.ts";
import { NotCovered } from "./format.ts";
import { crosssim } from "./formats/crosssim.ts";
import { converterRange, makeConverter } from "./formats/crosssim_adc.ts";
import { readConfig } from "./formats/crosssim_config.ts";

type Options = Record<string, unknown>;
interface Drawn {
  readonly m: number[][];
  readonly x: number[][];
}

/** Weights and inputs [Nin][batch] from a small congruential generator. */
function draw(outputs: number, inputs: number, batch: number, signed: boolean): Drawn {
  let state = 12345;
  const next = () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  const grid = (rows: number, columns: number, low: number) =>
    Array.from({ length: rows }, () => Array.from({ length: columns }, () => low + (1 - low) * next()));
  return { m: grid(outputs, inputs, -1), x: grid(inputs, batch, signed ? -1 : 0) };
}

/** Results by the definitions, one output at a time, in f64 and with conductances as reals. */
function evaluate({ m, x }: Drawn, options: Options): number[] {
  const c = readConfig(options, "test");
  const inputs = x.length, batch = x[0]!.length;
  const gr = 1 - c.gmin, magnitude = c.dacBits > 0 ? c.dacBits - (c.signed ? 1 : 0) : 1, most = 2 ** magnitude - 1;
  const scale = (c.signed ? 2 : 1) / (c.inputRange[1] - c.inputRange[0]);
  const wmax = Math.max(...m.flat().map(Math.abs));
  const parts = c.rows > 0 ? Math.ceil(inputs / c.rows) : 1, size = Math.round(inputs / parts);
  const grid = (g: number) => {
    const steps = 2 ** c.cellBits - 1;
    return c.cellBits === 0 ? g : rint((g - c.gmin) * steps / gr) * gr / steps + c.gmin;
  };
  const balanced = c.style === "balanced" || (c.style === "bitsliced" && c.sliceStyle === "BALANCED");
  const sliceBits = c.style !== "bitsliced"
    ? 0
    : c.weightBits % c.slices === 0
    ? c.weightBits / c.slices
    : Math.ceil((balanced ? c.weightBits - 1 : c.weightBits) / c.slices);
  const base = 2 ** sliceBits, half = 2 ** (c.weightBits - 1);
  const used = c.cellBits > 0 ? gr * (2 ** c.cellBits - 2) / (2 ** c.cellBits - 1) : gr, zero = 1 - used;

  const boundary = c.cellBits > 0 ? 2 ** -(c.cellBits + 1) : 0;

  /** [G⁺, G⁻] of a weight in a slice; null is the unit column. */
  const cell = (weight: number | null, slice: number): [number, number] => {
    if (c.style === "balanced") {
      const w = weight! / wmax, least = boundary;
      if (c.twoSided) return [grid(Math.fround(c.gmin + gr * (1 + w) / 2)), grid(Math.fround(c.gmin + gr * (1 - w) / 2))];
      return [grid(w >= least ? c.gmin + gr * w : c.gmin), grid(w < -least ? c.gmin - gr * w : c.gmin)];
    }
    if (c.style === "offset") return [grid(used * ((weight ?? 0) / (2 * wmax) + 0.5) + zero), 0];
    if (weight === null) return [grid(c.gmin + gr * (slice === c.slices - 1 ? Math.floor(base / 2) / (base - 1) : 0)), 0];
    const n = rint(weight / wmax * (half - 1) + (balanced ? 0 : half));
    const rest = Math.floor(Math.abs(n) / base ** slice), digit = (slice === c.slices - 1 ? rest : rest % base) / (base - 1);
    if (!balanced) return [grid(c.gmin + gr * digit), 0];
    return [grid(c.gmin + (n > 0 ? gr * digit : 0)), grid(c.gmin + (n < 0 ? gr * digit : 0))];
  };
  const limit = (value: number) => c.columnLimit > 0 ? Math.min(Math.max(value, -c.columnLimit), c.columnLimit) : value;

  /** Converted sum of one column of one part. */
  const column = (weights: readonly (number | null)[], digits: readonly number[], slice: number, rows: number): number => {
    const adc = c.adcBits === 0 ? (v: number) => v : (v: number) => {
      const converter = makeConverter(c, converterRange(c, rows, slice, sliceBits, "test"));
      return converter.lo + converter.step * converter.code(v);
    };
    let positive = 0, negative = 0;
    weights.forEach((weight, row) => {
      const [up, down] = cell(weight, slice);
      positive += up * digits[row]!;
      negative += down * digits[row]!;
    });
    if (c.interleaved) return adc(limit(positive - negative));
    if (!balanced) return adc(limit(positive));
    return c.subtract ? adc(limit(positive) - limit(negative)) : adc(limit(positive)) - adc(limit(negative));
  };

  /** All digits of all parts, digitally added. */
  const read = (weights: readonly (number | null)[], codes: readonly number[], slice: number): number => {
    let sum = 0;
    for (let part = 0; part < parts; part++) {
      const [from, to] = [part * size, part === parts - 1 ? inputs : (part + 1) * size];
      const slab = codes.slice(from, to), own = weights.slice(from, to);
      if (!c.bitSerial || (!c.adcPerDigit && c.adcBits > 0)) {
        sum += column(own, slab.map((code) => code / most), slice, to - from);
        continue;
      }
      const top = 2 ** c.digitBits - 1;
      for (let shift = 0; shift < magnitude; shift += c.digitBits) {
        const digits = slab.map((code) => Math.sign(code) * ((Math.abs(code) >> shift) & top) / top);
        sum += top * 2 ** shift / most * column(own, digits, slice, to - from);
      }
    }
    return sum;
  };

  const slices = Array.from({ length: c.style === "bitsliced" ? c.slices : 1 }, (_, slice) => slice);
  return m.flatMap((weights) =>
    Array.from({ length: batch }, (_, image) => {
      const codes = x.map((row) => {
        if (c.dacBits === 0) return row[image]! * scale * most;
        const [lo, q] = c.signed ? [-1, most] : [0, most];
        return rint((rint((Math.min(Math.max(row[image]! * scale, lo), 1) - lo) * q) / q + lo) * most);
      });
      const total = codes.reduce((sum, code) => sum + code, 0) / most;
      const unit = weights.map(() => null);
      if (c.style === "balanced") return read(weights, codes, 0) * wmax / gr / scale;
      if (c.style === "offset") {
        const zeroed = read(weights, codes, 0) - (c.unitColumn ? read(unit, codes, 0) : (zero + 0.5 * used) * total);
        return zeroed * 2 * wmax / gr / scale;
      }
      let sum = balanced || c.unitColumn ? 0 : -half * total;
      for (const slice of slices) {
        const zeroed = read(weights, codes, slice) - (balanced ? 0 : c.unitColumn ? read(unit, codes, slice) : c.gmin * total);
        sum += base ** slice * (base - 1) * zeroed / gr;
      }
      return sum * wmax / (half - 1) / scale;
    })
  );
}

const OUTPUTS = 5, INPUTS = 23, BATCH = 3;
const serial = { bitserial: true, adc_per_ibit: true, adc_bits: 6 };
const unsigned = { dac_signed: false, input_range: [0, 1] };
const sliced = { ...serial, style: "bitsliced", weight_bits: 8 };
const ranged = { adc_range: "CALIBRATED", calibrated_range: [-4.737, 4.737] };

const CASES: Record<string, Options> = {
  "8-bit cells spread over rows": { dac_bits: 6, cell_bits: 8, inf_on_off: true },
  "two-sided 8-bit cells": { dac_bits: 5, cell_bits: 8, balanced_style: "TWO_SIDED" },
  "separate converters at on/off 10": { ...serial, ...unsigned, dac_bits: 8, cell_bits: 4, subtract_in_xbar: false, adc_range: "MAX" },
  "signed inputs on separate converters": {
    ...serial,
    dac_bits: 8,
    cell_bits: 3,
    weight_bits: 4,
    subtract_in_xbar: false,
    adc_range: "GRANULAR",
    rows_max: 10,
  },
  "offset at on/off 10": {
    ...unsigned,
    style: "offset",
    dac_bits: 7,
    cell_bits: 5,
    adc_bits: 8,
    ...ranged,
    calibrated_range: [0.1237, 16.713],
  },
  "offset with a unit column": {
    ...serial,
    style: "offset",
    dac_bits: 8,
    cell_bits: 4,
    weight_bits: 3,
    adc_range: "GRANULAR",
    offset_style: "UNIT_COLUMN_SUBTRACTION",
  },
  "input digits that do not divide": { ...serial, ...ranged, dac_bits: 8, slice_size: 3, cell_bits: 5, inf_on_off: true },
  "one conversion for all input digits": { bitserial: true, ...ranged, adc_bits: 7, dac_bits: 8, cell_bits: 5, inf_on_off: true },
  "bit slices at on/off 10": { ...sliced, ...unsigned, slice_style: "OFFSET", num_slices: 4, cell_bits: 2, dac_bits: 5, adc_range: "MAX" },
  "bit slices of unlike converters": {
    ...sliced,
    dac_bits: 5,
    num_slices: 3,
    cell_bits: 0,
    inf_on_off: true,
    adc_range: "CALIBRATED",
    calibrated_range: [[-5.31, 5.31], [-4.17, 4.17], [-1.113, 1.113]],
    adc_model: "SignMagnitudeADC",
  },
  "bit slices on separate converters": {
    ...sliced,
    dac_bits: 5,
    num_slices: 7,
    cell_bits: 1,
    inf_on_off: true,
    subtract_in_xbar: false,
    adc_range: "GRANULAR",
    rows_max: 8,
  },
  "cells finer than slices": { ...sliced, dac_bits: 5, num_slices: 4, cell_bits: 4, adc_range: "GRANULAR" },
  "a column limit below the sums": { dac_bits: 6, cell_bits: 4, Icol_max: 1.7, Rmin: 2000, Rmax: 20000 },
  "a column limit before separate converters": { ...serial, ...ranged, dac_bits: 6, cell_bits: 4, Icol_max: 1.71, subtract_in_xbar: false },
  "a successive-approximation converter": {
    ...ranged,
    dac_bits: 8,
    cell_bits: 6,
    inf_on_off: true,
    adc_bits: 6,
    adc_model: "SarADC",
    gain_db: 50,
    sigma_comparator: 0,
  },
  "inputs without a DAC": { cell_bits: 5 },
  "inputs without a DAC before a converter": { ...ranged, cell_bits: 5, adc_bits: 7 },
  "cells as written": { dac_bits: 8, rows_max: 9 },
  "two-sided cells as written behind a converter": { ...serial, ...ranged, dac_bits: 6, balanced_style: "TWO_SIDED", inf_on_off: true },
  "offset cells as written, with a unit column": {
    ...unsigned,
    style: "offset",
    dac_bits: 6,
    adc_bits: 8,
    ...ranged,
    calibrated_range: [0.1, 15.9],
    offset_style: "UNIT_COLUMN_SUBTRACTION",
  },
  "full-scale ranges of arrays that differ in rows": { ...serial, dac_bits: 8, cell_bits: 4, adc_range: "MAX", rows_max: 10 },
  "inputs of nine magnitude bits": { dac_bits: 10, cell_bits: 4 },
  "an on/off ratio off the grid": { ...serial, ...ranged, dac_bits: 6, cell_bits: 4, Rmax: 10000 * Math.E, subtract_in_xbar: false },
  "a ramp converter": {
    ...ranged,
    dac_bits: 8,
    cell_bits: 6,
    inf_on_off: true,
    adc_bits: 5,
    adc_model: "RampADC",
    gain_db: 35,
    symmetric_cdac: true,
  },
};

function file(options: Options, drawn: Drawn, wanted: number[]): Record<string, unknown> {
  const store = (rows: number[][]) => ({ shape: [rows.length, rows[0]!.length], data: rows.flat() });
  return { name: "test", config: options, arrays: { M: store(drawn.m), X: store(drawn.x), Y: { shape: [OUTPUTS, BATCH], data: wanted } } };
}

for (const [name, options] of Object.entries(CASES)) {
  Deno.test(`crosssim.open() runs ${name}`, async () => {
    const drawn = draw(OUTPUTS, INPUTS, BATCH, options["dac_signed"] !== false);
    const golden = crosssim.open({ path: "test.json", stem: "test", json: file(options, drawn, evaluate(drawn, options)) });
    await using backend = referenceBackend();
    const error = await golden.run(backend);
    assert(error <= golden.limit, `error ${error}`);
  });
}

Deno.test("crosssim.open() folds line resistance and recorded conductances into arrays of a part each, converters included", async () => {
  const drawn = draw(OUTPUTS, INPUTS, BATCH, true), bounds = [0, 8, 16, INPUTS], most = 31;
  const recorded = draw(2 * OUTPUTS, INPUTS, 1, true).m.map((row) => row.map((value) => 0.55 + 0.45 * value));
  const wires = { wordLine: 0.02, bitLine: 0.03, terminal: 0.01 };
  const wmax = Math.max(...drawn.m.flat().map(Math.abs));
  await using backend = referenceBackend();
  for (const interleaved of [false, true]) {
    for (const adcBits of [0, 7]) {
      const convert = (v: number) => adcBits === 0 ? v : rint((Math.min(Math.max(v, -3), 3) + 3) * 127 / 6) * 6 / 127 - 3;
      const wanted = Array.from({ length: OUTPUTS * BATCH }, (_, at) => {
        const output = Math.floor(at / BATCH), image = at % BATCH;
        let sum = 0;
        for (let part = 0; part + 1 < bounds.length; part++) {
          const rows = Array.from({ length: bounds[part + 1]! - bounds[part]! }, (_, row) => bounds[part]! + row);
          const x = rows.map((row) => rint(Math.min(Math.max(drawn.x[row]![image]!, -1), 1) * most) / most);
          const side = (first: number) =>
            rows.map((row) => Array.from({ length: OUTPUTS }, (_, column) => recorded[first + column]![row]!));
          const solve = (cells: number[][], inputs: number[], options: { interleaved?: boolean } = {}) =>
            denseWires({ shape: [cells.length, OUTPUTS], data: Float64Array.from(cells.flat()) }, inputs, { ...wires, ...options });
          const [positive, negative] = [side(0), side(OUTPUTS)];
          sum += convert(
            interleaved
              ? solve(positive.flatMap((row, at) => [row, negative[at]!]), x.flatMap((v) => [v, -v]), { interleaved }).outputs[output]!
              : solve(positive, x).outputs[output]! - solve(negative, x).outputs[output]!,
          );
        }
        return sum * wmax / 0.9;
      });
      const options = {
        ...ranged,
        calibrated_range: [-3, 3],
        dac_bits: 6,
        adc_bits: adcBits,
        rows_max: 8,
        interleaved,
        programming_error: { model: "RRAMMilo" },
        parasitics: { Rp_row: 20, Rp_col: 30, Rp_col_terminal: 10 },
      };
      const json = file(options, drawn, wanted) as { arrays: Record<string, unknown> };
      for (let part = 0; part + 1 < bounds.length; part++) {
        for (const [name, first] of [["pos", 0], ["neg", OUTPUTS]] as const) {
          const data = recorded.slice(first, first + OUTPUTS).flatMap((row) => row.slice(bounds[part], bounds[part + 1]));
          json.arrays[`G${name}_r${part}c0`] = { shape: [OUTPUTS, bounds[part + 1]! - bounds[part]!], data };
        }
      }
      const golden = crosssim.open({ path: "test.json", stem: "test", json });
      const error = await golden.run(backend);
      assert(error <= golden.limit, `interleaved ${interleaved}, ${adcBits} bits: error ${error}`);
    }
  }
});

Deno.test("crosssim.open() says what it does not cover", () => {
  const drawn = draw(OUTPUTS, INPUTS, BATCH, true);
  const refused = (options: Options, reason: string) => {
    const json = file(options, drawn, new Array(OUTPUTS * BATCH).fill(1));
    assertEquals(assertThrows(() => crosssim.open({ path: "test.json", stem: "test", json }), NotCovered).message, reason);
  };
  refused({ bitserial: true }, "digits of inputs without a DAC");
  refused({ adc_bits: 6, adc_range: "GRANULAR", weight_bits: 4 }, "a converter range in steps of inputs without a DAC");
  refused({ parasitics: { Rp_row: 1, gate: true } }, "the option parasitics.gate");
  refused({ nonlinear_IV: { model: "Diode" }, Vread: 0.5 }, 'cells {"model":"Diode"} at Vread 0.5');
  refused({ programming_error: { model: "RRAMMilo" } }, "programming errors without recorded conductances");
  refused({ read_noise: { model: "RRAMMilo" } }, "read noise");
  refused({ dac_bits: 8, cell_bits: 4, colour: "red" }, "the option colour");
});
