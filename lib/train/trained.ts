// What training hands on: the network with its weights as the codes they were trained as.

import { foldBatchNorm } from "../network/fold_batch_norm.ts";
import type { Network, TrainedCodes } from "../network/graph.ts";
import { decodeWeights } from "../quantize/decode.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { StoredParameter } from "./parameter.ts";
import type { TrainingState } from "./trainer.ts";

export { decodeWeights } from "../quantize/decode.ts";

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

/** The graph's network, without the batch norms that training folded into weights; quantised weights become their codes' values, and the codes are kept beside them. */
export function trainedNetwork(graph: TrainingState): Network {
  const network = graph.folds ? foldBatchNorm(graph.network()) : graph.network();
  const codes: Record<string, TrainedCodes> = {}, parameters: Record<string, Tensor> = { ...network.parameters };
  for (const { name, quantizer, learned, read } of graph.parameters) {
    if (quantizer === undefined) continue;
    const { bits, ...encoded } = quantizer.encode(read(), learned?.());
    codes[name] = { quantizer: quantizer.toJSON(), ...(bits === quantizer.bits ? {} : { bits }), ...encoded };
    parameters[name] = decodeWeights(encoded);
  }
  return { ...network, parameters, codes };
}
