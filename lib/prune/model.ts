// A network as the channel searches see it: layers whose extents are sums of group sizes. Plain numbers, no weights.

import { GraphError, OptionError } from "../errors.ts";
import { geometryOf } from "../map/geometry.ts";
import type { Problem } from "../map/placement.ts";
import type { Network } from "../network/graph.ts";
import { inferShapes, windowCount } from "../network/shapes.ts";
import type { Geometry } from "../simulate/program.ts";
import { isDepthwise, isWeighted } from "./atoms.ts";
import { channelGroups, type ChannelUse } from "./groups.ts";

/** Channels on one side of a layer: a fixed number, and `repeats` times the channels of some groups. */
export interface ChannelSum {
  /** Channels that cannot be pruned. */
  readonly fixed: number;
  /** Index of each group, and how often each of its channels occurs. */
  readonly groups: readonly { readonly group: number; readonly repeats: number }[];
}

/** One conv or linear layer. */
export interface ModelLayer {
  /** Name of the layer. */
  readonly name: string;
  /** Its window with all channels. */
  readonly geometry: Geometry;
  /** What its input channels are. */
  readonly inputs: ChannelSum;
  /** What its output channels are. */
  readonly outputs: ChannelSum;
  /** Whether it runs on arrays, so that its cycles count. */
  readonly mapped: boolean;
}

/** Groups of channels and the layers between them, in execution order. */
export interface ChannelModel {
  /** Name and number of channels of each group. */
  readonly groups: readonly { readonly name: string; readonly channels: number }[];
  /** All conv and linear layers. */
  readonly layers: readonly ModelLayer[];
}

/** One layer of {@linkcode chainModel}. */
export interface ChainLayer {
  /** Extent of the square input image, without padding, in pixels. */
  readonly image: number;
  /** Extent of the square window. */
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default 0. */
  readonly padding?: number;
  /** Input channels: a number stands for fixed ones, a text for the group of that name. */
  readonly in: string | number;
  /** Output channels, likewise. */
  readonly out: string | number;
}

/**
 * The model of a network.
 *
 * @param digital Conv and linear layers outside the arrays; default the first conv and every linear layer, as for `quantize`.
 * @throws {OptionError} if a name in `digital` is no conv or linear layer.
 * @throws {GraphError | ShapeError} if the network is malformed.
 */
export function channelModel(network: Network, digital?: readonly string[]): ChannelModel {
  const groups = channelGroups(network), shapes = inferShapes(network);
  const weighted = network.layers.filter(isWeighted);
  const first = weighted.find(({ op }) => op === "conv");
  const outside = digital ?? weighted.filter((layer) => layer.op === "linear" || layer === first).map(({ name }) => name);
  for (const name of outside) {
    if (weighted.some((layer) => layer.name === name)) continue;
    const wanted = `conv or linear layers: ${weighted.map((layer) => layer.name).join(", ")}`;
    throw new OptionError("prune the network", { where: "prune.digital", got: name, wanted });
  }
  const layers = weighted.map((layer): ModelLayer => {
    const geometry = geometryOf(layer, shapes.get(layer.inputs[0]!)!, shapes.get(layer.name)!);
    const [input, output] = [geometry.inputShape[2], geometry.outputShape[2]];
    const carrier = layer.op === "conv" && isDepthwise(layer, input), multiplier = output / input;
    const sum = (total: number, uses: (index: number) => readonly ChannelUse[], divisor: number): ChannelSum => {
      const terms = groups.flatMap((_, group) => {
        const use = uses(group).find((each) => each.layer === layer.name);
        return use === undefined ? [] : [{ group, repeats: use.positions[0]!.length / divisor }];
      });
      return { fixed: total - terms.reduce((held, { group, repeats }) => held + repeats * groups[group]!.channels, 0), groups: terms };
    };
    return {
      name: layer.name,
      geometry,
      inputs: sum(input, (group) => carrier ? groups[group]!.carriers : groups[group]!.consumers, carrier ? multiplier : 1),
      outputs: sum(output, (group) => carrier ? groups[group]!.carriers : groups[group]!.producers, 1),
      mapped: !outside.includes(layer.name),
    };
  });
  return { groups: groups.map(({ name, channels }) => ({ name, channels })), layers };
}

