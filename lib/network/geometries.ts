// The layers that multiply, as windows: all that mappers and estimators need of a network, and no parameter among it.

import { geometryOf } from "../map/geometry.ts";
import type { Geometry } from "../simulate/program.ts";
import type { Network } from "./graph.ts";
import { inferShapes } from "./shapes.ts";
import { parameterShapes } from "./validate.ts";
import { elements } from "../tensor.ts";

/** One conv or linear layer. */
export interface LayerGeometry {
  /** Name of the layer. */
  readonly name: string;
  /** What it is. */
  readonly op: "conv" | "linear";
  /** Its window; a linear layer is a 1 × 1 convolution of a 1 × 1 image. */
  readonly geometry: Geometry;
}

/** How large a network is, per image. */
export interface NetworkSize {
  /** Trainable numbers: weights, biases, scale and shift of batch norms. */
  readonly parameters: number;
  /** Weights of conv and linear layers alone. */
  readonly weights: number;
  /** Multiply-accumulates of conv and linear layers, padded positions included. */
  readonly macs: number;
}

/**
 * All conv and linear layers, in order.
 *
 * @throws {GraphError | ShapeError} if the graph is malformed.
 *
 * @example
 * ```ts
 * import { layerGeometries, lenet } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const layers = layerGeometries(lenet());
 * assertEquals(layers.map(({ name }) => name), ["conv1", "conv2", "fc1", "fc2", "fc3"]);
 * assertEquals(layers[1]!.geometry.outputShape, [10, 10, 16]);
 * ```
 */
export function layerGeometries(network: Pick<Network, "input" | "layers">): LayerGeometry[] {
  const shapes = inferShapes(network);
  return network.layers.flatMap((layer) => {
    if (layer.op !== "conv" && layer.op !== "linear") return [];
    const { name, op } = layer;
    return [{ name, op, geometry: geometryOf(layer, shapes.get(layer.inputs[0]!)!, shapes.get(name)!) }];
  });
}

/**
 * Counts parameters and multiply-accumulates from the graph; no parameter is read. Clipping levels of ReLUs are not counted.
 *
 * @throws {GraphError | ShapeError} if the graph is malformed.
 *
 * @example
 * ```ts
 * import { lenet, networkSize } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(networkSize(lenet()), { parameters: 61_706, weights: 61_470, macs: 416_520 });
 * ```
 */
export function networkSize(network: Pick<Network, "input" | "layers">): NetworkSize {
  const shapes = inferShapes(network);
  let parameters = 0, weights = 0, macs = 0;
  for (const layer of network.layers) {
    const multiplies = layer.op === "conv" || layer.op === "linear";
    for (const [name, shape] of Object.entries(parameterShapes(layer, shapes.get(layer.inputs[0]!)!))) {
      if (layer.op === "batchNorm" && (name.endsWith(".mean") || name.endsWith(".variance"))) continue;
      const count = elements(shape);
      parameters += count;
      if (!multiplies || !name.endsWith(".weight")) continue;
      const [rows, columns] = shapes.get(layer.name)!;
      weights += count;
      macs += count * rows * columns;
    }
  }
  return { parameters, weights, macs };
}
