// A trained network's knowledge for one with more channels.

import { GraphError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { normal } from "../random.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { INPUT, type Layer, type Network } from "./graph.ts";
import { inferShapes } from "./shapes.ts";

const ACTION = "widen a network";

/** Options of {@linkcode widen}. */
export interface WidenOptions {
  /**
   * Standard deviation of what is added to weights, relative to the root mean square of the layer's; default 0.1. At 0 both networks compute the same, but
   * channels that are copies of one another would get the same gradients for ever.
   */
  readonly noise?: number;
  /** Seed of the noise; default 0. */
  readonly seed?: number;
}

/**
 * `wider` with the parameters of `network`, whose channels it has several times over: output channel o is a copy of o mod the narrower layer's channels, and
 * readers of n copies have their weights divided by n, so that in floats both compute the same (Chen, Goodfellow, Shlens, Net2Net, ICLR 2016). Training the
 * wider network from there takes a fraction of the epochs.
 *
 * Clipping levels of activations come along; trained codes and numbers that quantizers have learned with weights do not: they belong to other weights.
 *
 * @param wider A network of the same layers by name, op and kernel, none of them with fewer channels, and the same outputs.
 * @throws {GraphError} if layers differ in more than channels, one has fewer, or one is of a kind whose channels cannot be followed (groups other than depthwise,
 * slice, shuffle).
 * @throws {OptionError} if an option is unknown, or `noise` is negative.
 *
 * @example
 * ```ts
 * import { vgg7, widen } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const wide = widen(vgg7({ width: 0.125, seed: 1 }), vgg7({ width: 0.25 }));
 * assertEquals(wide.parameters["conv2.weight"]!.shape, [32, 32, 3, 3]);
 * ```
 */
export function widen(network: Network, wider: Network, options: WidenOptions = {}): Network {
  checkOptions(ACTION, "widen", options, ["noise", "seed"]);
  const { noise = 0.1, seed = 0 } = options;
  if (!(noise >= 0 && Number.isFinite(noise))) {
    throw new OptionError(ACTION, { where: "widen.noise", got: noise, wanted: "a number of at least 0" });
  }
  const shapes = inferShapes(network), widerShapes = inferShapes(wider), origins = new Map([[INPUT, identity(network.input[2])]]);
  const parameters: Record<string, Tensor> = {};
  if (network.layers.length !== wider.layers.length || network.input.join() !== wider.input.join()) {
    throw new GraphError(ACTION, {
      where: `${network.name} to ${wider.name}`,
      got: `${network.layers.length} layers on [${network.input}] and ${wider.layers.length} on [${wider.input}]`,
      wanted: "the same layers, more channels",
    });
  }
  wider.layers.forEach((layer, index) => {
    const narrow = network.layers[index]!, from = shapes.get(narrow.name)!, to = widerShapes.get(layer.name)!;
    if (JSON.stringify(withoutChannels(narrow)) !== JSON.stringify(withoutChannels(layer)) || to[2] < from[2]) {
      throw new GraphError(ACTION, {
        where: layer.name,
        got: `${layer.op} to [${to}] for ${narrow.op} to [${from}]`,
        wanted: "the same layer with at least as many channels",
      });
    }
    const inputs = layer.inputs.map((name) => origins.get(name)!), own = outputOrigins(layer, inputs, widerShapes, from[2], to[2]);
    origins.set(layer.name, own);
    for (const [name, value] of Object.entries(network.parameters).filter(([name]) => owner(name) === layer.name)) {
      if (name === `${layer.name}.weight` && (layer.op === "conv" || layer.op === "linear")) {
        parameters[name] = weights(value, own, depthwise(layer) ? [0] : inputs[0]!, noise, [seed, index]);
      } else if (Object.hasOwn(wider.parameters, name)) {
        parameters[name] = tensor(Float32Array.from(own, (origin) => value.data[origin]!), [own.length]);
      } else if (name.endsWith(".alpha")) parameters[name] = value;
    }
  });
  const last = wider.layers.at(-1)!.name;
  if (shapes.get(last)!.join() !== widerShapes.get(last)!.join()) {
    throw new GraphError(ACTION, { where: last, got: `outputs [${widerShapes.get(last)}]`, wanted: `outputs [${shapes.get(last)}]` });
  }
  const { codes: _codes, ...rest } = wider;
  return { ...rest, parameters: { ...wider.parameters, ...parameters } };
}

const identity = (length: number): number[] => Array.from({ length }, (_, index) => index);
const owner = (parameter: string): string => parameter.slice(0, parameter.lastIndexOf("."));
const depthwise = (layer: Layer): boolean => layer.op === "conv" && layer.groups > 1;

/** What must agree: a depthwise layer's groups are its channels. */
function withoutChannels(layer: Layer): object {
  if (layer.op === "linear") return { ...layer, features: 0 };
  return layer.op === "conv" ? { ...layer, channels: 0, groups: layer.groups === layer.channels ? "depthwise" : layer.groups } : layer;
}

/** For each channel of the wider layer's output, the narrower one's that it is a copy of. */
function outputOrigins(
  layer: Layer,
  inputs: readonly (readonly number[])[],
  shapes: ReadonlyMap<string, readonly number[]>,
  narrow: number,
  wide: number,
): number[] {
  const [first] = inputs as [number[]];
  const unable = (got: string) => new GraphError(ACTION, { where: layer.name, got, wanted: "layers whose channels can be followed" });
  switch (layer.op) {
    case "conv":
      if (layer.groups === 1) return identity(wide).map((channel) => channel % narrow);
      if (layer.groups !== layer.channels || first.length !== wide) throw unable(`${layer.groups} groups of channels`);
      return first;
    case "linear":
      return identity(wide).map((channel) => channel % narrow);
    case "add":
      if (inputs.some((other) => other.join() !== first.join())) throw unable("a sum of differently copied channels");
      return first;
    case "concat": {
      let before = 0;
      return inputs.flatMap((origins) => {
        const shifted = origins.map((origin) => origin + before);
        before += Math.max(...origins) + 1;
        return shifted;
      });
    }
    case "flatten": {
      const channels = Math.max(...first) + 1, pixels = wide / shapes.get(layer.inputs[0]!)![2]!;
      return identity(pixels).flatMap((pixel) => first.map((origin) => pixel * channels + origin));
    }
    case "slice":
    case "shuffle":
      throw unable(layer.op);
    default:
      return first;
  }
}

/** Weights `[out, in, …]` copied by row and column, columns divided by their copies. */
function weights(
  { data, shape }: Tensor,
  rows: readonly number[],
  columns: readonly number[],
  noise: number,
  counters: readonly [number, number],
): Tensor {
  const copies = new Map<number, number>(), inputs = shape[1]!, taps = data.length / (shape[0]! * inputs);
  for (const column of columns) copies.set(column, (copies.get(column) ?? 0) + 1);
  const result = new Float32Array(rows.length * columns.length * taps);
  let squares = 0, at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const share = 1 / copies.get(column)!;
      for (let tap = 0; tap < taps; tap++, at++) {
        result[at] = data[(row * inputs + column) * taps + tap]! * share;
        squares += result[at]! ** 2;
      }
    }
  }
  const spread = noise * Math.sqrt(squares / result.length), [seed, layer] = counters;
  if (spread > 0) { for (let i = 0; i < result.length; i++) result[i] = result[i]! + spread * normal(seed, layer, i); }
  return tensor(result, [rows.length, columns.length, ...shape.slice(2)]);
}
