// The float reference: every op in plain TypeScript, activations stored as f32, sums in double precision.

import { GraphError, OptionError, ShapeError } from "../errors.ts";
import { elements, type Tensor, tensor } from "../tensor.ts";
import { convolve } from "./convolve.ts";
import { batchNormAffine } from "./fold.ts";
import { INPUT, type Layer, type Network, type Pool, type Shape } from "./graph.ts";
import { shuffled } from "./shapes.ts";
import { validate } from "./validate.ts";

export { convolve } from "./convolve.ts";

/** Options of {@linkcode runFloat}. */
export interface FloatRunOptions {
  /** Layers whose outputs to keep ({@linkcode INPUT} for the encoded images); default none. */
  readonly taps?: readonly string[];
  /** Also clip each ReLU that has a clipping level `<relu>.alpha` there; default false. */
  readonly clip?: boolean;
}

/** What {@linkcode runFloat} returns. */
export interface FloatRun {
  /** Output of the last layer, `[n, features]`. */
  readonly logits: Tensor;
  /** Outputs of the layers asked for, `[n, height, width, channels]`. */
  readonly taps: ReadonlyMap<string, Tensor>;
}

/** Images taken through the network together: bounds memory and shares the reordering of weights. */
const CHUNK = 8;

/**
 * Runs a float network on images `[n, height, width, channels]` of 8-bit pixels, encoded as (pixel − zero) · scale.
 *
 * @throws {OptionError} if an option is unknown.
 * @throws {GraphError} if the network is malformed or a tap is no layer.
 * @throws {ShapeError} if the images do not have the network's input shape.
 *
 * @example
 * ```ts
 * import { lenet, runFloat, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const images = tensor(new Uint8Array(2 * 28 * 28), [2, 28, 28, 1]);
 * const { logits, taps } = runFloat(lenet(), images, { taps: ["pool1"] });
 * assertEquals(logits.shape, [2, 10]);
 * assertEquals(taps.get("pool1")!.shape, [2, 14, 14, 6]);
 * ```
 */
export function runFloat(network: Network, images: Tensor<Uint8Array>, options: FloatRunOptions = {}): FloatRun {
  for (const key of Object.keys(options)) {
    if (key !== "taps" && key !== "clip") {
      throw new OptionError("run a network", { where: key, got: "an unknown option", wanted: "taps, clip" });
    }
  }
  const shapes = validate(network);
  const { taps: wanted = [], clip = false } = options;
  const [count, ...shape] = images.shape;
  if (count === undefined || shape.length !== 3 || shape.some((extent, axis) => extent !== network.input[axis])) {
    throw new ShapeError("run a network", { where: INPUT, got: images.shape, wanted: `[n, ${network.input.join(", ")}]` });
  }
  if (images.data.length !== elements(images.shape)) {
    throw new ShapeError("run a network", { where: INPUT, got: `${images.data.length} elements`, wanted: `${elements(images.shape)}` });
  }
  const output = network.layers.at(-1)!.name;
  const kept = new Map<string, Float32Array>();
  for (const name of [...wanted, output]) {
    const size = shapes.get(name);
    if (size === undefined) {
      throw new GraphError("run a network", { where: "taps", got: name, wanted: `one of ${[...shapes.keys()].join(", ")}` });
    }
    kept.set(name, new Float32Array(count * elements(size)));
  }
  const lastUse = new Map<string, number>();
  network.layers.forEach((layer, index) => layer.inputs.forEach((input) => lastUse.set(input, index)));

  for (let start = 0; start < count; start += CHUNK) {
    const batch = Math.min(CHUNK, count - start);
    const live = new Map<string, Float32Array>();
    const store = (name: string, data: Float32Array): void => {
      live.set(name, data);
      kept.get(name)?.set(data, start * elements(shapes.get(name)!));
    };
    const size = elements(network.input);
    store(INPUT, encode(images.data.subarray(start * size, (start + batch) * size), network));
    network.layers.forEach((layer, index) => {
      const inputs = layer.inputs.map((name) => ({ data: live.get(name)!, shape: shapes.get(name)! }));
      store(layer.name, runLayer(network, layer, inputs, shapes.get(layer.name)!, batch, clip));
      for (const name of layer.inputs) if (lastUse.get(name) === index) live.delete(name);
    });
  }
  return {
    logits: tensor(kept.get(output)!, [count, elements(shapes.get(output)!)]),
    taps: new Map(wanted.map((name) => [name, tensor(kept.get(name)!, [count, ...shapes.get(name)!])])),
  };
}

interface Activation {
  readonly data: Float32Array;
  readonly shape: Shape;
}

function encode(pixels: Uint8Array, { encoding }: Network): Float32Array {
  return Float32Array.from(pixels, (pixel) => (pixel - encoding.zero) * encoding.scale);
}

