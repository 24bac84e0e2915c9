// First values of what quantizers learn with folded weights, from the weights as the first batch's statistics fold them.

import { ThreadPool } from "../cpu/pool.ts";
import type { Network } from "../network/graph.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { trainingGraph } from "./graph.ts";
import { quantizersOf, type QuantizerSpecs } from "./quantizer_spec.ts";

/**
 * The network with `<layer>.weight.<key>` set for the layers into which batch norms are folded, where the network has none and the recipe's quantizers learn
 * such numbers. It runs on the batch in floats; without this, steps would start from W as new networks' statistics (0 and 1) fold it.
 *
 * @param pixels `[batch, height, width, channels]`.
 * @param batch Images.
 * @param threads Default all cores. The result does not depend on them.
 * @throws {OptionError} if there is no batch norm to fold, or the batch is no positive integer.
 * @throws {GraphError | ShapeError} if the network is malformed, or pixels do not fit it.
 */
export async function startFolded(
  network: Network,
  specs: QuantizerSpecs,
  pixels: Uint8Array,
  batch: number,
  threads?: number,
): Promise<Network> {
  const { weights, fold } = quantizersOf(specs, network);
  if (fold === undefined || fold.statistics === "running") return network;
  const known = Object.keys(network.parameters);
  const open = [...fold.layers.keys()].map((name) => `${name}.weight`).filter((name) =>
    weights(name.slice(0, -".weight".length))?.learned !== undefined && !known.some((each) => each.startsWith(`${name}.`))
  );
  if (open.length === 0) return network;
  using pool = await ThreadPool.create(threads === undefined ? {} : { threads });
  const graph = await trainingGraph(pool, network, batch, { weights: () => undefined, activations: () => undefined, fold });
  graph.forward(pixels, true);
  const first: Record<string, Tensor> = {};
  for (const { name, address, values, read } of graph.parameters) {
    if (!open.includes(name)) continue;
    const quantizer = weights(name.slice(0, -".weight".length))!;
    for (const [key, numbers] of Object.entries(quantizer.learned!(read(pool.f32(address, values.length))))) {
      first[`${name}.${key}`] = tensor(numbers, [numbers.length]);
    }
  }
  return { ...network, parameters: { ...network.parameters, ...first } };
}
