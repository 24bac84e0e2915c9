// Effective conductances of many arrays on a GPU: conjugate gradients in f32 inside a refinement whose residual is formed in volts.

import wiresCode from "../../../kernels/wires.wgsl" with { type: "text" };
import { NumericError, OptionError } from "../../errors.ts";
import { allocate } from "../../gpu/allocate.ts";
import { GpuBuffer } from "../../gpu/buffers.ts";
import { type DeviceOptions, type GpuDevice, openDevice } from "../../gpu/device.ts";
import { bind, compile, dispatch, type Kernel } from "../../gpu/program.ts";
import { checkOptions } from "../../options.ts";
import { checkConductances, checkWires, type Conductances, type WireOptions, type Wires } from "./options.ts";
import type { EffectiveConductance } from "./solve.ts";

/** How {@linkcode effectiveConductancesWebgpu} iterates. */
export interface GpuWireOptions extends DeviceOptions {
  /** Largest residual in V at drivers of 1 V. Default 1e-6. */
  readonly tolerance?: number;
  /** Conjugate-gradient steps between two refinements. Default 12. */
  readonly steps?: number;
  /** Most refinements. Default 20. */
  readonly rounds?: number;
}

const ACTION = "solve wires on a GPU";
/** Fields and sums of the kernel. */
const FIELDS = 8, SUMS = 5;
const LANES = 64;
/** Bytes of state that a launch may take beyond which nothing is gained. */
const STATE = 2 ** 30;
/** Rounds before the first look at the residual: fewer never do. */
const BLIND = 2;

/** The five phases of a round. */
const PHASES = {
  wordResidual: { WORDS: 1, RESIDUAL: 1, DIRECTION: 0, CORRECTION: 0 },
  bitResidual: { WORDS: 0, RESIDUAL: 1, DIRECTION: 0, CORRECTION: 0 },
  wordSolve: { WORDS: 1, RESIDUAL: 0, DIRECTION: 0, CORRECTION: 0 },
  bitSolve: { WORDS: 0, RESIDUAL: 0, DIRECTION: 1, CORRECTION: 0 },
  correction: { WORDS: 0, RESIDUAL: 0, DIRECTION: 0, CORRECTION: 1 },
} as const;
type Phase = keyof typeof PHASES;

/**
 * Folds the line resistance of many crossbars into one matrix each on the adapter found, in f32.
 *
 * Conjugate gradients on the word lines' voltages, bit lines eliminated, with whole lines as preconditioner; then refinement: currents of the cells
 * are summed along the lines to the voltages they cause, whose distance from those at hand is the next right-hand side and the residual reported.
 * Wires of 0 Ω are for {@linkcode effectiveConductances}.
 *
 * @param arrays Cells in siemens, [rows, columns] each, shapes as they come.
 * @returns In the same order; `residual` is the largest miss of Kirchhoff's and Ohm's laws along a line, in V at 1 V.
 * @throws {OptionError} if an option is unknown or out of range, a segment has 0 Ω, or a conductance is negative or not finite; names the field.
 * @throws {ShapeError} if an array is not a matrix, or interleaved rows are odd in number.
 * @throws {NumericError} if the residual stays above the tolerance.
 * @throws {DeviceError} if there is no adapter, or it fails.
 *
 * @example
 * ```ts
 * import { DeviceError, effectiveConductance, effectiveConductancesWebgpu, tensor } from "@bitline/bitline";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const cells = tensor(Float64Array.of(1e-3, 2e-3, 3e-3, 4e-3), [2, 2]), wires = { wordLine: 1, bitLine: 2 };
 * try {
 *   const [first] = await effectiveConductancesWebgpu([cells], wires);
 *   assertAlmostEquals(first!.conductances.data[3]!, effectiveConductance(cells, wires).conductances.data[3]!, 1e-8);
 * } catch (error) {
 *   assert(error instanceof DeviceError); // no adapter here
 * }
 * ```
 */
export async function effectiveConductancesWebgpu(
  arrays: readonly Conductances[],
  wires: WireOptions,
  options: GpuWireOptions = {},
): Promise<EffectiveConductance[]> {
  const { adapter, ...rest } = options;
  check(arrays, wires, rest);
  await using device = await openDevice(adapter === undefined ? {} : { adapter });
  return await effectiveOnDevice(device, arrays, wires, rest);
}

