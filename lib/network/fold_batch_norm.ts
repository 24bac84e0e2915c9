// Batch norm taken into the weights before it, so that no multiplication is left between an array's sums and the rectifier.

import { tensor } from "../tensor.ts";
import { batchNormAffine, consumers, layerByName } from "./fold.ts";
import type { BatchNorm, Conv, Layer, Linear, Network } from "./graph.ts";

/**
 * The network without every batch norm that alone reads a conv or linear layer: W' = W · γ/√(σ² + ε) per output channel, b' = β + (b − µ) · γ/√(σ² + ε). Other
 * batch norms stay. Trained codes of changed weights are dropped, as they are codes of other numbers.
 *
 * @throws {GraphError} if a parameter is missing.
 * @throws {NumericError} if a batch norm's factors are not finite.
 *
 * @example
 * ```ts
 * import { foldBatchNorm, vgg7 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const folded = foldBatchNorm(vgg7({ width: 0.125 }));
 * assertEquals(folded.layers.some(({ op }) => op === "batchNorm"), false);
 * ```
 */
export function foldBatchNorm(network: Network): Network {
  const parameters = { ...network.parameters }, codes = { ...network.codes };
  /** Batch norms taken out, with the layer that does their work. */
  const gone = new Map<string, string>();
  for (const [source, layer] of foldedPairs(network)) {
    const before = layerByName(network, source) as Conv | Linear;
    const { scale, bias } = batchNormAffine(network, layer.name), name = `${before.name}.weight`;
    const { shape, data } = network.parameters[name]!, each = data.length / scale.length, own = network.parameters[`${before.name}.bias`];
    const weights = new Float32Array(data.length), shift = new Float32Array(scale.length);
    for (let channel = 0; channel < scale.length; channel++) {
      for (let at = channel * each; at < (channel + 1) * each; at++) weights[at] = data[at]! * scale[channel]!;
      shift[channel] = bias[channel]! + (before.bias ? own!.data[channel]! : 0) * scale[channel]!;
    }
    parameters[name] = tensor(weights, shape);
    parameters[`${before.name}.bias`] = tensor(shift, [shift.length]);
    for (const part of ["weight", "bias", "mean", "variance"]) delete parameters[`${layer.name}.${part}`];
    delete codes[name];
    gone.set(layer.name, before.name);
  }
  const folded = new Set(gone.values());
  const layers = network.layers.filter(({ name }) => !gone.has(name)).map((layer): Layer => ({
    ...layer,
    inputs: layer.inputs.map((name) => gone.get(name) ?? name),
    ...(folded.has(layer.name) ? { bias: true } : {}),
  }));
  const { codes: _, ...rest } = network;
  return { ...rest, layers, parameters, ...(Object.keys(codes).length === 0 ? {} : { codes }) };
}

/** Batch norms that can be folded, by the conv or linear layer that they alone read. */
export function foldedPairs(network: Pick<Network, "layers">): ReadonlyMap<string, BatchNorm> {
  const readers = consumers(network), byName = new Map(network.layers.map((layer) => [layer.name, layer]));
  const pairs = new Map<string, BatchNorm>();
  for (const layer of network.layers) {
    const before = byName.get(layer.inputs[0]!);
    if (layer.op !== "batchNorm" || before === undefined || (before.op !== "conv" && before.op !== "linear")) continue;
    if (readers.get(before.name)!.length === 1) pairs.set(before.name, layer);
  }
  return pairs;
}
