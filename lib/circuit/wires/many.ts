// Effective conductances of many arrays on all cores: arrays of one shape share a plan, each is solved by one thread in WebAssembly.

import { WIRES } from "../../../kernels/wires.ts";
import { ThreadPool } from "../../cpu/pool.ts";
import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { checkedResidual, deviation, emptySolution, measure } from "./measure.ts";
import { wireNetwork } from "./network.ts";
import { checkConductances, checkWires, type Conductances, type WireOptions, type Wires } from "./options.ts";
import { planDissection } from "./plan.ts";
import type { EffectiveConductance } from "./solve.ts";
import { wireTape } from "./tape.ts";

/** Where {@linkcode effectiveConductances} runs. */
export interface EffectiveOptions {
  /** Threads that compute. Default: all cores, but no more than there are arrays. */
  readonly threads?: number;
  /** A pool to run on instead of starting one. */
  readonly pool?: ThreadPool;
}

const ACTION = "solve the wires of many crossbars";
/** Arrays per thread that are handed to the kernel at once. */
const ROUND = 4;
/** Bytes that scratch memory of all threads may take. */
const SCRATCH = 2 ** 31;

/**
 * Folds the line resistance of many crossbars into one matrix each, as {@linkcode effectiveConductance} does, spread over the cores.
 *
 * @param arrays Cells in siemens, [rows, columns] each, shapes as they come.
 * @returns In the same order.
 * @throws {OptionError} if an option is unknown or out of range, or a conductance negative or not finite; names the field.
 * @throws {ShapeError} if an array is not a matrix, or interleaved rows are odd in number.
 * @throws {NumericError} if a residual exceeds 1e-6.
 * @throws {DeviceError} if threads or memory are not to be had.
 *
 * @example
 * ```ts
 * import { effectiveConductance, effectiveConductances, tensor } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const wires = { wordLine: 1, bitLine: 2 }, cells = tensor(Float64Array.of(1e-3, 2e-3, 3e-3, 4e-3), [2, 2]);
 * const [first] = await effectiveConductances([cells], wires, { threads: 1 });
 * assertAlmostEquals(first!.conductances.data[3]!, effectiveConductance(cells, wires).conductances.data[3]!, 1e-15);
 * ```
 */
export async function effectiveConductances(
  arrays: readonly Conductances[],
  wires: WireOptions,
  options: EffectiveOptions = {},
): Promise<EffectiveConductance[]> {
  checkOptions(ACTION, "options", options, ["threads", "pool"]);
  const { threads, pool } = options;
  if (threads !== undefined && (pool !== undefined || !Number.isInteger(threads) || threads < 1)) {
    const wanted = pool === undefined ? "an integer of at least 1" : "no threads beside a pool, which has its own";
    throw new OptionError(ACTION, { where: "options.threads", got: threads, wanted });
  }
  const all = checkWires(wires), groups = new Map<string, number[]>();
  arrays.forEach((array, at) => {
    checkConductances(array, all);
    const key = array.shape.join(), group = groups.get(key);
    if (group === undefined) groups.set(key, [at]);
    else group.push(at);
  });
  if (arrays.length === 0) return [];
  const results = new Array<EffectiveConductance>(arrays.length);
  const owned = pool === undefined
    ? await ThreadPool.create({ threads: threads ?? Math.min(navigator.hardwareConcurrency, arrays.length) })
    : undefined;
  try {
    const chosen = pool ?? owned!, [kernel] = await chosen.load([WIRES]);
    for (const members of groups.values()) solveGroup(chosen, kernel!, arrays, members, all, results);
    return results;
  } finally {
    owned?.[Symbol.dispose]();
  }
}

/** Arrays of one shape. */
function solveGroup(
  pool: ThreadPool,
  kernel: number,
  arrays: readonly Conductances[],
  members: readonly number[],
  wires: Wires,
  results: EffectiveConductance[],
): void {
  const network = wireNetwork(arrays[members[0]!]!, wires), { rows, columns, nodes, values } = network, cells = rows * columns;
  const { header, records, scratchBytes } = wireTape(planDissection(network), network);
  if (scratchBytes * pool.threads > SCRATCH) {
    throw new OptionError(ACTION, {
      where: "arrays",
      got: `${pool.threads} × ${Math.ceil(scratchBytes / 2 ** 20)} MiB of scratch memory for [${rows}, ${columns}]`,
      wanted: `at most ${SCRATCH / 2 ** 20} MiB`,
      hint: "Use fewer threads, or smaller arrays.",
    });
  }
  const most = Math.min(members.length, pool.threads * ROUND), blocks: number[] = [];
  const allocate = (bytes: number) => {
    const address = pool.allocate(bytes);
    blocks.push(address);
    return address;
  };
  try {
    const stride = { values: 8 * values.length, effective: 8 * cells, volts: 8 * nodes, scratch: Math.ceil(scratchBytes / 64) * 64 };
    const at = {
      header: allocate(header.byteLength),
      records: allocate(records.byteLength),
      values: allocate(most * stride.values),
      effective: allocate(most * stride.effective),
      volts: allocate(most * stride.volts),
      scratch: allocate(pool.threads * stride.scratch),
    };
    pool.i32(at.header, header.length).set(header);
    pool.i32(at.records, records.length).set(records);
    const f64 = (address: number, length: number) => new Float64Array(pool.memory.buffer as ArrayBuffer, address, length);
    const solution = emptySolution(1, rows, columns);
    for (let from = 0; from < members.length; from += most) {
      const part = members.slice(from, from + most);
      part.forEach((member, index) => {
        values.set(arrays[member]!.data);
        f64(at.values + index * stride.values, values.length).set(values);
      });
      pool.run(
        kernel,
        part.length,
        1,
        at.header,
        at.records,
        at.values,
        stride.values,
        at.effective,
        stride.effective,
        at.volts,
        stride.volts,
        at.scratch,
        stride.scratch,
      );
      part.forEach((member, index) => {
        const data = f64(at.effective + index * stride.effective, cells).slice(), { data: siemens } = arrays[member]!;
        const volts = f64(at.volts + index * stride.volts, nodes);
        let residual = measure(wires, network, volts, solution, 0, (cell, drop) => drop * siemens[cell]!);
        residual = Math.max(residual, deviation(data, solution.outputs.data, network));
        results[member] = { conductances: { shape: [rows, columns], data }, residual: checkedResidual(residual) };
      });
    }
  } finally {
    for (const block of blocks) pool.free(block);
  }
}
