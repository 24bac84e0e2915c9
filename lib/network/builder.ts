// Writes networks tersely: fills defaults, chains layers, checks shapes as it goes and gives parameters their first values.

import { OptionError, ShapeError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { type Conv, INPUT, type InputEncoding, type Layer, type Network, type Pair, type Pool, type Shape } from "./graph.ts";
import { initialParameters } from "./initialise.ts";
import { placeLayer } from "./shapes.ts";
import { parameterShapes } from "./validate.ts";

/** What {@linkcode network} needs to know beside the layers. */
export interface NetworkOptions {
  /** Name of the network, for messages and reports. */
  readonly name: string;
  /** Height, width and channels of one image. */
  readonly input: Shape;
  /** How pixels become numbers; default zero 0, scale 1/255. */
  readonly encoding?: InputEncoding;
  /** Seed of the initial parameters; default 0. */
  readonly seed?: number;
  /** Parameters to use instead of initial values, by name; those not given are initialised. */
  readonly parameters?: Readonly<Record<string, Tensor>>;
}

/** Options every layer with one input takes. */
export interface LayerOptions {
  /** Layer to read; default: the one added last, or the images. */
  readonly from?: string;
}

/** Options of {@linkcode Builder.conv}. A number stands for a pair of equal ones. */
export interface ConvOptions extends LayerOptions {
  /** Output channels. */
  readonly channels: number;
  /** Extent of the window. */
  readonly kernel: number | Pair;
  /** Default 1. */
  readonly stride?: number | Pair;
  /** Zeros on each side; default 0. */
  readonly padding?: number | Pair;
  /** Default 1. */
  readonly dilation?: number | Pair;
  /** Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/** Options of {@linkcode Builder.linear}. */
export interface LinearOptions extends LayerOptions {
  /** Outputs. */
  readonly features: number;
  /** Default true. */
  readonly bias?: boolean;
}

/** Options of {@linkcode Builder.maxPool} and {@linkcode Builder.averagePool}. */
export interface PoolOptions extends LayerOptions {
  /** Extent of the window. */
  readonly kernel: number | Pair;
  /** Default: the kernel. */
  readonly stride?: number | Pair;
  /** Default 0. */
  readonly padding?: number | Pair;
}

/** Options of {@linkcode Builder.batchNorm}. */
export interface BatchNormOptions extends LayerOptions {
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
}

/** Options of the layers with several inputs. */
export interface JoinOptions {
  /** Two or more layers to read, in order. */
  readonly from: readonly string[];
}

/** Options of {@linkcode Builder.slice}. */
export interface SliceOptions extends LayerOptions {
  /** First channel kept; default 0. */
  readonly first?: number;
  /** Channels kept. */
  readonly channels: number;
}

/** Options of {@linkcode Builder.shuffle}. */
export interface ShuffleOptions extends LayerOptions {
  /** Heaps the channels are dealt out from; a divisor of the channels. */
  readonly groups: number;
}

/** Adds layers to a network, one call each. Every call returns the layer's name, for a later `from`. */
export interface Builder {
  /** Convolution. */
  conv(name: string, options: ConvOptions): string;
  /** Fully connected layer. */
  linear(name: string, options: LinearOptions): string;
  /** Batch normalisation. */
  batchNorm(name: string, options?: BatchNormOptions): string;
  /** max(x, 0). */
  relu(name: string, options?: LayerOptions): string;
  /** Maximum over a window. */
  maxPool(name: string, options: PoolOptions): string;
  /** Mean over a window, padding left out. */
  averagePool(name: string, options: PoolOptions): string;
  /** Mean over the whole image. */
  globalAveragePool(name: string, options?: LayerOptions): string;
  /** `[h, w, c]` to `[1, 1, h·w·c]`. */
  flatten(name: string, options?: LayerOptions): string;
  /** Softmax over channels. */
  softmax(name: string, options?: LayerOptions): string;
  /** Element-wise sum. */
  add(name: string, options: JoinOptions): string;
  /** Channels one input after the other. */
  concat(name: string, options: JoinOptions): string;
  /** A range of channels. */
  slice(name: string, options: SliceOptions): string;
  /** Channels dealt out from equal heaps in turn. */
  shuffle(name: string, options: ShuffleOptions): string;
}

/**
 * Builds a network. Each layer reads the one before it unless `from` says otherwise.
 *
 * @throws {OptionError} if an option is unknown or of the wrong type.
 * @throws {GraphError} if a name is used twice or an input is unknown.
 * @throws {ShapeError} if a layer does not fit its input, or a given parameter its layer.
 *
 * @example
 * ```ts
 * import { network } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const net = network({ name: "residual", input: [8, 8, 3] }, (b) => {
 *   const stem = b.conv("stem", { channels: 4, kernel: 3, padding: 1 });
 *   b.relu("relu1");
 *   const branch = b.conv("branch", { channels: 4, kernel: 3, padding: 1, groups: 2 });
 *   b.add("sum", { from: [stem, branch] });
 *   b.globalAveragePool("pool");
 *   b.linear("fc", { features: 10 });
 * });
 * assertEquals(net.parameters["branch.weight"]!.shape, [4, 2, 3, 3]);
 * ```
 */
export function network(options: NetworkOptions, build: (builder: Builder) => void): Network {
  known("network", options, ["name", "input", "encoding", "seed", "parameters"]);
  const { name, input, encoding = { zero: 0, scale: 1 / 255 }, seed = 0, parameters: given = {} } = options;
  known("network.encoding", encoding, ["zero", "scale"]);
  if (!Number.isInteger(seed)) throw new OptionError("build a network", { where: "network.seed", got: seed, wanted: "an integer" });
  const layers: Layer[] = [];
  const shapes = new Map<string, Shape>([[INPUT, input]]);
  const parameters: Record<string, Tensor> = {};

  const push = (layer: Layer): string => {
    shapes.set(layer.name, placeLayer(layer, shapes));
    const source = shapes.get(layer.inputs[0]!)!;
    const wanted = parameterShapes(layer, source);
    const missing = Object.keys(wanted).some((parameter) => !Object.hasOwn(given, parameter));
    const initial = missing ? initialParameters(layer, source, seed, layers.length) : {};
    for (const [parameter, shape] of Object.entries(wanted)) {
      parameters[parameter] = Object.hasOwn(given, parameter) ? fitting(parameter, given[parameter]!, shape) : initial[parameter]!;
    }
    const alpha = `${layer.name}.alpha`;
    if (layer.op === "relu" && Object.hasOwn(given, alpha)) parameters[alpha] = fitting(alpha, given[alpha]!, [1]);
    layers.push(layer);
    return layer.name;
  };
  const one = (from: string | undefined): readonly string[] => {
    if (from !== undefined && typeof from !== "string") {
      throw new OptionError("build a network", { where: "from", got: from, wanted: "the name of one layer" });
    }
    return [from ?? layers.at(-1)?.name ?? INPUT];
  };
  const plain = (op: "relu" | "globalAveragePool" | "flatten" | "softmax") => (name: string, options: LayerOptions = {}): string => {
    known(name, options, ["from"]);
    return push({ op, name, inputs: one(options.from) });
  };
  const join = (op: "add" | "concat") => (name: string, options: JoinOptions): string => {
    known(name, options, ["from"]);
    if (!Array.isArray(options.from)) {
      throw new OptionError("build a network", { where: `${name}.from`, got: options.from, wanted: "a list of layer names" });
    }
    return push({ op, name, inputs: [...options.from] });
  };
  const pool = (op: Pool["op"]) => (name: string, options: PoolOptions): string => {
    known(name, options, ["from", "kernel", "stride", "padding"]);
    const { kernel, stride = kernel, padding = 0, from } = options;
    return push({ op, name, inputs: one(from), kernel: pair(kernel), stride: pair(stride), padding: pair(padding) });
  };

  build({
    conv: (name, options) => push(convLayer(name, options, one(options?.from))),
    linear: (name, options) => {
      known(name, options, ["from", "features", "bias"]);
      const { features, bias = true, from } = options;
      return push({ op: "linear", name, inputs: one(from), features, bias: flag(name, bias) });
    },
    batchNorm: (name, options = {}) => {
      known(name, options, ["from", "epsilon"]);
      const { epsilon = 1e-5, from } = options;
      return push({ op: "batchNorm", name, inputs: one(from), epsilon });
    },
    relu: plain("relu"),
    maxPool: pool("maxPool"),
    averagePool: pool("averagePool"),
    globalAveragePool: plain("globalAveragePool"),
    flatten: plain("flatten"),
    softmax: plain("softmax"),
    add: join("add"),
    concat: join("concat"),
    slice: (name, options) => {
      known(name, options, ["from", "first", "channels"]);
      const { first = 0, channels, from } = options;
      return push({ op: "slice", name, inputs: one(from), first, channels });
    },
    shuffle: (name, options) => {
      known(name, options, ["from", "groups"]);
      return push({ op: "shuffle", name, inputs: one(options.from), groups: options.groups });
    },
  });
  for (const parameter of Object.keys(given)) {
    if (!Object.hasOwn(parameters, parameter)) {
      throw new OptionError("build a network", { where: "network.parameters", got: parameter, wanted: "parameters of its layers only" });
    }
  }
  return { kind: "network", name, input: [...input], encoding: { ...encoding }, layers, parameters };
}

function convLayer(name: string, options: ConvOptions, inputs: readonly string[]): Conv {
  known(name, options, ["from", "channels", "kernel", "stride", "padding", "dilation", "groups", "bias"]);
  const { channels, kernel, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true } = options;
  return {
    op: "conv",
    name,
    inputs,
    channels,
    kernel: pair(kernel),
    stride: pair(stride),
    padding: pair(padding),
    dilation: pair(dilation),
    groups,
    bias: flag(name, bias),
  };
}

function pair(value: number | Pair): Pair {
  return typeof value === "number" ? [value, value] : value;
}

function flag(name: string, value: boolean): boolean {
  if (typeof value !== "boolean") throw new OptionError("build a network", { where: `${name}.bias`, got: value, wanted: "true or false" });
  return value;
}

function known(where: string, options: object, names: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new OptionError("build a network", { where, got: options, wanted: `an object with ${names.join(", ")}` });
  }
  for (const key of Object.keys(options)) {
    if (!names.includes(key)) {
      throw new OptionError("build a network", { where: `${where}.${key}`, got: "an unknown option", wanted: names.join(", ") });
    }
  }
}

function fitting(name: string, tensor: Tensor, wanted: readonly number[]): Tensor {
  if (tensor.shape.length !== wanted.length || tensor.shape.some((extent, axis) => extent !== wanted[axis])) {
    throw new ShapeError("build a network", { where: name, got: tensor.shape, wanted: `shape [${wanted}]` });
  }
  return tensor;
}
