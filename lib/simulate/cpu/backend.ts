// The CPU backend: WebAssembly SIMD kernels on all cores, bit-exact with the reference on integer paths.

import { ThreadPool } from "../../cpu/pool.ts";
import { DeviceError, GraphError, ShapeError } from "../../errors.ts";
import { elements, type Tensor, type TypedArray } from "../../tensor.ts";
import type { Backend, BatchResult, Session } from "../backend.ts";
import { prepareAnalog } from "./analog.ts";
import { prepareCrossbar } from "./crossbar.ts";
import { CpuDevice, type Executor } from "./device.ts";
import { prepareAffine, prepareElement, preparePool, prepareQuantize, prepareThreshold } from "./elements.ts";
import { prepareFloat, prepareInteger } from "./gemm.ts";
import { writeTables } from "./lookup.ts";
import { type MemoryPlan, planMemory } from "./memory.ts";
import { prepareGather, prepareScatter } from "./placed.ts";
import type { Program, Step, Value } from "../program.ts";

/** Options of {@linkcode cpuBackend}. */
export interface CpuOptions {
  /** Threads that compute, the calling one included. Default: all cores. */
  readonly threads?: number;
}

/** Bytes of values held at once: larger batches run in parts, unless an ADC's range depends on the whole batch. */
const VALUE_BYTES = 32 * 1024 * 1024;

/**
 * Starts the threads.
 *
 * @throws {DeviceError} if threads, shared memory or relaxed SIMD are missing.
 * @throws {OptionError} if `threads` is not a positive integer.
 *
 * @example
 * ```ts
 * import { cpuBackend } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * await using backend = await cpuBackend({ threads: 1 });
 * await using session = await backend.prepare({
 *   values: [{ type: "u8", shape: [1, 1, 2], name: "input" }, { type: "f32", shape: [1, 1, 2], name: "scaled" }],
 *   steps: [{ op: "affine", input: 0, output: 1, scale: Float32Array.of(2, 2), bias: Float32Array.of(0, 1) }],
 *   output: 1,
 * });
 * const { output } = await session.run({ shape: [1, 1, 1, 2], data: Uint8Array.of(3, 4) });
 * assertEquals([...output.data], [6, 9]);
 * ```
 */
