// Clipping levels before the first step, from what the layers put out on a batch of training images.

import { ThreadPool } from "../cpu/pool.ts";
import type { Network } from "../network/graph.ts";
import { uniform } from "../random.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { trainingGraph } from "./graph.ts";
import { SMALLEST_ALPHA } from "./optimizer.ts";
import { quantizersOf, type QuantizerSpecs, startedFromData } from "./quantizer_spec.ts";

/** Outputs looked at per layer. */
const SAMPLE = 65536;

/**
 * The network with `<relu>.alpha` set, by each quantizer's own rule, for the relus whose α the recipe has start from data. The network runs on the batch as it
 * is about to be trained, weights quantised and batch norm by the batch's statistics, but with these relus unquantised
 * and no layer on arrays.
 *
 * @param pixels `[batch, height, width, channels]`.
 * @param batch Images.
 * @param threads Default all cores. The result does not depend on them.
 * @throws {OptionError} if an entry of `layers` matches no layer, or the batch is no positive integer.
 * @throws {GraphError | ShapeError} if the network is malformed, or pixels do not fit it.
 */
export async function startAlphas(
  network: Network,
  specs: QuantizerSpecs,
  pixels: Uint8Array,
  batch: number,
  threads?: number,
): Promise<Network> {
  const names = startedFromData(specs, network);
  if (names.length === 0) return network;
  const { weights, activations, fold } = quantizersOf(specs, network);
  using pool = await ThreadPool.create(threads === undefined ? {} : { threads });
  const graph = await trainingGraph(pool, network, batch, {
    weights,
    fold,
    activations: (name) => names.includes(name) ? undefined : activations(name),
  });
  graph.forward(pixels, true);
  const levels = names.map((name): [string, Tensor] => {
    const quantizer = activations(name)!, { data } = graph.output(name);
    const alpha = quantizer.start?.(sampleOf(data)) ?? quantizer.alpha;
    return [`${name}.alpha`, tensor(Float32Array.of(Math.max(SMALLEST_ALPHA, alpha)), [1])];
  });
  return { ...network, parameters: { ...network.parameters, ...Object.fromEntries(levels) } };
}

function sampleOf(data: Float32Array): Float32Array {
  if (data.length <= SAMPLE) return data;
  const sample = new Float32Array(SAMPLE);
  for (let k = 0; k < SAMPLE; k++) sample[k] = data[Math.floor(uniform(2, k) * data.length)]!;
  return sample;
}