/** The same on a device that is open. */
export async function effectiveOnDevice(
  device: GpuDevice,
  arrays: readonly Conductances[],
  options: WireOptions,
  iteration: Omit<GpuWireOptions, "adapter"> = {},
): Promise<EffectiveConductance[]> {
  const { wires, groups, ...limits } = check(arrays, options, iteration), results = new Array<EffectiveConductance>(arrays.length);
  const kernels = {} as Record<Phase, Kernel>;
  for (const [phase, values] of Object.entries(PHASES)) {
    const bindings = ["uniform", "read", "write", "write", "write"] as const;
    kernels[phase as Phase] = await compile(device, { label: `wires ${phase}`, code: wiresCode, bindings, values });
  }
  for (const [key, members] of groups) {
    const [rows = 0, columns = 0] = key.split(",").map(Number), side = rows * columns * FIELDS * 4;
    const budget = Math.min(device.limits.bindingSize, STATE), sides = Math.min(rows, Math.floor(budget / side));
    if (sides === 0) {
      throw new OptionError(ACTION, { where: "arrays", got: `[${rows}, ${columns}]`, wanted: `at most ${budget} bytes of state` });
    }
    const most = Math.max(1, Math.floor(budget / (side * sides)));
    for (let from = 0; from < members.length; from += most) {
      const part = members.slice(from, from + most),
        solved = await solve(device, kernels, part.map((at) => arrays[at]!), wires, sides, limits);
      part.forEach((member, at) => results[member] = solved[at]!);
    }
  }
  return results;
}

function check(arrays: readonly Conductances[], options: WireOptions, iteration: Omit<GpuWireOptions, "adapter">) {
  checkOptions(ACTION, "options", iteration, ["tolerance", "steps", "rounds"]);
  const { tolerance = 1e-6, steps = 12, rounds = 20 } = iteration, wires = checkWires(options);
  if (!(tolerance > 0 && tolerance <= 0.01)) {
    throw new OptionError(ACTION, { where: "options.tolerance", got: tolerance, wanted: "a number above 0, at most 0.01" });
  }
  for (const [name, value] of [["steps", steps], ["rounds", rounds]] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new OptionError(ACTION, { where: `options.${name}`, got: value, wanted: "an integer of at least 1" });
    }
  }
  for (const name of ["wordLine", "bitLine"] as const) {
    if (wires[name] > 0) continue;
    throw new OptionError(ACTION, { where: `wires.${name}`, got: 0, wanted: "more than 0 Ω", hint: "Use effectiveConductances()." });
  }
  const groups = new Map<string, number[]>();
  arrays.forEach((array, at) => {
    checkConductances(array, wires);
    const key = array.shape.join();
    groups.set(key, [...groups.get(key) ?? [], at]);
  });
  return { wires, groups, tolerance, steps, rounds };
}

/** Arrays of one shape, a few right-hand sides at a time. */
async function solve(
  device: GpuDevice,
  kernels: Readonly<Record<Phase, Kernel>>,
  arrays: readonly Conductances[],
  wires: Wires,
  most: number,
  limits: Required<Omit<GpuWireOptions, "adapter">>,
): Promise<EffectiveConductance[]> {
  const [rows = 0, columns = 0] = arrays[0]!.shape, cells = rows * columns, group = wires.interleaved ? 2 : 1;
  let scale = 0;
  for (const { data } of arrays) for (const siemens of data) scale = Math.max(scale, siemens);
  const results = arrays.map(() => ({ shape: [rows, columns], data: new Float64Array(cells) })),
    residuals = new Float64Array(arrays.length);
  const done = () => results.map((conductances, at) => ({ conductances, residual: residuals[at]! }));
  if (scale === 0) return done();
  const segments = [wires.wordLine, wires.wordLine + wires.source, wires.bitLine, wires.bitLine + wires.terminal]
    .map((ohms) => 1 / (ohms * scale)) as [number, number, number, number];
  const widest = Math.max(rows, columns), sumBytes = 4 * arrays.length * widest * most;
  const buffers: GpuBuffer[] = [];
  const make = async (bytes: number, label: string) => {
    buffers.push(await allocate(device, "storage", bytes, label));
    return buffers.at(-1)!;
  };
  try {
    const constants = (await make(12 * arrays.length * cells, "wires: cells and pivots")).upload(
      constantsOf(arrays, wires, scale, segments),
    );
    const state = await make(4 * FIELDS * arrays.length * cells * most, "wires: voltages");
    const sums = await make(SUMS * sumBytes, "wires: sums"), outputs = await make(sumBytes, "wires: currents");
    const staging = new GpuBuffer(device, "staging", 3 * sumBytes, "wires: results");
    buffers.push(staging);
    for (let first = 0; first < rows; first += most) {
      const sides = Math.min(most, rows - first);
      const uniform = (start: number, parity: number) => {
        const words = new Uint32Array(12);
        words.set([rows, columns, group, arrays.length, sides, first, start, parity]);
        new Float32Array(words.buffer).set(segments, 8);
        const buffer = new GpuBuffer(device, "uniform", 48, "wires: parameters").upload(words);
        buffers.push(buffer);
        return buffer;
      };
      const settings = { begin: uniform(1, 0), even: uniform(0, 0), odd: uniform(0, 1) }, blocks = Math.ceil(sides / LANES);
      const launch = (pass: GPUComputePassEncoder, phase: Phase, params: GpuBuffer) => {
        const bound = bind(device, kernels[phase], [params, constants, state, sums, outputs].map((buffer) => ({ buffer })));
        dispatch(device, pass, kernels[phase], bound, arrays.length * blocks * (PHASES[phase].WORDS === 1 ? rows : columns));
      };
      const residual = (pass: GPUComputePassEncoder) => {
        launch(pass, "wordResidual", settings.begin);
        launch(pass, "bitResidual", settings.begin);
      };
      const round = (pass: GPUComputePassEncoder) => {
        launch(pass, "wordSolve", settings.begin);
        for (let step = 0; step < limits.steps; step++) {
          launch(pass, "bitSolve", step === 0 ? settings.begin : step % 2 === 0 ? settings.even : settings.odd);
          launch(pass, "wordSolve", step % 2 === 0 ? settings.even : settings.odd);
        }
        launch(pass, "correction", settings.begin);
        residual(pass);
      };
      const misses = new Float64Array(arrays.length), lines = arrays.length * widest * sides;
      let left = Infinity;
      for (let rounds = 0; !(left <= limits.tolerance);) {
        if (rounds >= limits.rounds || Number.isNaN(left)) {
          throw new NumericError(ACTION, {
            where: `residual after ${rounds} refinements`,
            got: left,
            wanted: `at most ${limits.tolerance}`,
            hint: "Allow more steps or a larger tolerance, or use effectiveConductances(), which solves directly in f64.",
          });
        }
        const encoder = device.raw.createCommandEncoder();
        if (rounds === 0) { for (const { raw } of [state, sums]) encoder.clearBuffer(raw); }
        const pass = encoder.beginComputePass();
        if (rounds === 0) residual(pass);
        const wanted = rounds === 0 ? Math.min(BLIND, limits.rounds) : 1;
        for (let each = 0; each < wanted; each++) round(pass);
        rounds += wanted;
        pass.end();
        encoder.copyBufferToBuffer(sums.raw, 12 * lines, staging.raw, 0, 8 * lines);
        encoder.copyBufferToBuffer(outputs.raw, 0, staging.raw, 8 * lines, 4 * lines);
        device.raw.queue.submit([encoder.finish()]);
        const read = new Float32Array(await staging.read(12 * lines));
        misses.fill(0);
        for (let at = 0; at < 2 * lines; at++) {
          const chip = Math.floor(at % lines / (widest * sides));
          if (!(read[at]! <= misses[chip]!)) misses[chip] = read[at]!;
        }
        left = misses.reduce((worst, miss) => miss <= worst ? worst : miss, 0);
        if (left <= limits.tolerance) collect(results, read.subarray(2 * lines), scale, wires, first, sides);
      }
      misses.forEach((miss, chip) => residuals[chip] = Math.max(residuals[chip]!, miss));
    }
    return done();
  } finally {
    for (const buffer of buffers) buffer[Symbol.dispose]();
  }
}