export async function cpuBackend(options: CpuOptions = {}): Promise<Backend> {
  if (typeof SharedArrayBuffer === "undefined" || typeof WebAssembly === "undefined") {
    throw new DeviceError("start the CPU backend", {
      got: "no shared memory",
      wanted: "SharedArrayBuffer and WebAssembly",
      hint: "Use the reference backend.",
    });
  }
  const pool = await ThreadPool.create(options);
  writeTables(pool.u8(0, 256));
  return {
    name: "cpu",
    description: `WebAssembly SIMD, ${pool.threads} thread${pool.threads === 1 ? "" : "s"}`,
    prepare: (program) => prepare(pool, program),
    [Symbol.asyncDispose]() {
      pool[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

async function prepare(pool: ThreadPool, program: Program): Promise<Session> {
  const device = new CpuDevice(pool);
  try {
    const most = largestCodes(program);
    const executors: (Executor | undefined)[] = [];
    for (const step of program.steps) executors.push(await prepareStep(device, step, program.values, most));
    return new CpuSession(device, program, executors);
  } catch (error) {
    device[Symbol.dispose]();
    throw error;
  }
}

async function prepareStep(
  device: CpuDevice,
  step: Step,
  values: readonly Value[],
  most: readonly number[],
): Promise<Executor | undefined> {
  const name = "output" in step ? values[step.output]!.name : "";
  switch (step.op) {
    case "integer":
      return await prepareInteger(device, { ...step, name, most: most[step.input]!, bias: 0 });
    case "crossbar":
      return await prepareCrossbar(device, step, name);
    case "analog":
      return await prepareAnalog(device, step, values);
    case "gather":
      return await prepareGather(device, step, values);
    case "scatter":
      return await prepareScatter(device, step, values);
    case "threshold":
      return await prepareThreshold(device, step, values);
    case "float":
      return await prepareFloat(device, step);
    case "maxPool":
    case "averagePool":
      return await preparePool(device, step, values);
    case "affine":
      return await prepareAffine(device, step, values);
    case "quantize":
      return await prepareQuantize(device, step, values);
    case "view":
      return undefined;
    default:
      return await prepareElement(device, step, values);
  }
}

/** Largest code each u8 value can hold. */
function largestCodes({ values, steps }: Program): number[] {
  const most = values.map(() => 255);
  for (const step of steps) {
    if (step.op === "threshold" || step.op === "quantize") most[step.output] = Math.min(255, step.levels);
    else if (step.op === "view" || step.op === "maxPool" || step.op === "gather") most[step.output] = most[step.input]!;
    const input = "input" in step ? values[step.input] : undefined;
    if ((step.op === "integer" || step.op === "crossbar" || step.op === "analog" || step.op === "gather") && input?.type !== "u8") {
      throw new GraphError("prepare a program", { where: values[step.output]?.name, got: `${input?.type} input`, wanted: "u8 codes" });
    }
  }
  return most;
}

class CpuSession implements Session {
  readonly #device: CpuDevice;
  readonly #values: readonly Value[];
  /** Value written by each step; of the steps nothing else is kept, for they hold all weights. */
  readonly #made: readonly number[];
  readonly #output: number;
  /** By step; views have none. */
  readonly #executors: readonly (Executor | undefined)[];
  readonly #plan: MemoryPlan;
  readonly #part: number;
  #base = 0;
  #capacity = 0;
  #open = true;

  constructor(device: CpuDevice, program: Program, executors: readonly (Executor | undefined)[]) {
    this.#device = device;
    this.#values = program.values;
    this.#made = program.steps.map((step) => step.output);
    this.#output = program.output;
    this.#executors = executors;
    this.#plan = planMemory(program);
    const whole = program.steps.some((step) => step.op === "crossbar" && step.adc.kind === "dynamic");
    this.#part = whole ? Infinity : Math.max(1, Math.floor(VALUE_BYTES / this.#plan.bytes));
  }

  run(images: Tensor<Uint8Array>, taps: readonly number[] = [], number = 0): Promise<BatchResult> {
    return new Promise((resolve) => resolve(this.#run(images, taps, number)));
  }

  #run(images: Tensor<Uint8Array>, taps: readonly number[], number: number): BatchResult {
    const values = this.#values, output = this.#output;
    if (!this.#open) throw new DeviceError("run a program", { got: "a session already disposed of" });
    const batch = checkImages(values[0]!, images);
    checkTaps(values, this.#made, output, taps);
    const wanted = new Map([output, ...taps].map((value) => [value, allocate(values[value]!, batch)]));
    const pixels = elements(values[0]!.shape);
    // Parts of equal size: a short last one would leave threads idle.
    const part = Math.ceil(batch / Math.ceil(batch / this.#part));
    for (let first = 0; first < batch; first += part) {
      const count = Math.min(part, batch - first);
      const address = this.#reserve(count);
      const keep = (value: number) => {
        const { type, shape } = values[value]!, size = elements(shape);
        wanted.get(value)?.set(this.#device.pool[type](address(value), count * size), first * size);
      };
      this.#device.pool.u8(address(0), count * pixels).set(images.data.subarray(first * pixels, (first + count) * pixels));
      keep(0);
      this.#made.forEach((value, index) => {
        this.#executors[index]?.run(count, address, number + first);
        keep(value);
      });
    }
    const tensor = (value: number) => ({ shape: [batch, ...values[value]!.shape], data: wanted.get(value)! }) as Tensor<TypedArray>;
    return {
      output: { shape: [batch, elements(values[output]!.shape)], data: wanted.get(output) as Float32Array },
      taps: new Map(taps.map((tap) => [tap, tensor(tap)])),
    };
  }

  /** Makes room for `batch` images. */
  #reserve(batch: number): (value: number) => number {
    if (batch > this.#capacity) {
      this.#release();
      this.#base = this.#device.pool.allocate(batch * this.#plan.bytes);
      this.#capacity = batch;
    }
    return (value) => this.#base + batch * this.#plan.offsets[value]!;
  }

  #release(): void {
    if (this.#capacity > 0) this.#device.pool.free(this.#base);
    this.#capacity = 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#open) {
      this.#open = false;
      this.#release();
      this.#device[Symbol.dispose]();
    }
    return Promise.resolve();
  }
}

function allocate(value: Value, batch: number): Uint8Array | Int32Array | Float32Array {
  const length = batch * elements(value.shape);
  return value.type === "u8" ? new Uint8Array(length) : value.type === "i32" ? new Int32Array(length) : new Float32Array(length);
}

/** Batch size. @throws {ShapeError} if the images do not have the program's input shape. */
function checkImages({ shape: wanted }: Value, { shape, data }: Tensor<Uint8Array>): number {
  const [batch, ...rest] = shape;
  if (batch === undefined || rest.length !== 3 || rest.some((extent, axis) => extent !== wanted[axis]) || elements(shape) !== data.length) {
    throw new ShapeError("run a program", { where: "images", got: shape, wanted: `[batch, ${wanted.join(", ")}]` });
  }
  return batch;
}

function checkTaps(values: readonly Value[], outputs: readonly number[], output: number, taps: readonly number[]): void {
  const made = new Set([0, ...outputs]);
  const unknown = taps.find((tap) => !made.has(tap) || values[tap] === undefined);
  if (unknown !== undefined) {
    throw new ShapeError("tap a value", { where: "taps", got: unknown, wanted: `a value below ${values.length} that a step computes` });
  }
  if (values[output]?.type !== "f32" || !made.has(output)) {
    throw new ShapeError("run a program", { where: values[output]?.name ?? "output", wanted: "an f32 output" });
  }
}
