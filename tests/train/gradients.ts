// Shared by the training tests: small networks with parameters away from their symmetric starting values, random images, finite differences.

import { assert } from "@std/assert";
import { ThreadPool } from "../../lib/cpu/pool.ts";
import type { Dataset } from "../../lib/data/dataset.ts";
import { type Builder, network } from "../../lib/network/builder.ts";
import type { Network, Shape } from "../../lib/network/graph.ts";
import { hash, normal, uniform } from "../../lib/random.ts";
import { elements, type Tensor, tensor } from "../../lib/tensor.ts";
import { type TrainingGraph, trainingGraph, type TrainingQuantizers } from "../../lib/train/graph.ts";
import { crossEntropy } from "../../lib/train/loss.ts";

/** A network whose biases, batch-norm terms and statistics are random too. */
export function randomNet(input: Shape, build: (b: Builder) => void, seed = 1): Network {
  const net = network({ name: "test", input, encoding: { zero: 121, scale: 1 / 63 }, seed }, build);
  const parameters: Record<string, Tensor> = {};
  Object.entries(net.parameters).forEach(([name, { data, shape }], index) => {
    const layer = net.layers.find((candidate) => name === `${candidate.name}.weight`);
    const weights = layer?.op === "conv" || layer?.op === "linear";
    const positive = layer?.op === "batchNorm" || name.endsWith(".variance");
    const change = (value: number, i: number) => weights ? value : positive ? 0.5 + uniform(seed, index, i) : 0.3 * normal(seed, index, i);
    parameters[name] = tensor(data.map(change), shape);
  });
  return { ...net, parameters };
}

/** Random pixels for a batch of images. */
export function randomPixels(count: number, shape: Shape, seed = 7): Uint8Array {
  return Uint8Array.from({ length: count * elements(shape) }, (_, i) => hash(seed, i) & 255);
}

/** Images of two kinds per class pair that a small network tells apart: a bright patch whose place is the class. */
export function patches(count: number, shape: Shape, classes: number, seed = 3): Dataset {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % classes), [height, width, channels] = shape, size = elements(shape);
  const data = Uint8Array.from({ length: count * size }, (_, i) => {
    const image = Math.floor(i / size), y = Math.floor(i / (width * channels)) % height;
    return (hash(seed, i) & 127) + (Math.floor(y * classes / height) === labels[image] ? 110 : 0);
  });
  return {
    name: "patches",
    images: tensor(data, [count, ...shape]),
    labels,
    classes: Array.from({ length: classes }, (_, c) => `class ${c}`),
  };
}

/** Runs something with a graph on a pool of its own. */
export async function withGraph<T>(
  net: Network,
  batch: number,
  action: (graph: TrainingGraph, pool: ThreadPool) => T | Promise<T>,
  options: { threads?: number; quantizers?: TrainingQuantizers } = {},
): Promise<T> {
  using pool = await ThreadPool.create({ threads: options.threads ?? 1 });
  return await action(await trainingGraph(pool, net, batch, options.quantizers), pool);
}

/** Derivatives along the gradient and along random directions, per parameter, against central differences of the loss. */
export async function checkGradients(
  net: Network,
  options: { batch?: number; tolerance?: number; directions?: number; quantizers?: TrainingQuantizers } = {},
): Promise<void> {
  const { batch = 4, tolerance = 0.01, directions = 3 } = options;
  await withGraph(net, batch, (graph) => {
    const pixels = randomPixels(batch, net.input);
    const forward = () => {
      const logits = graph.forward(pixels, true), classes = logits.length / batch;
      return crossEntropy(logits, Uint8Array.from({ length: batch }, (_, i) => i % classes));
    };
    // A first pass with other gradients: what is left over in buffers must not matter.
    graph.forward(randomPixels(batch, net.input, 8), true);
    graph.backward(new Float32Array(forward().gradient.length).fill(0.7));
    graph.backward(forward().gradient);
    const gradients = graph.parameters.map(({ read, gradient }) => read(gradient).data);
    graph.parameters.forEach(({ name, read, write }, index) => {
      const { data, shape } = read(), gradient = gradients[index]!, norm = length(gradient);
      const step = 2e-3 * Math.max(length(data), 0.1);
      for (let k = 0; k <= directions; k++) {
        const random = Float32Array.from(data, (_, i) => normal(11, index, k, i));
        if (k === 0 && norm < 1e-6) continue;
        const direction = k === 0 ? gradient.map((value) => value / norm) : random.map((value) => value / length(random));
        const at = (sign: number) => {
          write(tensor(data.map((value, i) => value + sign * step * direction[i]!), shape));
          return forward().loss;
        };
        const found = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0), wanted = (at(1) - at(-1)) / (2 * step);
        write(tensor(data, shape));
        const message = `${name}, direction ${k}: got ${found}, differences say ${wanted} (|gradient| ${norm})`;
        assert(Math.abs(found - wanted) <= tolerance * Math.max(norm, 0.03), message);
      }
    });
  }, options.quantizers === undefined ? {} : { quantizers: options.quantizers });
}

/** Euclidean length. */
export function length(vector: Float32Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}
