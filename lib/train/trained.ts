// What training hands on: the network with its weights as the codes they were trained as.

import type { Network, TrainedCodes } from "../network/graph.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { WeightCodes } from "../quantize/quantizer.ts";
import type { TrainingGraph } from "./graph.ts";

/** Real values of codes: (code − zero) · scale. */
export function decodeWeights({ codes, zero, scale }: WeightCodes): Tensor {
  return tensor(Float32Array.from(codes.data, (code) => (code - zero) * scale), codes.shape);
}

/** The graph's network; quantised weights become their codes' values, and the codes are kept beside them. */
export function trainedNetwork(graph: TrainingGraph): Network {
  const network = graph.network();
  const codes: Record<string, TrainedCodes> = {}, parameters: Record<string, Tensor> = { ...network.parameters };
  for (const { name, quantizer, read } of graph.parameters) {
    if (quantizer === undefined) continue;
    const encoded = quantizer.encode(read());
    codes[name] = { quantizer: quantizer.toJSON(), codes: encoded.codes, zero: encoded.zero, scale: encoded.scale, signed: encoded.signed };
    parameters[name] = decodeWeights(encoded);
  }
  return { ...network, parameters, codes };
}
