// All cores over one shared memory: kernels are WebAssembly modules, work is handed out in chunks through an atomic counter.

import { DeviceError, OptionError } from "../errors.ts";
import { assemble } from "./assemble.ts";
import { Control, type Job, PARAMETERS, STAGE_WORDS, STAGES, waitFor } from "./control.ts";
import { Heap } from "./heap.ts";

/** Options of {@linkcode ThreadPool.create}. */
export interface ThreadPoolOptions {
  /** Threads that compute, the calling one included. Default: all cores. */
  readonly threads?: number;
}

/** A kernel as one of several that work on each chunk in turn. */
export interface KernelStage {
  /** Handle of the kernel. */
  readonly kernel: number;
  /** Parameters beyond begin, end and thread. */
  readonly parameters: readonly number[];
  /** Elements of the kernel's range per element of the job's. Default 1. */
  readonly unit?: number;
}

/**
 * Threads, shared memory and the kernels loaded into them.
 *
 * @example
 * ```ts
 * import { ThreadPool } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * using pool = await ThreadPool.create({ threads: 2 });
 * const words = pool.allocate(400);
 * const [fill] = await pool.load([`(module (import "env" "memory" (memory 1 65536 shared))
 *   (func (export "run") (param $i i32) (param $end i32) (param $thread i32) (param $at i32)
 *     (loop $next
 *       (i32.store (i32.add (local.get $at) (i32.shl (local.get $i) (i32.const 2))) (local.get $i))
 *       (local.set $i (i32.add (local.get $i) (i32.const 1)))
 *       (br_if $next (i32.lt_u (local.get $i) (local.get $end))))))`]);
 * pool.run(fill!, 100, 10, words);
 * assertEquals(pool.i32(words, 100)[99], 99);
 * ```
 */
export class ThreadPool implements Disposable {
  /** Threads that compute, the calling one included. */
  readonly threads: number;
  /** The memory all kernels share. */
  readonly memory: WebAssembly.Memory;
  readonly #heap: Heap;
  readonly #control: Int32Array;
  readonly #workers: readonly Worker[];
  readonly #kernels: Job[] = [];
  readonly #handles = new Map<string, number>();
  readonly #spin: boolean;
  #loading: Promise<unknown> = Promise.resolve();
  #open = true;

  private constructor(memory: WebAssembly.Memory, control: SharedArrayBuffer, workers: readonly Worker[], spin: boolean) {
    this.memory = memory;
    this.#heap = new Heap(memory);
    this.#control = new Int32Array(control);
    this.#workers = workers;
    this.#spin = spin;
    this.threads = workers.length + 1;
  }

