// In-situ training: the other way to make up for errors. Every step writes all weights anew, open loop, and learns on the chip that results.

import { ThreadPool } from "../cpu/pool.ts";
import type { Dataset } from "../data/dataset.ts";
import { OptionError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import type { ActivationQuantizer } from "../quantize/quantizer.ts";
import { hash, permutation } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { trainingGraph } from "../train/graph.ts";
import { crossEntropy } from "../train/loss.ts";
import { drawErrors, erroneousWeights, type VariationOptions, weightNames } from "./variation.ts";

/** Options of {@linkcode trainInSitu}. */
export interface InSituOptions {
  /** Errors of open-loop writes. */
  readonly variation: VariationOptions;
  /** Steps, each of which writes every cell once; at least 1. */
  readonly steps: number;
  /** Learning rate of SGD; default 1e-4. */
  readonly rate?: number;
  /** Momentum; default 0.9. */
  readonly momentum?: number;
  /** Images per step; default 128. */
  readonly batch?: number;
  /** Quantizer of every ReLU's output; default none. */
  readonly activations?: ActivationQuantizer;
  /** Seed of errors and of the order of images; default 1. */
  readonly seed?: number;
  /** Number of the chip; default 0. */
  readonly draw?: number;
  /** Threads; default all cores. */
  readonly threads?: number;
  /** Stops between steps. */
  readonly signal?: AbortSignal;
  /** Called after each step with the weights as they stand on the chip then. */
  readonly onStep?: (step: number, weights: Readonly<Record<string, Tensor>>) => void;
}

const ACTION = "train in situ";
const NAMES = ["variation", "steps", "rate", "momentum", "batch", "activations", "seed", "draw", "threads", "signal", "onStep"] as const;

/**
 * Trains a written network by SGD with momentum on its weights: batch by batch gradients at the weights with errors move the weights aimed at, which are written
 * again with new errors. Biases and batch norm, which are digital, stay.
 *
 * @returns The weights as they stand on the chip after the last step.
 * @throws {OptionError} if an option is unknown or out of range, or there are fewer images than a batch.
 */
export async function trainInSitu(network: Network, data: Dataset, options: InSituOptions): Promise<Record<string, Tensor>> {
  checkOptions(ACTION, "trainInSitu", options, NAMES);
  const { variation, steps, rate = 1e-4, momentum = 0.9, batch = 128, activations, seed = 1, draw = 0, threads, signal } = options;
  const refuse = (where: string, got: unknown, wanted: string): never => {
    throw new OptionError(ACTION, { where: `trainInSitu.${where}`, got, wanted });
  };
  if (!Number.isInteger(steps) || steps < 1) refuse("steps", steps, "a positive integer");
  if (!(rate > 0)) refuse("rate", rate, "a number above 0");
  if (!(momentum >= 0 && momentum < 1)) refuse("momentum", momentum, "a number of at least 0 and below 1");
  const count = data.labels.length, size = data.images.data.length / count, perEpoch = Math.floor(count / batch);
  if (!Number.isInteger(batch) || perEpoch < 1) refuse("batch", batch, `an integer from 1 to the ${count} images of ${data.name}`);
  using pool = await ThreadPool.create(threads === undefined ? {} : { threads });
  const graph = await trainingGraph(pool, network, batch, { weights: () => undefined, activations: () => activations });
  const names = weightNames(network), parameters = names.map((name) => graph.parameters.find((each) => each.name === name)!);
  const aims = Object.fromEntries(names.map((name) => {
    const { shape, data } = network.parameters[name]!;
    return [name, { shape, data: Float32Array.from(data) }];
  }));
  const speeds = names.map((name) => new Float32Array(aims[name]!.data.length));
  const pixels = new Uint8Array(batch * size), labels = new Uint16Array(batch);
  const write = (step: number) => {
    const aimed = { ...network, parameters: { ...network.parameters, ...aims } };
    return erroneousWeights(aimed, drawErrors(aimed, variation, { seed: hash(seed, draw), draw: step }));
  };
  let written = write(0), order: Uint32Array | undefined;
  for (let step = 0; step < steps; step++) {
    signal?.throwIfAborted();
    const within = step % perEpoch;
    if (within === 0) order = permutation(count, seed, draw, Math.floor(step / perEpoch));
    for (let image = 0; image < batch; image++) {
      const from = order![within * batch + image]!;
      pixels.set(data.images.data.subarray(from * size, (from + 1) * size), image * size);
      labels[image] = data.labels[from]!;
    }
    for (const parameter of parameters) parameter.write(written[parameter.name]!);
    graph.backward(crossEntropy(graph.forward(pixels, false), labels).gradient, { order: 1, statistics: "running" });
    parameters.forEach((parameter, index) => {
      const slope = parameter.read(parameter.gradient).data, aim = aims[parameter.name]!.data, speed = speeds[index]!;
      for (let at = 0; at < aim.length; at++) {
        speed[at] = momentum * speed[at]! + slope[at]!;
        aim[at]! -= rate * speed[at]!;
      }
    });
    written = write(step + 1);
    options.onStep?.(step + 1, written);
  }
  return written;
}
