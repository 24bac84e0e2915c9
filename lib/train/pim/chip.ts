// A network trained through arrays as the stages behind training take it: the options under which simulation is what trained it.

import type { AdcOptions } from "../../circuit/adc.ts";
import { OptionError } from "../../errors.ts";
import type { DecomposeOptions, LayerDecomposeOptions } from "../../decompose/options.ts";
import { decompose } from "../../decompose/decompose.ts";
import type { MapOptions } from "../../map/map.ts";
import { map } from "../../map/map.ts";
import type { QuantizedNetwork } from "../../quantize/quantize.ts";
import type { MappedNetwork } from "../../map/mapped.ts";
import type { Backend } from "../../simulate/backend.ts";
import { observeSums } from "../../simulate/observe/calibrate.ts";
import type { Tensor } from "../../tensor.ts";
import { stepLimits } from "./learned_range.ts";
import { checkPim, type Pim, type PimOptions } from "./options.ts";
import { limitsOf } from "./range.ts";
import { maximumRange, schemeOptions } from "./scheme.ts";
import { pimLayers } from "./source.ts";
import type { Network } from "../../network/graph.ts";

/** Conv and linear layers that do not run on arrays: `digital` of `quantize`. */
export function pimDigital(network: Network, options: PimOptions): string[] {
  const chosen = pimLayers(network, checkPim(options).layers);
  return network.layers.filter(({ op, name }) => (op === "conv" || op === "linear") && !chosen.includes(name)).map(({ name }) => name);
}

/** What {@linkcode pimChip} makes of a network. */
export interface PimChip {
  /** The network on arrays. */
  readonly mapped: MappedNetwork;
  /** Options for `simulate`. */
  readonly simulate: {
    readonly adc: AdcOptions;
    readonly digitBits: number;
    /** Converter of each layer with its limits. */
    readonly converters: Readonly<Record<string, AdcOptions>>;
  };
}

/**
 * Puts a quantised network on arrays by a scheme, with the converters it was trained with, so that `simulate(chip.mapped, data, chip.simulate)` gives what
 * training's evaluation gives. Layers with no limits of their own (`<layer>.adc`), or all with `look.anew`, take theirs from images, by the very rule of
 * training.
 *
 * @param quantized From `quantize` with `digital: pimDigital(network, options)`.
 * @param look Images to look at and a backend to run them on; only for ranges that follow the sums.
 * @throws {OptionError} if an option is wrong, `adcBits` is a fraction, or a layer has no limits and there are no images.
 *
 * @example
 * ```ts
 * import { network, pact, pimChip, pimDigital, quantize, uniform } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const net = network({ name: "tiny", input: [8, 8, 1] }, (b) => {
 *   b.conv("conv1", { channels: 4, kernel: 3 });
 *   b.relu("relu1");
 *   b.conv("conv2", { channels: 4, kernel: 3 });
 *   b.relu("relu2");
 *   b.flatten("flatten");
 *   b.linear("fc", { features: 3 });
 * });
 * const pim = { scheme: "differential", adcBits: 5, range: "max", rows: 31 } as const; // steps of 31 · 7 · 15 / 31
 * const digital = pimDigital(net, pim);
 * assertEquals(digital, ["conv1", "fc"]);
 * const { mapped, simulate } = await pimChip(quantize(net, { weights: uniform({ bits: 4 }), activations: pact({ bits: 4 }), digital }), pim);
 * assertEquals(mapped.layer("conv2").sliced.sliceWeights, [1, -1]);
 * assertEquals(simulate.converters.conv2, { bits: 5, range: [0, 3255] });
 * ```
 */
export async function pimChip(
  quantized: QuantizedNetwork,
  options: PimOptions,
  look?: { readonly images: Tensor<Uint8Array>; readonly backend: Backend; readonly anew?: boolean },
): Promise<PimChip> {
  const pim = checkPim(options), { rows, columns, digitBits, adcBits, range } = pim;
  if (!Number.isInteger(adcBits)) {
    throw new OptionError("put a network on arrays", {
      where: "pim.adcBits",
      got: adcBits,
      wanted: "an integer: fractions are for training",
    });
  }
  const onArrays = Object.keys(quantized.weights).filter((name) => !quantized.digital.includes(name));
  const layers: Record<string, LayerDecomposeOptions> = Object.fromEntries(
    onArrays.map((name) => [name, schemeOptions(pim.scheme, quantized.weights[name]!)]),
  );
  const decomposed: DecomposeOptions = { layers }, placed: MapOptions = { rows, columns, algorithm: "im2col" };
  const mapped = map(decompose(quantized, decomposed), placed);
  const follows = typeof range === "string" && range !== "max";
  const limits = new Map<string, readonly [number, number]>();
  const wanting = onArrays.filter((name) => {
    const own = trainedLimits(quantized.network, name, pim), fixed = fixedLimits(quantized, name, pim);
    if (fixed !== undefined) limits.set(name, fixed);
    else if (own !== undefined && look?.anew !== true) limits.set(name, own);
    return !limits.has(name);
  });
  if (follows && wanting.length > 0) {
    if (look === undefined) {
      throw new OptionError("put a network on arrays", {
        where: "pim.range",
        got: range,
        wanted: `images, since ${wanting.join(", ")} was not trained through arrays`,
      });
    }
    const seen = await observeSums(mapped, look.images, look.backend, { digitBits, seed: pim.seed });
    for (const name of wanting) {
      const { unit, sums } = seen.get(name)!;
      const [lo, hi] = limitsOf(pim, sums, unit);
      limits.set(name, [Math.fround(lo), Math.fround(hi)]);
    }
  }
  const converters = Object.fromEntries(onArrays.map((name) => [name, { bits: adcBits, range: limits.get(name)! }]));
  return { mapped, simulate: { adc: { bits: adcBits, range: "full" }, digitBits, converters } };
}

/** Limits as training left them; a learned step has moved once more since they were saved. */
function trainedLimits({ parameters }: Network, name: string, { range }: Pim): readonly [number, number] | undefined {
  const saved = parameters[`${name}.adc`]?.data, step = parameters[`${name}.adc.step`]?.data[0];
  if (range === "learned" && saved?.length === 6 && step !== undefined && step > 0) return stepLimits(step, saved[4]!, saved[5]!);
  return saved !== undefined && saved[1]! > saved[0]! ? [saved[0]!, saved[1]!] : undefined;
}

/** Limits of ranges that need no images, as f32 like those that networks keep. */
function fixedLimits(quantized: QuantizedNetwork, name: string, pim: Pim): readonly [number, number] | undefined {
  if (typeof pim.range !== "string") return [Math.fround(pim.range[0]), Math.fround(pim.range[1])];
  if (pim.range !== "max") return undefined;
  const { bits, zero } = quantized.weights[name]!;
  const limits = maximumRange(pim, bits, Number.isInteger(zero), inputBitsOf(quantized, name));
  return [Math.fround(limits[0]), Math.fround(limits[1])];
}

/** Bits of the codes a layer reads: those of the ReLU behind its input, 8 for pixels. */
function inputBitsOf({ network, activations }: QuantizedNetwork, name: string): number {
  let layer = network.layers.find((each) => each.name === name);
  while (layer !== undefined) {
    const input = layer.inputs[0]!;
    if (activations[input] !== undefined) return activations[input].bits;
    layer = network.layers.find((each) => each.name === input);
  }
  return 8;
}