  /**
   * Starts the threads (40–110 ms).
   *
   * @throws {OptionError} if `threads` is not a positive integer.
   * @throws {DeviceError} if threads or shared memory are not to be had.
   */
  static async create(options: ThreadPoolOptions = {}): Promise<ThreadPool> {
    const threads = options.threads ?? navigator.hardwareConcurrency;
    if (!Number.isInteger(threads) || threads < 1) {
      throw new OptionError("start a thread pool", { where: "threads", got: threads, wanted: "an integer of at least 1" });
    }
    const workers: Worker[] = [], spin = threads <= navigator.hardwareConcurrency;
    try {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
      const control = new SharedArrayBuffer(Control.words * 4);
      for (let thread = 1; thread < threads; thread++) {
        workers.push(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
      }
      await tell(workers, (index) => ({ start: { memory, control, thread: index + 1, spin } }));
      return new ThreadPool(memory, control, workers, spin);
    } catch (cause) {
      for (const worker of workers) worker.terminate();
      throw new DeviceError("start a thread pool", {
        got: (cause as Error).message,
        wanted: `${threads} threads over shared memory`,
        cause,
      });
    }
  }

  /**
   * Assembles WAT modules, each exporting `run`, and instantiates them on every thread. Equal sources share one kernel.
   *
   * @throws {DeviceError} if a module does not assemble, or the pool is closed.
   */
  load(sources: readonly string[]): Promise<number[]> {
    // One after the other: threads must number kernels as this one does.
    const loaded = this.#loading.then(() => this.#load(sources));
    this.#loading = loaded.catch(() => {});
    return loaded;
  }

  async #load(sources: readonly string[]): Promise<number[]> {
    const fresh = [...new Set(sources)].filter((source) => !this.#handles.has(source));
    if (fresh.length > 0) {
      const modules = await Promise.all(fresh.map(assemble));
      if (!this.#open) throw new DeviceError("load kernels", { got: "a closed pool" });
      this.#command(Control.yield);
      await tell(this.#workers, () => ({ modules }));
      modules.forEach((module, index) => {
        this.#handles.set(fresh[index]!, this.#kernels.length);
        this.#kernels.push(new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports["run"] as Job);
      });
    }
    return sources.map((source) => this.#handles.get(source)!);
  }

  /**
   * Calls `run(begin, end, thread, ...parameters)` over chunks of [0, total) on all threads; returns when all are done.
   *
   * @throws {DeviceError} if there is no such kernel, the pool is closed, or the kernel trapped.
   */
  run(kernel: number, total: number, chunk: number, ...parameters: number[]): void {
    this.chain([{ kernel, parameters }], total, chunk);
  }

  /**
   * Calls several kernels in turn over each chunk of [0, total), so that what one makes of a chunk is still in cache for the next: a kernel may read
   * of its predecessors' results only the chunk at hand. Returns when all are done.
   *
   * @throws {DeviceError} if there is no such kernel, there are more than 12, the pool is closed, or a kernel trapped.
   */
  chain(stages: readonly KernelStage[], total: number, chunk: number): void {
    const jobs = stages.map(({ kernel, parameters, unit = 1 }) => {
      const run = this.#kernels[kernel];
      if (run === undefined || parameters.length > PARAMETERS || stages.length > STAGES || !this.#open) {
        const got = stages.length > STAGES ? `${stages.length} kernels` : `kernel ${kernel}, ${parameters.length} parameters`;
        throw new DeviceError("run a kernel", { got: this.#open ? got : "a closed pool" });
      }
      return (begin: number, end: number) => run(begin * unit, end * unit, 0, ...parameters);
    });
    if (total <= 0) return;
    const alone = this.#workers.length === 0 || total <= chunk, control = this.#control;
    let current = 0;
    const work = (begin: number, end: number) => {
      for (current = 0; current < jobs.length; current++) jobs[current]!(begin, end);
    };
    try {
      if (alone) {
        const most = stages.length === 1 ? total : chunk;
        for (let begin = 0; begin < total; begin += most) work(begin, Math.min(begin + most, total));
        return;
      }
      this.#start(stages, total, chunk);
      try {
        for (;;) {
          const begin = Atomics.add(control, Control.next, chunk);
          if (begin >= total) break;
          work(begin, Math.min(begin + chunk, total));
        }
      } finally {
        this.#join();
      }
    } catch (cause) {
      throw trap(stages[current]?.kernel ?? -1, cause);
    }
    if (control[Control.failed] !== 0) throw trap(stages[0]!.kernel);
  }

  /** Address of a fresh block of bytes, aligned to 64. The content is undefined. */
  allocate(bytes: number): number {
    return this.#heap.allocate(bytes);
  }

  /** Gives a block back. */
  free(address: number): void {
    this.#heap.free(address);
  }

  /** View of f32 values at a byte address; valid until the memory grows on other buffers, never stale in content. */
  f32(address: number, length: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(this.#buffer, address, length);
  }
  /** View of u8 values at a byte address. */
  u8(address: number, length: number): Uint8Array<SharedArrayBuffer> {
    return new Uint8Array(this.#buffer, address, length);
  }
  /** View of i8 values at a byte address. */
  i8(address: number, length: number): Int8Array<SharedArrayBuffer> {
    return new Int8Array(this.#buffer, address, length);
  }
  /** View of i16 values at a byte address. */
  i16(address: number, length: number): Int16Array<SharedArrayBuffer> {
    return new Int16Array(this.#buffer, address, length);
  }
  /** View of u16 values at a byte address. */
  u16(address: number, length: number): Uint16Array<SharedArrayBuffer> {
    return new Uint16Array(this.#buffer, address, length);
  }
  /** View of i32 values at a byte address. */
  i32(address: number, length: number): Int32Array<SharedArrayBuffer> {
    return new Int32Array(this.#buffer, address, length);
  }

  /** Stops the threads. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#command(Control.close);
    this.#open = false;
    for (const worker of this.#workers) worker.terminate();
  }

  get #buffer(): SharedArrayBuffer {
    return this.memory.buffer as unknown as SharedArrayBuffer;
  }

  /** Hands a job to the other threads. */
  #start(stages: readonly KernelStage[], total: number, chunk: number): void {
    const control = this.#control;
    stages.forEach(({ kernel, parameters, unit = 1 }, index) => {
      const at = Control.first + index * STAGE_WORDS;
      control[at] = kernel;
      control[at + 1] = unit;
      control.set(parameters, at + 2);
    });
    control[Control.total] = total;
    control[Control.chunk] = chunk;
    control[Control.next] = 0;
    control[Control.done] = 0;
    control[Control.failed] = 0;
    control[Control.stages] = stages.length;
    Atomics.add(control, Control.epoch, 1);
    Atomics.notify(control, Control.epoch);
  }

  #command(command: number): void {
    const control = this.#control;
    control[Control.done] = 0;
    control[Control.stages] = command;
    Atomics.add(control, Control.epoch, 1);
    Atomics.notify(control, Control.epoch);
    if (command === Control.yield) this.#join();
  }

  #join(): void {
    const control = this.#control;
    for (let done; (done = Atomics.load(control, Control.done)) < this.#workers.length;) waitFor(control, Control.done, done, this.#spin);
  }
}

function trap(kernel: number, cause?: unknown): DeviceError {
  const got = cause instanceof Error ? cause.message : "a trap on another thread";
  return new DeviceError("run a kernel", { where: `kernel ${kernel}`, got, cause });
}

/** Sends each worker a message and waits until all have answered. */
async function tell(workers: readonly Worker[], message: (index: number) => unknown): Promise<void> {
  await Promise.all(workers.map((worker, index) =>
    new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(message(index));
    })
  ));
}
