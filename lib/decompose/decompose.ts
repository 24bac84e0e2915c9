// Second stage: integer weights to cell levels, layer by layer, by the scheme chosen for each.

import { OptionError, ShapeError } from "../errors.ts";
import type { Conv, Linear } from "../network/graph.ts";
import type { QuantizedNetwork } from "../quantize/quantize.ts";
import type { WeightCodes } from "../quantize/quantizer.ts";
import { balanced } from "./balanced.ts";
import { offset } from "./offset.ts";
import { type DecomposeOptions, type LayerChoice, layerChoices } from "./options.ts";
import type { LayerCodes, SlicedLayer, SlicedNetwork } from "./sliced.ts";
import { twosComplement } from "./twos_complement.ts";

export { type DecomposeOptions } from "./options.ts";

const ACTION = "decompose the network";

/**
 * Cuts the weights of every layer that runs on arrays into cells. Layers in `quantized.digital` have none.
 *
 * @throws {OptionError} if an option is unknown, out of range or without effect for its scheme, an entry of `layers` matches no layer, slices do not cover a
 * layer's bits, or a quantizer gave codes outside its own range.
 *
 * @example
 * ```ts
 * import { decompose, dorefa, type Network, pact, quantize } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const network: Network = {
 *   kind: "network",
 *   name: "one layer",
 *   input: [1, 1, 3],
 *   encoding: { zero: 0, scale: 1 },
 *   layers: [{ op: "linear", name: "fc", inputs: ["input"], features: 1, bias: false }],
 *   parameters: { "fc.weight": { shape: [1, 3], data: new Float32Array([-1, 0.1, 1]) } },
 * };
 * const bits = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }), last: dorefa({ bits: 4 }) };
 * const { slices, sliceWeights } = decompose(quantize(network, { ...bits, digital: [] }), { cellBits: 2 }).layer("fc");
 * assertEquals(slices.shape, [2, 1, 3, 1, 1]);
 * assertEquals([...slices.data], [0, 0, 3, 0, 2, 3]); // codes 0, 8, 15
 * assertEquals(sliceWeights, [1, 4]);
 * ```
 */
export function decompose(quantized: QuantizedNetwork, options: DecomposeOptions = {}): SlicedNetwork {
  const onArrays = quantized.network.layers.filter((layer): layer is Conv | Linear =>
    (layer.op === "conv" || layer.op === "linear") && !quantized.digital.includes(layer.name)
  );
  const choices = layerChoices(options, onArrays.map(({ name }) => name), quantized.digital);
  const layers: Record<string, SlicedLayer> = {};
  for (const layer of onArrays) {
    const weights = quantized.weights[layer.name];
    if (weights === undefined) {
      throw new OptionError(ACTION, { where: layer.name, got: "no weight codes", wanted: "codes, or the layer in `digital`" });
    }
    layers[layer.name] = slice(layerCodes(layer, weights), choices.get(layer.name)!);
  }
  return { kind: "sliced", quantized, layers, layer: (name) => pick(layers, name, quantized.digital) };
}

function slice(
  whole: Omit<LayerCodes, "cellBits">,
  { scheme, cellBits, sliceBits, reference, subtraction, pairs }: LayerChoice,
): SlicedLayer {
  const codes: LayerCodes = { ...whole, cellBits, ...(sliceBits === undefined ? {} : { sliceBits }) };
  if (scheme === "offset") return offset(codes, reference, subtraction);
  return scheme === "twosComplement" ? twosComplement(codes) : balanced(codes, pairs);
}

function layerCodes(layer: Conv | Linear, weights: WeightCodes): Omit<LayerCodes, "cellBits"> {
  const { bits, signed, zero } = weights;
  const [out, inputs, height = 1, width = 1] = weights.codes.shape;
  if (out === undefined || inputs === undefined || weights.codes.shape.length > 4) {
    throw new ShapeError(ACTION, {
      where: `${layer.name}.weight`,
      got: weights.codes.shape,
      wanted: "[out, in, height, width] or [out, in]",
    });
  }
  if (!Number.isInteger(bits) || bits < 1 || bits > 15) {
    throw new OptionError(ACTION, { where: `bits of ${layer.name}`, got: bits, wanted: "an integer from 1 to 15" });
  }
  if (!Number.isInteger(2 * zero)) {
    throw new OptionError(ACTION, { where: `zero of ${layer.name}`, got: zero, wanted: "an integer or half-integer" });
  }
  const lowest = signed ? -(2 ** (bits - 1)) : 0, highest = lowest + 2 ** bits - 1;
  const outside = weights.codes.data.find((code) => code < lowest || code > highest);
  if (outside !== undefined) {
    throw new OptionError(ACTION, { where: `codes of ${layer.name}`, got: outside, wanted: `${lowest} … ${highest} at ${bits} bits` });
  }
  const codes = { shape: [out, inputs, height, width], data: weights.codes.data };
  return { name: layer.name, groups: layer.op === "conv" ? layer.groups : 1, bits, signed, zero, codes };
}

function pick(layers: Readonly<Record<string, SlicedLayer>>, name: string, digital: readonly string[]): SlicedLayer {
  if (Object.hasOwn(layers, name)) return layers[name]!;
  throw new OptionError("find a layer on arrays", {
    got: name,
    wanted: `one of ${Object.keys(layers).join(", ") || "none: every layer is digital"}`,
    hint: digital.includes(name) ? "It runs digitally; the `digital` option of quantize decides" : undefined,
  });
}
