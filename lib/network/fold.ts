// What lowering asks of a graph: who reads a layer, which layer has a name, and what a batch norm amounts to.

import { GraphError, NumericError } from "../errors.ts";
import { INPUT, type Layer, type Network } from "./graph.ts";

/** A batch norm as y = x · scale + bias per channel, in double precision. */
export interface ChannelAffine {
  /** `[channels]`. */
  readonly scale: Float64Array;
  /** `[channels]`. */
  readonly bias: Float64Array;
}

/**
 * The layer of that name.
 *
 * @throws {GraphError} if there is none.
 */
export function layerByName(network: Pick<Network, "name" | "layers">, name: string): Layer {
  const layer = network.layers.find((candidate) => candidate.name === name);
  if (layer === undefined) {
    throw new GraphError("find a layer", {
      where: network.name,
      got: name,
      wanted: `one of ${network.layers.map((each) => each.name).join(", ")}`,
    });
  }
  return layer;
}

/** Layers that read each layer's output, in execution order, {@linkcode INPUT} included; an empty list for the network's output. */
export function consumers(network: Pick<Network, "layers">): ReadonlyMap<string, readonly Layer[]> {
  const readers = new Map<string, Layer[]>([[INPUT, []]]);
  for (const { name } of network.layers) readers.set(name, []);
  for (const layer of network.layers) {
    for (const input of new Set(layer.inputs)) readers.get(input)?.push(layer);
  }
  return readers;
}

/**
 * A batch norm's scale = weight / √(variance + ε) and bias = bias − mean · scale.
 *
 * @throws {GraphError} if the layer is missing, is no batch norm or lacks a parameter.
 * @throws {NumericError} if a channel's scale or bias is not finite.
 *
 * @example
 * ```ts
 * import { batchNormAffine, network } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const net = network({ name: "norm", input: [1, 1, 2] }, (b) => b.batchNorm("bn", { epsilon: 0 }));
 * assertEquals(batchNormAffine(net, "bn"), { scale: Float64Array.of(1, 1), bias: Float64Array.of(0, 0) });
 * ```
 */
export function batchNormAffine(network: Network, name: string): ChannelAffine {
  const layer = layerByName(network, name);
  if (layer.op !== "batchNorm") throw new GraphError("fold a batch norm", { where: name, got: layer.op, wanted: "batchNorm" });
  const [weight, shift, mean, variance] = (["weight", "bias", "mean", "variance"] as const).map((part) => {
    const parameter = network.parameters[`${name}.${part}`];
    if (parameter === undefined) throw new GraphError("fold a batch norm", { where: `${name}.${part}`, got: "no such parameter" });
    return parameter.data;
  }) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const scale = Float64Array.from(weight, (value, channel) => value / Math.sqrt(variance[channel]! + layer.epsilon));
  const bias = Float64Array.from(shift, (value, channel) => value - mean[channel]! * scale[channel]!);
  for (let channel = 0; channel < scale.length; channel++) {
    if (!Number.isFinite(scale[channel]) || !Number.isFinite(bias[channel])) {
      throw new NumericError("fold a batch norm", {
        where: `${name}, channel ${channel}`,
        got: [scale[channel], bias[channel]],
        wanted: "finite scale and bias",
      });
    }
  }
  return { scale, bias };
}
