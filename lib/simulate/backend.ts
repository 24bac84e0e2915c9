// The one interface behind which TypeScript, WebAssembly and WGSL are interchangeable.

import type { Tensor, TypedArray } from "../tensor.ts";
import type { Program } from "./program.ts";

/** Name of a backend: the plain oracle, WebAssembly SIMD on all cores, or WGSL on an adapter. */
export type BackendName = "reference" | "cpu" | "webgpu";

/** What a run of one batch gives back. */
export interface BatchResult {
  /** `[batch, features]` values of the program's output. */
  readonly output: Tensor;
  /** Values asked for by number, `[batch, height, width, channels]`. */
  readonly taps: ReadonlyMap<number, Tensor<TypedArray>>;
}

/** A program made ready: weights packed and on the device once, buffers reused from batch to batch. */
export interface Session extends AsyncDisposable {
  /** Runs worth having under way at once, so that one uploads while another computes; default 1. */
  readonly overlap?: number;
  /**
   * Runs one batch of pixels, `[batch, height, width, channels]` u8.
   *
   * @param taps Further values to hand back, by number.
   * @param first Number of the batch's first image in the data set, which noise depends on; default 0.
   */
  run(images: Tensor<Uint8Array>, taps?: readonly number[], first?: number): Promise<BatchResult>;
}

/** Somewhere programs can run. */
export interface Backend extends AsyncDisposable {
  /** Which backend this is. */
  readonly name: BackendName;
  /** What it runs on, for people: threads, adapter name. */
  readonly description: string;
  /** Packs and uploads what does not change from batch to batch. */
  prepare(program: Program): Promise<Session>;
}