/** Index of a cell where word lines are driven at their first column and bit lines sensed at their last row. */
function turned({ driven, sensed }: Wires, rows: number, columns: number): (row: number, column: number) => number {
  return (row, column) => (sensed === "last" ? row : rows - 1 - row) * columns + (driven === "first" ? column : columns - 1 - column);
}

/** Cells over the largest, and 1 / pivots of both kinds of line, by the recurrence that never subtracts. */
function constantsOf(
  arrays: readonly Conductances[],
  wires: Wires,
  scale: number,
  [word, wordEnd, bit, bitEnd]: readonly [number, number, number, number],
): Float32Array {
  const [rows = 0, columns = 0] = arrays[0]!.shape, cells = rows * columns, group = wires.interleaved ? 2 : 1;
  const out = new Float32Array(3 * cells * arrays.length), index = turned(wires, rows, columns);
  arrays.forEach(({ data }, chip) => {
    const base = chip * 3 * cells, own = (row: number, column: number) => data[index(row, column)]! / scale;
    for (let row = 0; row < rows; row++) {
      for (let column = 0, open = 0; column < columns; column++) {
        const siemens = own(row, column);
        // Conductance of all that lies before and at the node, to 0 V.
        open = siemens + (column === 0 ? wordEnd : word * open / (word + open));
        out[base + row * columns + column] = siemens;
        out[base + cells + row * columns + column] = 1 / (open + (column + 1 < columns ? word : 0));
      }
    }
    for (let column = 0; column < columns; column++) {
      for (let node = 0, open = 0; node < rows / group; node++) {
        let siemens = 0;
        for (let each = 0; each < group; each++) siemens += own(node * group + each, column);
        open = siemens + (node === 0 ? 0 : bit * open / (bit + open));
        const onwards = (node + 1) * group < rows ? bit : bitEnd;
        out[base + 2 * cells + node * columns + column] = 1 / (open + onwards);
      }
    }
  });
  return out;
}

function collect(
  results: readonly { readonly shape: readonly number[]; readonly data: Float64Array }[],
  outputs: Float32Array,
  scale: number,
  wires: Wires,
  first: number,
  sides: number,
): void {
  results.forEach(({ shape: [rows = 0, columns = 0], data }, chip) => {
    const index = turned(wires, rows, columns), widest = Math.max(rows, columns);
    for (let column = 0; column < columns; column++) {
      for (let side = 0; side < sides; side++) {
        data[index(first + side, column)] = scale * outputs[(chip * widest + column) * sides + side]!;
      }
    }
  });
}
