// What training hands on: the network with its weights as the codes they were trained as.

import type { Network, TrainedCodes } from "../network/graph.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { WeightCodes } from "../quantize/quantizer.ts";
import type { StoredParameter } from "./parameter.ts";
import type { TrainingState } from "./trainer.ts";

/** Real values of codes: (code − zero) · scale. */
export function decodeWeights({ codes, zero, scale }: WeightCodes): Tensor {
  return tensor(Float32Array.from(codes.data, (code) => (code - zero) * scale), codes.shape);
}

/** A network with other parameters and running statistics. */
export function networkWith(
  network: Network,
  parameters: readonly StoredParameter[],
  state: Readonly<Record<string, Float32Array>>,
): Network {
  const trained = Object.fromEntries(parameters.map((entry) => [entry.name, entry.read()]));
  const statistics = Object.fromEntries(
    Object.entries(state).map(([name, data]) => [name, tensor(Float32Array.from(data), [data.length])]),
  );
  return { ...network, parameters: { ...network.parameters, ...trained, ...statistics } };
}

/** The graph's network; quantised weights become their codes' values, and the codes are kept beside them. */
export function trainedNetwork(graph: TrainingState): Network {
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
