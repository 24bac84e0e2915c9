// Small random quantised networks with real parameters drawn from a seed: what lowering tests run.

import type { Layer, Network } from "../../lib/network/graph.ts";
import type { QuantizedNetwork } from "../../lib/quantize/quantize.ts";
import type { WeightCodes } from "../../lib/quantize/quantizer.ts";
import { hash, uniform } from "../../lib/random.ts";
import { elements, type Tensor } from "../../lib/tensor.ts";

/** Random codes of a layer; offset binary with a half-integer zero, or signed with zero 0. */
export function randomCodes(seed: number, shape: readonly number[], bits: number, signed: boolean): WeightCodes {
  const low = signed ? -(2 ** (bits - 1)) : 0;
  const data = Int16Array.from({ length: elements(shape) }, (_, index) => low + hash(seed, index) % 2 ** bits);
  return { codes: { shape, data }, bits, signed, zero: signed ? 0 : (2 ** bits - 1) / 2, scale: 2 / (2 ** bits - 1) };
}

/** A conv net with an encoding zero, groups, batch norm, a residual sum and a linear head; `conv2`, `conv3` and `fc` may go on arrays. */
export function randomQuantized(
  seed: number,
  options: { signed?: boolean; bits?: number; digital?: readonly string[] } = {},
): QuantizedNetwork {
  const { signed = false, bits = 4, digital = ["conv1"] } = options;
  const pair = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1, bias: false } as const;
  const layers: Layer[] = [
    { op: "conv", name: "conv1", inputs: ["input"], channels: 6, ...pair },
    { op: "batchNorm", name: "bn1", inputs: ["conv1"], epsilon: 1e-5 },
    { op: "relu", name: "relu1", inputs: ["bn1"] },
    { op: "conv", name: "conv2", inputs: ["relu1"], channels: 8, ...pair, groups: 2, stride: [2, 1] },
    { op: "batchNorm", name: "bn2", inputs: ["conv2"], epsilon: 1e-5 },
    { op: "relu", name: "relu2", inputs: ["bn2"] },
    { op: "maxPool", name: "pool2", inputs: ["relu2"], kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
    { op: "conv", name: "conv3", inputs: ["pool2"], channels: 8, ...pair, bias: true },
    { op: "add", name: "add", inputs: ["conv3", "pool2"] },
    { op: "relu", name: "relu3", inputs: ["add"] },
    { op: "flatten", name: "flat", inputs: ["relu3"] },
    { op: "linear", name: "fc", inputs: ["flat"], features: 5, bias: true },
  ];
  const shapes = { conv1: [6, 3, 3, 3], conv2: [8, 3, 3, 3], conv3: [8, 8, 3, 3], fc: [5, 2 * 3 * 8] };
  const parameters: Record<string, Tensor> = {};
  const draw = (name: string, length: number, low: number, high: number) => {
    const key = hash(seed, ...new TextEncoder().encode(name));
    parameters[name] = { shape: [length], data: Float32Array.from({ length }, (_, index) => low + (high - low) * uniform(key, index)) };
  };
  for (const [name, channels] of [["bn1", 6], ["bn2", 8]] as const) {
    draw(`${name}.weight`, channels, -0.5, 1.5);
    draw(`${name}.bias`, channels, -0.5, 0.5);
    draw(`${name}.mean`, channels, -1, 1);
    draw(`${name}.variance`, channels, 0.5, 4);
  }
  draw("conv3.bias", 8, -1, 1);
  draw("fc.bias", 5, -1, 1);
  const network: Network = {
    kind: "network",
    name: "random",
    input: [8, 6, 3],
    encoding: { zero: 118, scale: 1 / 64 },
    layers,
    parameters,
  };
  const weights = Object.fromEntries(
    Object.entries(shapes).map((
      [name, shape],
      index,
    ) => [name, randomCodes(hash(seed, index), shape, name === "conv1" ? 8 : bits, signed)]),
  );
  const activations = { relu1: { bits: 4, step: 0.4 }, relu2: { bits: 4, step: 0.7 }, relu3: { bits: 3, step: 1.5 } };
  return { kind: "quantized", network, weights, activations, digital };
}
