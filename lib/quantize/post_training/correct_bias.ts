// Bias correction: what quantisation shifts the mean of each output channel by is taken back.

import type { Dataset } from "../../data/dataset.ts";
import { GraphError } from "../../errors.ts";
import { consumers } from "../../network/fold.ts";
import type { Network } from "../../network/graph.ts";
import { type Tensor, tensor, type TypedArray } from "../../tensor.ts";
import type { QuantizedNetwork } from "../quantize.ts";
import { type CalibrationOptions, fakeQuantised, inFloats, observeLayers } from "./observe_layers.ts";

/**
 * Corrects biases layer by layer: the mean of every output channel over calibration images is made that of the float network, all layers before quantised and
 * corrected already (Nagel et al., Data-free quantization, 2019, in its empirical form).
 *
 * @param float The network the quantised one was made from, with weights as they were.
 * @param quantized From {@linkcode quantize}; layers whose output a batch norm reads are corrected through its bias, others through their own.
 * @returns The quantised network with other biases; codes are the same.
 * @throws {GraphError} if a layer has neither a bias nor a batch norm of its own to correct: fold batch norms, or give it a bias.
 *
 * @example
 * ```ts
 * import { correctBias, dorefa, lenet, pact, quantize, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const images = tensor(new Uint8Array(4 * 784).map((_, i) => i % 251), [4, 28, 28, 1]), float = lenet();
 * const quantized = quantize(float, { weights: dorefa({ bits: 2 }), activations: pact({ bits: 4 }) });
 * const corrected = await correctBias(float, quantized, { name: "ramp", images }, { backend: "reference" });
 * assertEquals(corrected.weights, quantized.weights);
 * ```
 */
export async function correctBias(
  float: Network,
  quantized: QuantizedNetwork,
  data: Pick<Dataset, "images" | "name">,
  options: CalibrationOptions = {},
): Promise<QuantizedNetwork> {
  const places = correctable(quantized.network, Object.keys(quantized.weights));
  const wanted = await channelMeans(inFloats(float), data, places.map(({ at }) => at), options);
  let corrected = quantized;
  for (const { at, parameter } of places) {
    const got = (await channelMeans(fakeQuantised(corrected), data, [at], options)).get(at)!, { network } = corrected;
    const bias = Float32Array.from(
      network.parameters[parameter]!.data,
      (value, channel) => value + wanted.get(at)![channel]! - got[channel]!,
    );
    const parameters = { ...network.parameters, [parameter]: tensor(bias, [bias.length]) };
    corrected = { ...corrected, network: { ...network, parameters } };
  }
  return corrected;
}

/** Where each quantised layer's shift is seen and taken back, in network order. */
function correctable(network: Network, names: readonly string[]): { readonly at: string; readonly parameter: string }[] {
  const readers = consumers(network);
  return network.layers.filter(({ name }) => names.includes(name)).map((layer) => {
    const [next, ...others] = readers.get(layer.name)!;
    if (next?.op === "batchNorm" && others.length === 0) return { at: next.name, parameter: `${next.name}.bias` };
    if ((layer.op === "conv" || layer.op === "linear") && layer.bias) return { at: layer.name, parameter: `${layer.name}.bias` };
    throw new GraphError("correct biases", { where: layer.name, got: "neither a bias nor a batch norm of its own", wanted: "one of them" });
  });
}

/** Mean of each channel over images and positions, as real values. */
async function channelMeans(
  quantized: QuantizedNetwork,
  data: Pick<Dataset, "images" | "name">,
  names: readonly string[],
  options: CalibrationOptions,
): Promise<Map<string, Float64Array>> {
  const sums = new Map<string, Float64Array>(), counts = new Map<string, number>();
  await observeLayers(quantized, data, names, (outputs) => {
    for (const [name, values] of outputs) {
      sums.set(name, addChannels(values, sums.get(name)));
      counts.set(name, (counts.get(name) ?? 0) + values.data.length / values.shape.at(-1)!);
    }
  }, options);
  return new Map([...sums].map(([name, sum]) => [name, sum.map((total) => total / counts.get(name)!)]));
}

function addChannels({ data, shape }: Tensor<TypedArray>, before: Float64Array | undefined): Float64Array {
  const channels = shape.at(-1)!, sums = before ?? new Float64Array(channels);
  for (let at = 0; at < data.length; at++) sums[at % channels]! += data[at]!;
  return sums;
}
