// Line resistance of linear cells: exact nodal solutions of another tool and of a circuit simulator. No backend is asked.
//
// Two kinds of file: one array {m, n, r_word_line, r_bit_line, conductances_S, voltages_V [m, batch], output_currents_A [batch, n], …}, or
// {cases: [{m, n, r_word_line, r_bit_line, R_ohm, V, I_out_A, I_device_A, V_word_line, V_bit_line}]} with flat rows × columns lists.

import type { WireSolution } from "../../../lib/circuit/wires/measure.ts";
import { effectiveConductance, solveWires } from "../../../lib/circuit/wires/solve.ts";
import { FileError } from "../../../lib/errors.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord, relativeError } from "../format.ts";

const one = (json: unknown): boolean => isRecord(json) && isRecord(json["conductances_S"]) && Object.hasOwn(json, "r_word_line");
const many = (json: unknown): boolean =>
  isRecord(json) && Array.isArray(json["cases"]) && isRecord(json["cases"][0]) && Object.hasOwn(json["cases"][0], "r_word_line");

/** Line resistance. */
export const badcrossbar: Format = {
  name: "badcrossbar",
  matches: ({ json }) => one(json) || many(json),
  open,
};

/** Where each quantity lies in a solution, under its names in the files. */
const QUANTITIES: Readonly<Record<string, (solution: WireSolution) => Float64Array>> = {
  output_currents_A: ({ outputs }) => outputs.data,
  I_out_A: ({ outputs }) => outputs.data,
  device_currents: ({ cellCurrents }) => cellCurrents.data,
  I_device_A: ({ cellCurrents }) => cellCurrents.data,
  node_voltages_word_line: ({ wordVoltages }) => wordVoltages.data,
  V_word_line: ({ wordVoltages }) => wordVoltages.data,
  node_voltages_bit_line: ({ bitVoltages }) => bitVoltages.data,
  V_bit_line: ({ bitVoltages }) => bitVoltages.data,
};

function open({ path, stem, json }: GoldenFile): GoldenCase {
  const record = json as Record<string, unknown>;
  const runs = one(json)
    ? [prepare(record, path)]
    : (record["cases"] as unknown[]).map((each, at) => prepare(isRecord(each) ? each : {}, `${path}: cases[${at}]`));
  return {
    name: runs.length === 1 ? stem : `${stem}, ${runs.length} cases`,
    limit: 1e-6,
    needsBackend: false,
    run: () => Promise.resolve(runs.reduce((worst, run) => Math.max(worst, run()), 0)),
  };
}

/** Reads a record; the returned function solves it and gives the largest relative error over all quantities it holds. */
function prepare(record: Record<string, unknown>, where: string): () => number {
  const rows = extent(record["m"], `${where}.m`), columns = extent(record["n"], `${where}.n`), flat = Object.hasOwn(record, "R_ohm");
  const cells = flat
    ? numbers(record["R_ohm"], `${where}.R_ohm`, rows * columns).map((ohms) => 1 / ohms)
    : numbers(record["conductances_S"], `${where}.conductances_S`, rows * columns);
  const given = flat ? numbers(record["V"], `${where}.V`, rows) : numbers(record["voltages_V"], `${where}.voltages_V`);
  const batch = given.length / rows;
  if (!Number.isInteger(batch)) throw malformed(`${where}.voltages_V`, `${given.length} values`, `a multiple of ${rows}`);
  const volts = given.map((_, at) => given[(at % rows) * batch + Math.floor(at / rows)]!);
  const sizes = { outputs: batch * columns, others: batch * rows * columns };
  const wanted = Object.keys(QUANTITIES).filter((name) => Object.hasOwn(record, name)).map((name) => {
    const outputs = name === "output_currents_A" || name === "I_out_A";
    return [name, numbers(record[name], `${where}.${name}`, outputs ? sizes.outputs : sizes.others)] as const;
  });
  if (wanted.length === 0) throw malformed(where, "no results", `one of ${Object.keys(QUANTITIES).join(", ")}`);
  const wires = {
    wordLine: ohms(record["r_word_line"], `${where}.r_word_line`),
    bitLine: ohms(record["r_bit_line"], `${where}.r_bit_line`),
  };
  return () => {
    const conductances = { shape: [rows, columns], data: cells };
    const solution = solveWires(conductances, { shape: [batch, rows], data: volts }, wires);
    const errors = wanted.map(([name, values]) => relativeError(QUANTITIES[name]!(solution), values));
    const { conductances: { data: effective } } = effectiveConductance(conductances, wires);
    const folded = solution.outputs.data.map((_, at) => {
      const sample = Math.floor(at / columns), column = at % columns;
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += volts[sample * rows + row]! * effective[row * columns + column]!;
      return sum;
    });
    return Math.max(...errors, relativeError(folded, solution.outputs.data));
  };
}

function extent(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return value;
  throw malformed(where, value ?? "nothing", "an integer of at least 1");
}

function ohms(value: unknown, where: string): number {
  if (typeof value === "number" && value >= 0 && value < Infinity) return value;
  throw malformed(where, value ?? "nothing", "a finite resistance of at least 0");
}

/** A list of numbers, bare or as {shape, data}. */
function numbers(value: unknown, where: string, length?: number): Float64Array {
  const list = isRecord(value) ? value["data"] : value;
  if (!Array.isArray(list) || !list.every((each) => typeof each === "number")) throw malformed(where, value ?? "nothing", "numbers");
  if (length !== undefined && list.length !== length) throw malformed(where, `${list.length} values`, `${length}`);
  return Float64Array.from(list as number[]);
}

function malformed(where: string, got: unknown, wanted: string): FileError {
  return new FileError("read a line resistance case", { where, got, wanted });
}
