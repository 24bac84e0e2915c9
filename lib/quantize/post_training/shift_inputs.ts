// Layers that read real numbers made to read codes: inputs moved up until none is negative, and the layer's biases moved back.

import type { Dataset } from "../../data/dataset.ts";
import { checkOptions } from "../../options.ts";
import { INPUT, type Layer, type Network } from "../../network/graph.ts";
import { type Tensor, tensor } from "../../tensor.ts";
import { layersWithoutCodes } from "../without_codes.ts";
import { type CalibrationOptions, inFloats, observeLayers } from "./observe_layers.ts";

/**
 * Puts a relu before every conv and linear layer that {@linkcode layersWithoutCodes} names, so that arrays can hold it: x becomes max(0, x − low), with `low` the
 * least value seen on calibration images, and the layer's biases take low · Σ weights. In floats nothing changes on those images; others are clipped at `low`.
 * Inputs that are never negative, such as means of relus, only get the relu. Layers that pad negative inputs stay as they are, since padding is zero before the
 * shift, and so do layers that read pixels or weights with trained codes.
 *
 * Follow it by {@linkcode calibrateActivations} with `keep`, which finds the clipping levels of the new relus.
 *
 * @param data A few dozen training images.
 * @returns The network with a batch norm `<layer>.shift` and a relu `<layer>.clip` before each such layer.
 * @throws {OptionError} if an option is unknown or there are no images.
 *
 * @example
 * ```ts
 * import { layersWithoutCodes, network, shiftInputs, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const plain = network({ name: "bottleneck", input: [4, 4, 3] }, (layers) => {
 *   layers.conv("narrow", { channels: 2, kernel: 1 });
 *   layers.conv("wide", { channels: 8, kernel: 1 });
 *   layers.relu("relu");
 * });
 * assertEquals(layersWithoutCodes(plain), ["wide"]);
 * const images = tensor(new Uint8Array(2 * 48).map((_, at) => at * 37 % 256), [2, 4, 4, 3]);
 * assertEquals(layersWithoutCodes(await shiftInputs(plain, { name: "ramp", images }, { backend: "reference" })), []);
 * ```
 */
export async function shiftInputs(
  network: Network,
  data: Pick<Dataset, "images" | "name">,
  options: CalibrationOptions = {},
): Promise<Network> {
  checkOptions("shift inputs", "options", options, ["backend", "batch", "signal"]);
  const names = new Set(layersWithoutCodes(network)), codes = network.codes ?? {};
  const wanted = network.layers.filter((layer) =>
    names.has(layer.name) && layer.inputs[0] !== INPUT && codes[`${layer.name}.weight`] === undefined
  );
  if (wanted.length === 0) return network;
  const least = new Map<string, number>();
  await observeLayers(inFloats(network), data, [...new Set(wanted.map(({ inputs }) => inputs[0]!))], (outputs) => {
    for (const [name, { data }] of outputs) {
      let low = least.get(name) ?? 0;
      for (let at = 0; at < data.length; at++) low = Math.min(low, data[at]!);
      least.set(name, low);
    }
  }, options);
  const shifted = new Map<string, number>();
  for (const layer of wanted) {
    const low = least.get(layer.inputs[0]!)!, padded = layer.op === "conv" && layer.padding.some((extent) => extent > 0);
    if (low === 0 || !padded) shifted.set(layer.name, low);
  }
  const parameters: Record<string, Tensor> = { ...network.parameters }, layers: Layer[] = [];
  const channels = (name: string) => network.parameters[`${name}.weight`]!.shape[1]!;
  for (const layer of network.layers) {
    const low = shifted.get(layer.name);
    if (low === undefined || layer.op !== "conv" && layer.op !== "linear") {
      layers.push(layer);
      continue;
    }
    const shift = `${layer.name}.shift`, clip = `${layer.name}.clip`;
    if (low < 0) {
      const count = channels(layer.name) * (layer.op === "conv" ? layer.groups : 1);
      const filled = (value: number) => tensor(new Float32Array(count).fill(value), [count]);
      layers.push({ op: "batchNorm", name: shift, inputs: [layer.inputs[0]!], epsilon: 0 });
      Object.assign(parameters, {
        [`${shift}.weight`]: filled(1),
        [`${shift}.bias`]: filled(-low),
        [`${shift}.mean`]: filled(0),
        [`${shift}.variance`]: filled(1),
      });
      const { data: weights, shape } = parameters[`${layer.name}.weight`]!, outputs = shape[0]!, each = weights.length / outputs;
      const own = parameters[`${layer.name}.bias`]?.data, biases = new Float32Array(outputs);
      for (let output = 0; output < outputs; output++) {
        let sum = 0;
        for (let at = output * each; at < (output + 1) * each; at++) sum += weights[at]!;
        biases[output] = (own?.[output] ?? 0) + low * sum;
      }
      parameters[`${layer.name}.bias`] = tensor(biases, [outputs]);
    }
    layers.push({ op: "relu", name: clip, inputs: [low < 0 ? shift : layer.inputs[0]!] });
    layers.push({ ...layer, inputs: [clip], bias: layer.bias || low < 0 });
  }
  return { ...network, layers, parameters };
}