function runLayer(network: Network, layer: Layer, inputs: readonly Activation[], shape: Shape, batch: number, clip: boolean): Float32Array {
  const { data, shape: from } = inputs[0]!;
  switch (layer.op) {
    case "conv":
    case "linear": {
      const weight = network.parameters[`${layer.name}.weight`]!;
      const bias = layer.bias ? network.parameters[`${layer.name}.bias`] : undefined;
      const kernel = layer.op === "conv" ? weight : tensor(weight.data, [layer.features, from[2], 1, 1]);
      const window = layer.op === "conv" ? layer : { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
      return new Float32Array(convolve(tensor(data, [batch, ...from]), kernel, bias, window).data);
    }
    case "batchNorm": {
      const { scale, bias } = batchNormAffine(network, layer.name);
      return data.map((value, index) => value * scale[index % from[2]]! + bias[index % from[2]]!);
    }
    case "relu": {
      const limit = clip ? network.parameters[`${layer.name}.alpha`]?.data[0] ?? Infinity : Infinity;
      return data.map((value) => Math.min(Math.max(value, 0), limit));
    }
    case "maxPool":
    case "averagePool":
      return pool(layer, inputs[0]!, shape, batch);
    case "globalAveragePool": {
      const whole = { op: "averagePool", kernel: [from[0], from[1]], stride: [1, 1], padding: [0, 0] } as const;
      return pool(whole, inputs[0]!, shape, batch);
    }
    case "add":
      return data.map((value, index) => {
        let sum = value;
        for (let other = 1; other < inputs.length; other++) sum += inputs[other]!.data[index]!;
        return sum;
      });
    case "concat":
      return concat(inputs, shape, batch);
    case "slice":
      return pick(data, from[2], layer.channels, (channel) => layer.first + channel);
    case "shuffle":
      return pick(data, from[2], from[2], (channel) => shuffled(channel, from[2], layer.groups));
    case "flatten":
      return data;
    case "softmax":
      return softmax(data, shape[2]);
  }
}

function pool(
  { op, kernel, stride, padding }: Pick<Pool, "op" | "kernel" | "stride" | "padding">,
  { data, shape: [height, width, channels] }: Activation,
  [rows, columns]: Shape,
  batch: number,
): Float32Array {
  const output = new Float32Array(batch * rows * columns * channels);
  const maximum = op === "maxPool";
  const values = new Float64Array(channels);
  let target = 0;
  for (let image = 0; image < batch; image++) {
    for (let row = 0; row < rows; row++) {
      const top = Math.max(row * stride[0] - padding[0], 0);
      const bottom = Math.min(row * stride[0] - padding[0] + kernel[0], height);
      for (let column = 0; column < columns; column++) {
        const left = Math.max(column * stride[1] - padding[1], 0);
        const right = Math.min(column * stride[1] - padding[1] + kernel[1], width);
        values.fill(maximum ? -Infinity : 0);
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) {
            const source = ((image * height + y) * width + x) * channels;
            for (let channel = 0; channel < channels; channel++) {
              const value = data[source + channel]!;
              if (!maximum) values[channel]! += value;
              else values[channel] = Math.max(values[channel]!, value);
            }
          }
        }
        const count = maximum ? 1 : (bottom - top) * (right - left);
        for (let channel = 0; channel < channels; channel++) output[target++] = values[channel]! / count;
      }
    }
  }
  return output;
}

function concat(inputs: readonly Activation[], shape: Shape, batch: number): Float32Array {
  const output = new Float32Array(batch * elements(shape));
  const positions = batch * shape[0] * shape[1];
  let first = 0;
  for (const { data, shape: [, , channels] } of inputs) {
    for (let position = 0; position < positions; position++) {
      output.set(data.subarray(position * channels, (position + 1) * channels), position * shape[2] + first);
    }
    first += channels;
  }
  return output;
}

/** Each pixel's channels `source(0)` … `source(count − 1)`, of `channels`. */
function pick(data: Float32Array, channels: number, count: number, source: (channel: number) => number): Float32Array {
  const order = Int32Array.from({ length: count }, (_, channel) => source(channel));
  const output = new Float32Array(data.length / channels * count);
  for (let base = 0, target = 0; base < data.length; base += channels) {
    for (let channel = 0; channel < count; channel++) output[target++] = data[base + order[channel]!]!;
  }
  return output;
}

function softmax(data: Float32Array, channels: number): Float32Array {
  const output = new Float32Array(data.length);
  const powers = new Float64Array(channels);
  for (let start = 0; start < data.length; start += channels) {
    let largest = -Infinity;
    for (let channel = 0; channel < channels; channel++) largest = Math.max(largest, data[start + channel]!);
    let total = 0;
    for (let channel = 0; channel < channels; channel++) total += powers[channel] = Math.exp(data[start + channel]! - largest);
    for (let channel = 0; channel < channels; channel++) output[start + channel] = powers[channel]! / total;
  }
  return output;
}
