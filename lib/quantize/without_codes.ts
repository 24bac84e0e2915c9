// Which layers cannot go onto arrays as a network stands: those whose inputs never become codes.

import type { Network } from "../network/graph.ts";
import { INPUT } from "../network/graph.ts";

/**
 * Conv and linear layers that must run digitally, in network order: their inputs are real numbers (no relu between the last sum and them, as in the linear
 * bottlenecks of MobileNetV2, or a mean or sum in between), or are pixels padded with a zero that is not pixel 0. For `quantize.digital`.
 *
 * @param real Relus left in floating point (`activations: null` in `quantize.layers`); default none.
 *
 * @example
 * ```ts
 * import { layersWithoutCodes, mobilenetV2 } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const names = layersWithoutCodes(mobilenetV2());
 * assert(names.length > 10 && names.length < 30); // the expanding convolutions after linear bottlenecks, and the classifier after the mean
 * ```
 */
export function layersWithoutCodes(network: Pick<Network, "layers" | "encoding">, real: readonly string[] = []): string[] {
  const coded = new Set<string>([INPUT]), names: string[] = [];
  for (const layer of network.layers) {
    const reads = layer.inputs.every((name) => coded.has(name));
    switch (layer.op) {
      case "conv":
      case "linear": {
        const padded = layer.op === "conv" && layer.inputs[0] === INPUT && network.encoding.zero !== 0 &&
          layer.padding.some((extent) => extent > 0);
        if (!reads || padded) names.push(layer.name);
        break;
      }
      case "relu":
        if (!real.includes(layer.name)) coded.add(layer.name);
        break;
      case "maxPool":
      case "flatten":
      case "slice":
      case "shuffle":
        if (reads) coded.add(layer.name);
    }
  }
  return names;
}
