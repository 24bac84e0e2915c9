// Sums of gradients and diagonal second derivatives over a data set: what every device offers, and the CPU's.

import { ThreadPool } from "../cpu/pool.ts";
import type { Labels } from "../data/dataset.ts";
import type { Network } from "../network/graph.ts";
import type { ActivationQuantizer } from "../quantize/quantizer.ts";
import type { Tensor } from "../tensor.ts";
import { trainingGraph } from "./graph.ts";
import { crossEntropy } from "./loss.ts";

/** Adds up derivatives batch by batch, in evaluation mode. */
export interface DerivativeSums extends AsyncDisposable {
  /** Sets a parameter for the batches to come; names that the network has not are ignored. */
  write(parameter: string, value: Tensor): void;
  /** Adds a batch; `pixels` has room for all images of one, `labels` as many as there are. */
  add(pixels: Uint8Array, labels: Labels): Promise<void>;
  /** Sums over the images so far, by parameter, in the network's layout. */
  read(): Promise<Readonly<Record<"gradient" | "second", Readonly<Record<string, Tensor>>>>>;
}

/** What is summed. */
export interface DerivativeRequest {
  /** Images per batch. */
  readonly batch: number;
  /** Quantizer of every ReLU's output. */
  readonly activations: ActivationQuantizer | undefined;
  /** Whether a parameter's derivatives are asked for, by name; of convolutions and linear layers only. */
  wanted(parameter: string): boolean;
}

/**
 * {@linkcode DerivativeSums} on the CPU, in 64-bit floats.
 *
 * @throws {OptionError | GraphError | ShapeError} if batch or network are wrong.
 */
export async function cpuDerivativeSums(network: Network, request: DerivativeRequest, threads?: number): Promise<DerivativeSums> {
  const { batch, activations, wanted } = request;
  const pool = await ThreadPool.create(threads === undefined ? {} : { threads });
  try {
    const graph = await trainingGraph(pool, network, batch, { weights: () => undefined, activations: () => activations });
    const parameters = graph.parameters.filter(({ name }) => wanted(name));
    const sums = parameters.map(({ values }) => ({ second: new Float64Array(values.length), gradient: new Float64Array(values.length) }));
    const collect = (order: "second" | "gradient") =>
      parameters.forEach(({ gradient }, index) => {
        const sum = sums[index]![order];
        for (let at = 0; at < sum.length; at++) sum[at]! += gradient[at]!;
      });
    const read = (order: "second" | "gradient") =>
      Object.fromEntries(parameters.map(({ name, read }, index) => [name, read(Float32Array.from(sums[index]![order]))]));
    return {
      write: (name, value) => parameters.find((parameter) => parameter.name === name)?.write(value),
      add(pixels, labels) {
        const logits = graph.forward(pixels, false), images = labels.length, seen = logits.subarray(0, logits.length / batch * images);
        const slopes = new Float32Array(logits.length), curvatures = new Float32Array(logits.length);
        const { gradient } = crossEntropy(seen, labels);
        for (let at = 0; at < gradient.length; at++) slopes[at] = gradient[at]! * images;
        graph.backward(slopes, { order: 1, statistics: "running" });
        collect("gradient");
        curvatures.set(softmaxCurvature(seen, images));
        graph.backward(curvatures, { order: 2, statistics: "running" });
        collect("second");
        return Promise.resolve();
      },
      read: () => Promise.resolve({ gradient: read("gradient"), second: read("second") }),
      [Symbol.asyncDispose]: () => Promise.resolve(pool[Symbol.dispose]()),
    };
  } catch (error) {
    pool[Symbol.dispose]();
    throw error;
  }
}

/** p(1 − p) of the softmax of `[images, classes]` logits. */
export function softmaxCurvature(logits: Float32Array, images: number): Float32Array {
  const classes = logits.length / images, curvature = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes), peak = row.reduce((most, value) => Math.max(most, value), -Infinity);
    const total = row.reduce((sum, value) => sum + Math.exp(value - peak), 0);
    row.forEach((value, c) => {
      const p = Math.exp(value - peak) / total;
      curvature[start + c] = p * (1 - p);
    });
  }
  return curvature;
}
