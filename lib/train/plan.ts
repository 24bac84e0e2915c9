// What every device builds from a network: layers in order with batch norm and its ReLU joined, values with their readers, the output.

import { OptionError, ShapeError } from "../errors.ts";
import { INPUT, type Layer, type Network, type Relu, type Shape } from "../network/graph.ts";
import { inferShapes } from "../network/shapes.ts";
import { validate } from "../network/validate.ts";

/** One operation: a layer, or batch norm with the ReLU that alone reads it. */
export interface PlannedLayer {
  /** The layer; its parameters go by its name. */
  readonly layer: Layer;
  /** ReLU computed with it. */
  readonly relu: Relu | undefined;
  /** Name of the value it makes. */
  readonly output: string;
}

/** A network laid out for training, whatever the device. */
export interface TrainingPlan {
  /** Operations in execution order. */
  readonly layers: readonly PlannedLayer[];
  /** Name of the logits. */
  readonly output: string;
  /** Logits per image. */
  readonly features: number;
  /** Shape of a value. */
  shape(name: string): Shape;
  /** Layers that read a value; one that reads it twice (x + x) stands in the list twice. */
  readers(name: string): readonly Layer[];
}

/**
 * Lays a network out for training on batches of a fixed size; a softmax at the end is left to the loss.
 *
 * @throws {OptionError} if the batch is not a positive integer.
 * @throws {GraphError | ShapeError} if the network is malformed, or its output no vector.
 */
export function planTraining(network: Network, batch: number): TrainingPlan {
  const action = "build a training graph";
  if (!Number.isInteger(batch) || batch < 1) {
    throw new OptionError(action, { where: "batch", got: batch, wanted: "a positive integer" });
  }
  validate(network);
  const shapes = inferShapes(network);
  const layers = network.layers.at(-1)!.op === "softmax" ? network.layers.slice(0, -1) : network.layers;
  const readers = (name: string) => layers.flatMap((layer) => layer.inputs.filter((input) => input === name).map(() => layer));
  const fused = new Map<Layer, Relu>();
  for (const layer of layers) {
    const next = readers(layer.name);
    if (layer.op === "batchNorm" && next.length === 1 && next[0]!.op === "relu") fused.set(layer, next[0] as Relu);
  }
  const within = new Set<Layer>(fused.values()), last = layers.at(-1)?.name ?? INPUT, shape = shapes.get(last)!;
  if (shape[0] !== 1 || shape[1] !== 1) {
    throw new ShapeError(action, { where: last, got: shape, wanted: "an output of shape [1, 1, features]" });
  }
  return {
    layers: layers.filter((layer) => !within.has(layer)).map((layer) => {
      const relu = fused.get(layer);
      return { layer, relu, output: relu?.name ?? layer.name };
    }),
    output: last,
    features: shape[2],
    shape: (name) => shapes.get(name)!,
    readers,
  };
}