/**
 * A model from plain numbers: square layers between named groups of channels.
 *
 * @throws {OptionError} if a group is unknown, or a window does not fit its image.
 *
 * @example
 * ```ts
 * import { chainModel } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const model = chainModel({ a: 24, b: 32 }, [{ image: 18, kernel: 3, in: "a", out: "b" }, { image: 18, kernel: 3, in: "b", out: 32 }]);
 * assertEquals(model.layers[1]!.geometry.outputShape, [16, 16, 32]);
 * ```
 */
export function chainModel(channels: Readonly<Record<string, number>>, layers: readonly ChainLayer[]): ChannelModel {
  const names = Object.keys(channels);
  const side = (value: string | number, where: string): ChannelSum & { readonly total: number } => {
    if (typeof value === "number") return { fixed: value, groups: [], total: value };
    const group = names.indexOf(value);
    if (group >= 0) return { fixed: 0, groups: [{ group, repeats: 1 }], total: channels[value]! };
    throw new OptionError("describe layers", { where, got: value, wanted: `a number or one of ${names.join(", ")}` });
  };
  return {
    groups: names.map((name) => ({ name, channels: channels[name]! })),
    layers: layers.map((layer, index) => {
      const { image, kernel, stride = 1, padding = 0 } = layer, name = `layer ${index + 1}`;
      const inputs = side(layer.in, `${name}.in`), outputs = side(layer.out, `${name}.out`);
      const extent = windowCount(image, kernel, stride, padding);
      if (!(extent >= 1)) throw new OptionError("describe layers", { where: name, got: layer, wanted: "a window that fits its image" });
      return {
        name,
        geometry: {
          kernel: [kernel, kernel],
          stride: [stride, stride],
          padding: [padding, padding],
          dilation: [1, 1],
          groups: 1,
          inputShape: [image, image, inputs.total],
          outputShape: [extent, extent, outputs.total],
        },
        inputs: { fixed: inputs.fixed, groups: inputs.groups },
        outputs: { fixed: outputs.fixed, groups: outputs.groups },
        mapped: true,
      };
    }),
  };
}

/** Channels of a sum when each group has as many as `counts` says. */
export function channelsAt({ fixed, groups }: ChannelSum, counts: readonly number[]): number {
  let total = fixed;
  for (const { group, repeats } of groups) total += repeats * counts[group]!;
  return total;
}

/** A layer's window when each group has as many channels as `counts` says. */
export function geometryAt({ name, geometry, inputs, outputs }: ModelLayer, counts: readonly number[]): Geometry {
  const [input, output] = [channelsAt(inputs, counts), channelsAt(outputs, counts)], { inputShape, outputShape } = geometry;
  const groups = geometry.groups > 1 && geometry.groups === inputShape[2] ? input : geometry.groups;
  if (!(Number.isInteger(input / groups) && Number.isInteger(output / groups))) {
    throw new GraphError("count channels", { where: name, got: [input, output], wanted: `multiples of ${groups} groups` });
  }
  return { ...geometry, groups, inputShape: [inputShape[0], inputShape[1], input], outputShape: [outputShape[0], outputShape[1], output] };
}

/** Weights of a layer with these channel counts. */
export function weightsAt(layer: ModelLayer, counts: readonly number[]): number {
  const { kernel, groups, inputShape, outputShape } = geometryAt(layer, counts);
  return kernel[0] * kernel[1] * inputShape[2] / groups * outputShape[2];
}

/** Multiply-accumulates of a layer per image with these channel counts; those of padded pixels are counted. */
export function macsAt(layer: ModelLayer, counts: readonly number[]): number {
  return weightsAt(layer, counts) * layer.geometry.outputShape[0] * layer.geometry.outputShape[1];
}

/** Channel counts and what they cost. */
export interface ChannelRound {
  /** Channels of each group, in the model's order. */
  readonly counts: readonly number[];
  /** Cycles of each layer per image, in the model's order; 0 outside the arrays. */
  readonly cycles: readonly number[];
  /** Their sum. */
  readonly total: number;
  /** Weights of all layers. */
  readonly weights: number;
}

/** Cycles and weights of a model with these channel counts, by a mapper's cycles. */
export function roundAt(
  { layers }: ChannelModel,
  counts: readonly number[],
  { rows, columns }: Pick<Problem, "rows" | "columns">,
  cyclesOf: (problem: Problem) => number,
): ChannelRound {
  const cycles = layers.map((layer) => layer.mapped ? cyclesOf({ geometry: geometryAt(layer, counts), rows, columns }) : 0);
  const weights = layers.reduce((sum, layer) => sum + weightsAt(layer, counts), 0);
  return { counts, cycles, total: cycles.reduce((sum, each) => sum + each, 0), weights };
}
