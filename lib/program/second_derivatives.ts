// How much each weight's error would cost: diagonal second derivatives of the loss, in one backward pass per batch.

import { ThreadPool } from "../cpu/pool.ts";
import type { Dataset } from "../data/dataset.ts";
import { OptionError, ShapeError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import type { ActivationQuantizer } from "../quantize/quantizer.ts";
import type { Tensor } from "../tensor.ts";
import { trainingGraph } from "../train/graph.ts";
import { crossEntropy } from "../train/loss.ts";

/** Options of {@linkcode secondDerivatives}. */
export interface SecondDerivativeOptions {
  /** Images per batch; default 128, less for fewer images. Does not change the result beyond rounding. */
  readonly batch?: number;
  /** Quantizer of every ReLU's output, whose clipping then lets no derivative through; default none. */
  readonly activations?: ActivationQuantizer;
  /**
   * Weights in place of the network's in batch 0, 1, 2 …, such as those of a chip with errors: the result is then the mean curvature over such weights, which says
   * more of large errors than the curvature at the bottom of the loss. Default the network's own.
   */
  readonly weights?: (batch: number) => Readonly<Record<string, Tensor>>;
  /** Threads; default all cores. */
  readonly threads?: number;
  /** Stops the work between batches. */
  readonly signal?: AbortSignal;
  /** Called with images done and to do. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Derivatives of the loss over a data set, by parameter name (`<layer>.weight`, `<layer>.bias`), in the shapes of the network. */
export interface SecondDerivatives {
  /** Σ over images of ∂²L/∂w², L the cross-entropy of one image in nats. */
  readonly second: Readonly<Record<string, Tensor>>;
  /** Σ over images of ∂L/∂w. */
  readonly gradient: Readonly<Record<string, Tensor>>;
  /** Images summed over. */
  readonly images: number;
}

const ACTION = "compute second derivatives";

/**
 * Second derivatives of every conv and linear layer's weights and biases, in evaluation mode.
 *
 * At the logits of softmax cross-entropy h = p(1 − p); backwards h_x = h_y · W², h_W = h_y · x², in a convolution the same over its windows; batch norm scales by
 * the square of its factor, an average over n inputs by 1/n², ReLU and clipping let through where they are not cut off, maxima go to the winner, sums to all terms
 * (the second-derivative rule of SWIM, which leaves out cross terms). Exact where nothing but linear layers and rectifiers with one path each lies between a
 * weight and the loss.
 *
 * @param network Weights as they are meant to be programmed: of a network from `train`, the values of its codes.
 * @throws {OptionError} if an option is unknown or out of range, or there are no images.
 * @throws {ShapeError} if images do not fit the network.
 *
 * @example
 * ```ts
 * import { lenet, secondDerivatives, tensor } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const images = tensor(new Uint8Array(4 * 784).map((_, i) => i % 251), [4, 28, 28, 1]);
 * const { second } = await secondDerivatives(lenet(), { name: "ramp", images, labels: Uint8Array.of(0, 1, 2, 3), classes: [] });
 * assert(second["fc3.weight"]!.data.every((value) => value >= 0));
 * ```
 */
export async function secondDerivatives(
  network: Network,
  data: Dataset,
  options: SecondDerivativeOptions = {},
): Promise<SecondDerivatives> {
  checkOptions(ACTION, "options", options, ["batch", "activations", "weights", "threads", "signal", "onProgress"]);
  const count = data.labels.length,
    batch = Math.min(options.batch ?? 128, count),
    size = network.input.reduce((product, extent) => product * extent, 1);
  if (count === 0) throw new OptionError(ACTION, { where: data.name, got: "no images", wanted: "at least one" });
  if (data.images.shape.slice(1).join() !== network.input.join()) {
    throw new ShapeError(ACTION, { where: data.name, got: data.images.shape.slice(1), wanted: `images of shape [${network.input}]` });
  }
  using pool = await ThreadPool.create(options.threads === undefined ? {} : { threads: options.threads });
  const graph = await trainingGraph(pool, network, batch, { weights: () => undefined, activations: () => options.activations });
  const weighted = graph.parameters.filter(({ name }) => isWeighted(network, name));
  const sums = weighted.map(({ values }) => ({ second: new Float64Array(values.length), gradient: new Float64Array(values.length) }));
  const collect = (order: "second" | "gradient") =>
    weighted.forEach(({ gradient }, index) => {
      const sum = sums[index]![order];
      for (let at = 0; at < sum.length; at++) sum[at]! += gradient[at]!;
    });
  const pixels = new Uint8Array(batch * size);
  for (let begin = 0; begin < count; begin += batch) {
    options.signal?.throwIfAborted();
    const here = Math.min(batch, count - begin), given = options.weights?.(begin / batch) ?? {};
    for (const parameter of weighted) if (Object.hasOwn(given, parameter.name)) parameter.write(given[parameter.name]!);
    pixels.fill(0).set(data.images.data.subarray(begin * size, (begin + here) * size));
    const logits = graph.forward(pixels, false), classes = logits.length / batch, seen = logits.subarray(0, here * classes);
    const slopes = new Float32Array(logits.length), curvatures = new Float32Array(logits.length);
    const { gradient } = crossEntropy(seen, data.labels.subarray(begin, begin + here));
    for (let at = 0; at < gradient.length; at++) slopes[at] = gradient[at]! * here;
    graph.backward(slopes, { order: 1, statistics: "running" });
    collect("gradient");
    curvatures.set(softmaxCurvature(seen, here));
    graph.backward(curvatures, { order: 2, statistics: "running" });
    collect("second");
    options.onProgress?.(begin + here, count);
  }
  const read = (order: "second" | "gradient") =>
    Object.fromEntries(weighted.map(({ name, read }, index) => [name, read(Float32Array.from(sums[index]![order]))]));
  return { second: read("second"), gradient: read("gradient"), images: count };
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

function isWeighted(network: Network, parameter: string): boolean {
  const layer = parameter.slice(0, parameter.lastIndexOf("."));
  return network.layers.some(({ name, op }) => name === layer && (op === "conv" || op === "linear"));
}
