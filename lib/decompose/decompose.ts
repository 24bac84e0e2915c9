// Second stage: integer weights to cell levels, by one of three schemes.

import { OptionError, ShapeError } from "../errors.ts";
import type { Conv, Linear } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import type { QuantizedNetwork } from "../quantize/quantize.ts";
import type { WeightCodes } from "../quantize/quantizer.ts";
import { balanced } from "./balanced.ts";
import { offset, type Reference } from "./offset.ts";
import type { LayerCodes, Scheme, SlicedLayer, SlicedNetwork } from "./sliced.ts";
import { twosComplement } from "./twos_complement.ts";

/** How {@linkcode decompose} cuts weights. */
export interface DecomposeOptions {
  /** How signed weights become non-negative levels; default "offset". */
  readonly scheme?: Scheme;
  /** Bits one cell holds, 1 to 8; default 1. */
  readonly cellBits?: number;
  /** Scheme "offset" only: a dummy column in each array takes the offset out (default), or the digital sum does. */
  readonly reference?: Reference;
}

const ACTION = "decompose the network";

/**
 * Cuts the weights of every layer that runs on arrays into cells. Layers in `quantized.digital` have none.
 *
 * @throws {OptionError} if an option is unknown or out of range, or a quantizer gave codes outside its own range.
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
  checkOptions(ACTION, "decompose", options, ["scheme", "cellBits", "reference"]);
  const { scheme = "offset", cellBits = 1, reference } = options;
  if (!["offset", "balanced", "twosComplement"].includes(scheme)) {
    throw new OptionError(ACTION, { where: "decompose.scheme", got: scheme, wanted: '"offset", "balanced" or "twosComplement"' });
  }
  if (!Number.isInteger(cellBits) || cellBits < 1 || cellBits > 8) {
    throw new OptionError(ACTION, { where: "decompose.cellBits", got: cellBits, wanted: "an integer from 1 to 8" });
  }
  if (reference !== undefined && (scheme !== "offset" || !["dummy", "digital"].includes(reference))) {
    const wanted = scheme === "offset" ? '"dummy" or "digital"' : `none: scheme "${scheme}" has no offset`;
    throw new OptionError(ACTION, { where: "decompose.reference", got: reference, wanted });
  }
  const layers: Record<string, SlicedLayer> = {};
  for (const layer of quantized.network.layers) {
    if (layer.op !== "conv" && layer.op !== "linear" || quantized.digital.includes(layer.name)) continue;
    const weights = quantized.weights[layer.name];
    if (weights === undefined) {
      throw new OptionError(ACTION, { where: layer.name, got: "no weight codes", wanted: "codes, or the layer in `digital`" });
    }
    const codes = layerCodes(layer, weights, cellBits);
    layers[layer.name] = scheme === "offset" ? offset(codes, reference) : scheme === "balanced" ? balanced(codes) : twosComplement(codes);
  }
  return { kind: "sliced", quantized, layers, layer: (name) => pick(layers, name, quantized.digital) };
}

function layerCodes(layer: Conv | Linear, weights: WeightCodes, cellBits: number): LayerCodes {
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
  return { name: layer.name, groups: layer.op === "conv" ? layer.groups : 1, cellBits, bits, signed, zero, codes };
}

function pick(layers: Readonly<Record<string, SlicedLayer>>, name: string, digital: readonly string[]): SlicedLayer {
  if (Object.hasOwn(layers, name)) return layers[name]!;
  throw new OptionError("find a layer on arrays", {
    got: name,
    wanted: `one of ${Object.keys(layers).join(", ") || "none: every layer is digital"}`,
    hint: digital.includes(name) ? "It runs digitally; the `digital` option of quantize decides" : undefined,
  });
}
