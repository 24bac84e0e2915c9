// The fluent face: an immutable list of stages, its order checked by the compiler, bound to no network.

import { decompose, type DecomposeOptions } from "./decompose/decompose.ts";
import type { SlicedNetwork } from "./decompose/sliced.ts";
import type { Dataset } from "./data/dataset.ts";
import { OptionError } from "./errors.ts";
import { map, type MapOptions } from "./map/map.ts";
import type { MappedNetwork } from "./map/mapped.ts";
import type { ProgramOptions } from "./program/options.ts";
import { program, type ProgrammedNetwork } from "./program/program.ts";
import type { Network } from "./network/graph.ts";
import { quantize, type QuantizedNetwork, type QuantizeOptions } from "./quantize/quantize.ts";
import type { Result } from "./simulate/result.ts";
import { simulate, type SimulateOptions } from "./simulate/simulate.ts";

/** What a stage may need besides its input. */
export interface Context {
  /** Images given to {@linkcode Pipeline.run}. */
  readonly data: Dataset | undefined;
  /** Stops the work between batches. */
  readonly signal: AbortSignal | undefined;
  /** Tells listeners how far a stage is. */
  report(stage: string, done: number, total: number): void;
}

/** One step of a pipeline: a named, pure function of its input. */
export interface Stage<In, Out> {
  /** Name, for progress and messages. */
  readonly name: string;
  /** Computes the stage. */
  run(input: In, context: Context): Out | Promise<Out>;
}

/** Options of {@linkcode Pipeline.run}. */
export interface RunOptions {
  /** Stops the work between batches. */
  readonly signal?: AbortSignal;
  /** Called with the stage, and images done and to do. */
  readonly onProgress?: (stage: string, done: number, total: number) => void;
}

/**
 * Stages from a float network to `Out`. Immutable: every method returns a new pipeline, so a prefix can be shared.
 *
 * @example
 * ```ts
 * import { dorefa, lenet, pact, pipeline, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const chip = pipeline()
 *   .quantize({ weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) })
 *   .decompose({ scheme: "offset", cellBits: 1 })
 *   .map({ rows: 128, columns: 128, algorithm: "im2col" })
 *   .simulate({ adc: { bits: 9, range: "full" }, backend: "reference" });
 * const images = tensor(new Uint8Array(2 * 784).map((_, i) => i % 251), [2, 28, 28, 1]);
 * const result = await chip.run(lenet(), { name: "ramp", images, labels: Uint8Array.of(0, 1), classes: [] });
 * assertEquals(result.accuracy.crossbar, result.accuracy.quantized);
 * ```
 */
export class Pipeline<Out> {
  /** The stages, in order. */
  readonly stages: readonly Stage<never, unknown>[];

  /** Use {@linkcode pipeline}. */
  constructor(stages: readonly Stage<never, unknown>[]) {
    this.stages = stages;
  }

  /** Appends any stage, yours included: stuck-at faults, pruning, a converter of your own. */
  pipe<Next>(stage: Stage<Out, Next>): Pipeline<Next> {
    if (typeof stage?.run !== "function" || typeof stage.name !== "string") {
      throw new OptionError("add a stage", { where: "pipe", got: stage, wanted: "{ name, run(input, context) }" });
    }
    return new Pipeline<Next>([...this.stages, stage as Stage<never, unknown>]);
  }

  /** Weights and activations to integers; see {@linkcode quantize}. */
  quantize(this: Pipeline<Network>, options: QuantizeOptions): Pipeline<QuantizedNetwork> {
    return this.pipe({ name: "quantize", run: (network) => quantize(network, options) });
  }

  /** Integers to cells; see {@linkcode decompose}. */
  decompose(this: Pipeline<QuantizedNetwork>, options: DecomposeOptions = {}): Pipeline<SlicedNetwork> {
    return this.pipe({ name: "decompose", run: (network) => decompose(network, options) });
  }

  /** Cells to arrays; see {@linkcode map}. */
  map(this: Pipeline<SlicedNetwork>, options: MapOptions = {}): Pipeline<MappedNetwork> {
    return this.pipe({ name: "map", run: (network) => map(network, options) });
  }

  /** What cells and wires are made of; see {@linkcode program}. Without this stage arrays are perfect. */
  program(this: Pipeline<MappedNetwork>, options: ProgramOptions = {}): Pipeline<ProgrammedNetwork> {
    return this.pipe({ name: "program", run: (network) => program(network, options) });
  }

  /** Images through the arrays; see {@linkcode simulate}. The images are the second argument of {@linkcode Pipeline.run}. */
  simulate(this: Pipeline<MappedNetwork> | Pipeline<ProgrammedNetwork>, options: SimulateOptions = {}): Pipeline<Result> {
    return (this as Pipeline<MappedNetwork | ProgrammedNetwork>).pipe({
      name: "simulate",
      run(network, { data, signal, report }) {
        if (data === undefined) {
          throw new OptionError("simulate the network", { where: "run", got: "no images", wanted: "a data set as second argument" });
        }
        return simulate(network, data, { onProgress: report, ...(signal === undefined ? {} : { signal }), ...options });
      },
    });
  }

  /**
   * Runs all stages.
   *
   * @param network Network to start from.
   * @param data Images, where a stage wants some.
   */
  async run(network: Network, data?: Dataset, options: RunOptions = {}): Promise<Out> {
    const context: Context = { data, signal: options.signal, report: (stage, done, total) => options.onProgress?.(stage, done, total) };
    let value: unknown = network;
    for (const stage of this.stages as readonly Stage<unknown, unknown>[]) {
      options.signal?.throwIfAborted();
      value = await stage.run(value, context);
    }
    return value as Out;
  }
}

/** An empty pipeline. */
export function pipeline(): Pipeline<Network> {
  return new Pipeline<Network>([]);
}
