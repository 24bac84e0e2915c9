// Which codes a layer on arrays reads: those of the ReLU its input comes from, or the image's pixels.

import { GraphError, OptionError } from "../../errors.ts";
import { INPUT, type Network } from "../../network/graph.ts";
import { matchesPattern } from "../../quantize/layer_pattern.ts";
import type { ActivationQuantizer } from "../../quantize/quantizer.ts";

/** Codes of a value: (code − zero) · step. */
export interface CodeSource {
  /** Bits per code. */
  readonly bits: number;
  /** Code that stands for 0. */
  readonly zero: number;
  /** Real value of one code step, as it is now. */
  step(): number;
}

/** Layers that hand codes on as they are. */
const PASSING: readonly string[] = ["maxPool", "flatten", "slice", "shuffle"];

/**
 * Finds the codes of a value.
 *
 * @param level Current clipping level α of a ReLU.
 * @throws {GraphError} if the value does not consist of codes.
 */
export function codeSource(
  network: Network,
  value: string,
  reader: string,
  quantizers: { activations(layer: string): ActivationQuantizer | undefined },
  level: (relu: string) => number,
): CodeSource {
  const layer = network.layers.find(({ name }) => name === value);
  if (value === INPUT) {
    const { zero, scale } = network.encoding;
    return { bits: 8, zero, step: () => scale };
  }
  if (layer !== undefined && PASSING.includes(layer.op)) return codeSource(network, layer.inputs[0]!, reader, quantizers, level);
  const quantizer = layer?.op === "relu" ? quantizers.activations(layer.name) : undefined;
  if (quantizer !== undefined) return { bits: quantizer.bits, zero: 0, step: () => quantizer.codes(level(value)).step };
  throw new GraphError("train through arrays", {
    where: reader,
    got: `inputs from ${value} in floating point`,
    wanted: "integer codes",
    hint: "Quantise the ReLU before it, or leave the layer out of recipe.pim.layers.",
  });
}

/**
 * Layers that `pim.layers` names.
 *
 * @throws {OptionError} if an entry matches no conv or linear layer.
 */
export function pimLayers(network: Network, patterns: readonly string[] | undefined): string[] {
  const weighted = network.layers.filter((layer) => layer.op === "conv" || layer.op === "linear");
  const convolutions = weighted.filter(({ op }) => op === "conv");
  if (patterns === undefined) return convolutions.slice(1).map(({ name }) => name);
  const names = weighted.map(({ name }) => name), chosen = new Set<string>();
  for (const pattern of patterns) {
    const found = names.filter((name) => matchesPattern(pattern, name));
    if (found.length === 0) {
      throw new OptionError("train through arrays", {
        where: "pim.layers",
        got: pattern,
        wanted: `names or patterns of ${names.join(", ")}`,
      });
    }
    for (const name of found) chosen.add(name);
  }
  return names.filter((name) => chosen.has(name));
}
