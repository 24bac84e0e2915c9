// What the CPU executors share: the pool, kernels by their text, packed constants and scratch buffers that grow.

import type { ThreadPool } from "../../cpu/pool.ts";
import type { AdcTable } from "../program.ts";
import type { AdcKernel, Reach } from "./adc.ts";

/** A step made ready to run on a batch whose values lie at `address(value)`. */
export interface Executor {
  /** Runs the step; values are `[batch, height, width, channels]` in the pool's memory, and image `first` of the data set comes first. */
  run(batch: number, address: (value: number) => number, first: number): void;
}

/** Bytes of intermediate rows and planes per thread and block: about what stays in its cache. */
const BLOCK_BYTES = 512 * 1024;
/** Positions one thread takes at a time. */
export const CHUNK = 32;

/** The pool as seen by one session: everything allocated here is freed with it. */
export class CpuDevice implements Disposable {
  /** The threads and their memory. */
  readonly pool: ThreadPool;
  /** Forms found for converters, with the sums they are proven on. */
  readonly converters: Map<AdcTable, readonly { readonly reach: Reach; readonly adc: AdcKernel }[]> = new Map();
  readonly #constants: number[] = [];
  readonly #scratch = new Map<string, { address: number; bytes: number }>();

  /** Borrows a pool. */
  constructor(pool: ThreadPool) {
    this.pool = pool;
  }

  /** Handle of a kernel. */
  async kernel(source: string): Promise<number> {
    const [handle] = await this.pool.load([source]);
    return handle!;
  }

  /** Room for constants, zeros at first: packing them in place spares a copy. */
  constants(bytes: number): number {
    const address = this.pool.allocate(bytes);
    this.#constants.push(address);
    this.pool.u8(address, bytes).fill(0);
    return address;
  }

  /** Copies constants into the shared memory and returns their byte address. */
  upload(data: Uint8Array | Int8Array | Uint16Array | Int16Array | Int32Array | Float32Array | Float64Array): number {
    const address = this.pool.allocate(data.byteLength);
    this.#constants.push(address);
    this.pool.u8(address, data.byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return address;
  }

  /** Address of a named buffer of at least `bytes`; content survives only until the next call with that name. */
  scratch(name: string, bytes: number): number {
    const held = this.#scratch.get(name);
    if (held !== undefined && held.bytes >= bytes) return held.address;
    if (held !== undefined) this.pool.free(held.address);
    this.#scratch.delete(name);
    const address = this.pool.allocate(bytes);
    this.#scratch.set(name, { address, bytes });
    return address;
  }

  /** Calls `body(first, count)` for blocks of positions small enough to stay in cache, of at least `least` positions per thread. */
  blocks(total: number, bytesPerPosition: number, body: (first: number, count: number) => void, least: number = CHUNK): void {
    const perThread = Math.max(CHUNK, least, Math.floor(BLOCK_BYTES / bytesPerPosition / CHUNK) * CHUNK);
    const size = perThread * this.pool.threads;
    for (let first = 0; first < total; first += size) body(first, Math.min(size, total - first));
  }

  /** Frees what was allocated here. */
  [Symbol.dispose](): void {
    for (const address of this.#constants.splice(0)) this.pool.free(address);
    for (const { address } of this.#scratch.values()) this.pool.free(address);
    this.#scratch.clear();
  }
}
