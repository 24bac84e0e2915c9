// First stage: which layers become integers, at how many bits, and which of them stay outside the arrays.

import { GraphError, OptionError, ShapeError } from "../errors.ts";
import type { Conv, Layer, Linear, Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { elements } from "../tensor.ts";
import { layerEntries, matchesPattern } from "./layer_pattern.ts";
import type { ActivationCodes, ActivationQuantizer, Learned, WeightCodes, WeightQuantizer } from "./quantizer.ts";
import { edgeQuantizer } from "./weight_quantizer.ts";

/** Bits of the first and last layer's weights unless said otherwise. */
export const EDGE_BITS = 8;

/** Exceptions for one layer. */
export interface LayerQuantizers {
  /** For a conv or linear layer: its weight quantizer; `null` leaves the layer in floating point (and so digital). */
  readonly weights?: WeightQuantizer | null;
  /** For a relu layer: its activation quantizer; `null` leaves its output in floating point. */
  readonly activations?: ActivationQuantizer | null;
}

/** How {@linkcode quantize} turns a network into integers. */
export interface QuantizeOptions {
  /** Weights of every conv and linear layer, save the exceptions below. */
  readonly weights: WeightQuantizer;
  /** Output of every relu layer. */
  readonly activations: ActivationQuantizer;
  /**
   * Exceptions by layer name, or by a pattern in which `*` stands for any text; later patterns go before earlier ones, and names before patterns. A pattern
   * gives weights to the conv and linear layers that match, and activations to the relus.
   */
  readonly layers?: Readonly<Record<string, LayerQuantizers>>;
  /**
   * Weights of the first conv or linear layer; default {@linkcode EDGE_BITS} bits of the same kind as `weights`, or uniform where that kind has only a few
   * levels (apot, binary, ternary).
   */
  readonly first?: WeightQuantizer;
  /** Weights of the last conv or linear layer; default as for `first`. */
  readonly last?: WeightQuantizer;
  /** Conv and linear layers that run digitally, outside the arrays; default the first conv and every linear layer. */
  readonly digital?: readonly string[];
}

/** A network with integer weights and activations; parameters that stay real (batch norm, biases) are those of `network`. */
export interface QuantizedNetwork {
  /** Tells this object from those of other stages. */
  readonly kind: "quantized";
  /** The float network this was made from. */
  readonly network: Network;
  /** Weight codes by conv or linear layer name, in the shape of the parameter; a layer left in floating point is absent. */
  readonly weights: Readonly<Record<string, WeightCodes>>;
  /** Activation codes by relu layer name; a relu left in floating point is absent. */
  readonly activations: Readonly<Record<string, ActivationCodes>>;
  /** Names of conv and linear layers that run digitally, in network order. */
  readonly digital: readonly string[];
}

const ACTION = "quantize the network";

/**
 * Replaces weights and activations by integer codes.
 *
 * If any layer was trained at the kind and bits of `options.weights`, then the network is taken as it was trained: every layer that has trained
 * codes keeps exactly these, at its own kind and width, unless `layers`, `first` or `last` names another quantizer for it. Otherwise trained codes
 * serve only where their kind and bits are those wanted, and all other layers are encoded from their float parameters.
 *
 * Numbers learned with weights are the parameters `<layer>.weight.*` where the layer has no trained codes yet, else the quantizer's first values.
 *
 * α of a relu is the parameter `<relu>.alpha` where the network has it, else the quantizer's starting value.
 *
 * @throws {OptionError} if an option or a layer name in one is unknown or of the wrong sort.
 * @throws {GraphError} if a layer's weights are missing.
 * @throws {ShapeError} if trained codes do not have the shape of their parameter.
 *
 * @example
 * ```ts
 * import { dorefa, type Network, pact, quantize } from "@bitline/bitline";
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
 * const { weights, digital } = quantize(network, { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }), last: dorefa({ bits: 4 }) });
 * assertEquals([...weights.fc!.codes.data], [0, 8, 15]);
 * assertEquals(digital, ["fc"]);
 * ```
 */
export function quantize(network: Network, options: QuantizeOptions): QuantizedNetwork {
  checkOptions(ACTION, "quantize", options, ["weights", "activations", "layers", "first", "last", "digital"]);
  for (const name of ["weights", "first", "last"] as const) {
    if (name === "weights" || options[name] !== undefined) checkQuantizer(`quantize.${name}`, options[name], "a weight quantizer");
  }
  checkQuantizer("quantize.activations", options.activations, "an activation quantizer");
  const layers = checkLayers(network, options.layers ?? {});

  const weights: Record<string, WeightCodes> = {};
  const activations: Record<string, ActivationCodes> = {};
  const weighted = network.layers.filter(isWeighted);
  for (const layer of weighted) {
    const codes = weightCodes(network, layer, weighted, options, layers.get(layer.name)?.weights);
    if (codes !== null) weights[layer.name] = codes;
  }
  for (const layer of network.layers) {
    if (layer.op !== "relu") continue;
    const exception = layers.get(layer.name)?.activations;
    if (exception === null) continue;
    const quantizer = exception ?? options.activations;
    activations[layer.name] = quantizer.codes(alphaOf(network, layer.name, quantizer));
  }
  return { kind: "quantized", network, weights, activations, digital: digitalLayers(weighted, weights, options.digital) };
}

function isWeighted(layer: Layer): layer is Conv | Linear {
  return layer.op === "conv" || layer.op === "linear";
}

function weightCodes(
  network: Network,
  layer: Conv | Linear,
  weighted: readonly (Conv | Linear)[],
  options: QuantizeOptions,
  own: WeightQuantizer | null | undefined,
): WeightCodes | null {
  const name = `${layer.name}.weight`;
  const parameter = network.parameters[name];
  if (parameter === undefined) throw new GraphError(ACTION, { where: name, got: "no such parameter", wanted: "the layer's weights" });

  const first = layer === weighted[0], last = layer === weighted.at(-1);
  if (own === null) return null;
  const explicit = own ?? (first ? options.first : undefined) ?? (last ? options.last : undefined);
  const { kind, bits } = options.weights;
  const edge = first || last ? edgeQuantizer(kind, Math.max(EDGE_BITS, bits)) : undefined;
  const wanted = explicit ?? edge ?? options.weights;

  const trained = network.codes?.[name];
  if (trained === undefined) return wanted.encode(parameter, learnedOf(network, name, wanted));
  const asTrained = explicit === undefined && Object.values(network.codes!).some(({ quantizer }) => same(quantizer, options.weights));
  if (!asTrained && !same(trained.quantizer, wanted)) return wanted.encode(parameter);
  if (elements(trained.codes.shape) !== elements(parameter.shape)) {
    throw new ShapeError(ACTION, { where: `codes of ${name}`, got: trained.codes.shape, wanted: `[${parameter.shape}]` });
  }
  const { quantizer, bits: width, codes, ...rest } = trained;
  return { codes: { shape: [...parameter.shape], data: codes.data }, bits: width ?? quantizer.bits, ...rest };
}

/** Numbers learned with a parameter, as the network keeps them: all of those that the quantizer has, or none. */
function learnedOf(network: Network, name: string, quantizer: WeightQuantizer): Learned | undefined {
  const first = quantizer.learned?.(network.parameters[name]!);
  if (first === undefined) return undefined;
  const kept = Object.entries(first).map(([key, { length }]) => {
    const data = network.parameters[`${name}.${key}`]?.data;
    return data?.length === length ? [key, data] as const : undefined;
  });
  return kept.every((entry) => entry !== undefined) ? Object.fromEntries(kept) : first;
}

function same(a: { readonly kind: string; readonly bits: number }, b: { readonly kind: string; readonly bits: number }): boolean {
  return a.kind === b.kind && a.bits === b.bits;
}

function alphaOf(network: Network, relu: string, quantizer: ActivationQuantizer): number {
  const alpha = network.parameters[`${relu}.alpha`];
  if (alpha === undefined) return quantizer.alpha;
  if (alpha.data.length !== 1) throw new ShapeError(ACTION, { where: `${relu}.alpha`, got: alpha.shape, wanted: "one element" });
  return alpha.data[0]!;
}

function digitalLayers(
  weighted: readonly (Conv | Linear)[],
  weights: Readonly<Record<string, WeightCodes>>,
  names?: readonly string[],
): string[] {
  if (names !== undefined && !Array.isArray(names)) {
    throw new OptionError(ACTION, { where: "quantize.digital", got: names, wanted: "a list of layer names" });
  }
  for (const name of names ?? []) {
    if (weighted.some((layer) => layer.name === name)) continue;
    throw new OptionError(ACTION, { where: "quantize.digital", got: name, wanted: `conv or linear layers: ${list(weighted)}` });
  }
  const firstConv = weighted.find((layer) => layer.op === "conv");
  const chosen = names ?? weighted.filter((layer) => layer === firstConv || layer.op === "linear").map((layer) => layer.name);
  return weighted.map((layer) => layer.name).filter((name) => chosen.includes(name) || weights[name] === undefined);
}

function checkLayers(network: Network, layers: Readonly<Record<string, LayerQuantizers>>): ReadonlyMap<string, LayerQuantizers> {
  checkOptions(ACTION, "quantize.layers", layers, Object.keys(layers));
  const candidates: readonly Layer[] = network.layers.filter((layer) => isWeighted(layer) || layer.op === "relu");
  for (const [name, quantizers] of Object.entries(layers)) {
    const where = `quantize.layers.${name}`;
    const layer = network.layers.find((layer) => layer.name === name);
    if (layer !== undefined && !candidates.includes(layer)) {
      throw new OptionError(ACTION, { where, got: `a ${layer.op} layer`, wanted: `one of ${list(candidates)}` });
    }
    const matches = layer === undefined ? candidates.filter((candidate) => matchesPattern(name, candidate.name)) : [layer];
    const fields = [...matches.some(isWeighted) ? ["weights"] : [], ...matches.some(({ op }) => op === "relu") ? ["activations"] : []];
    if (matches.length > 0) checkOptions(ACTION, where, quantizers, fields);
    if (quantizers?.weights) checkQuantizer(`${where}.weights`, quantizers.weights, "a weight quantizer");
    if (quantizers?.activations) checkQuantizer(`${where}.activations`, quantizers.activations, "an activation quantizer");
  }
  return layerEntries(ACTION, "quantize.layers", layers, candidates.map(({ name }) => name));
}

function checkQuantizer(where: string, value: unknown, wanted: "a weight quantizer" | "an activation quantizer"): void {
  const quantizer = value as Partial<WeightQuantizer & ActivationQuantizer> | null | undefined;
  const method = wanted === "a weight quantizer" ? quantizer?.forward : quantizer?.codes;
  if (typeof method === "function" && typeof quantizer?.encode === "function") return;
  throw new OptionError(ACTION, {
    where,
    got: value === undefined ? "nothing" : value,
    wanted: `${wanted}, for instance ${wanted === "a weight quantizer" ? "dorefa" : "pact"}({ bits: 4 })`,
  });
}

function list(layers: readonly { readonly name: string }[]): string {
  return layers.map((layer) => layer.name).join(", ");
}
