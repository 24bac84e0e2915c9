// A small trained-like network and images, for explorations that take milliseconds.

import { type Dataset, dorefa, hash, type Network, pact, quantize, type QuantizedNetwork } from "@bitline/bitline";
import { uniform } from "../../lib/random.ts";
import { lowerQuantized } from "../../lib/simulate/lower/lower.ts";
import { predict } from "../../lib/simulate/predict.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";

const window = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1, bias: false } as const;

/** Two convolutions and a linear layer; random weights from a seed. */
export function smallNetwork(seed = 1): Network {
  const random = (counter: number, shape: number[]) => {
    const data = new Float32Array(shape.reduce((size, extent) => size * extent, 1)).map((_, at) => uniform(seed, counter, at) - 0.5);
    return { shape, data };
  };
  return {
    kind: "network",
    name: "small",
    input: [6, 6, 3],
    encoding: { zero: 0, scale: 1 / 255 },
    layers: [
      { op: "conv", name: "conv1", inputs: ["input"], channels: 12, ...window },
      { op: "relu", name: "relu1", inputs: ["conv1"] },
      { op: "conv", name: "conv2", inputs: ["relu1"], channels: 16, ...window },
      { op: "relu", name: "relu2", inputs: ["conv2"] },
      { op: "flatten", name: "flat", inputs: ["relu2"] },
      { op: "linear", name: "fc", inputs: ["flat"], features: 5, bias: false },
    ],
    parameters: {
      "conv1.weight": random(1, [12, 3, 3, 3]),
      "conv2.weight": random(2, [16, 12, 3, 3]),
      "fc.weight": random(3, [5, 576]),
    },
  };
}

/** Quantisation of that network: the second convolution and the linear layer on arrays. */
export const bits = {
  weights: dorefa({ bits: 4 }),
  activations: pact({ bits: 4, alpha: 3 }),
  last: dorefa({ bits: 4 }),
  digital: ["conv1"],
};

/** That network, quantised. */
export function smallQuantized(seed = 1): QuantizedNetwork {
  return quantize(smallNetwork(seed), bits);
}

/** Random images, each labelled with what the quantised network of seed 1 takes it for, so that accuracy is agreement; and four others for calibration. */
export async function randomImages(count: number, seed = 1): Promise<Dataset> {
  const make = (count: number, seed: number, name: string): Dataset => ({
    name,
    images: { shape: [count, 6, 6, 3], data: new Uint8Array(count * 108).map((_, at) => hash(seed, at) % 256) },
    labels: new Uint8Array(count),
    classes: ["a", "b", "c", "d", "e"],
  });
  const data = make(count, seed, "random/test");
  await using session = await referenceBackend().prepare(lowerQuantized(smallQuantized()));
  const { data: logits } = await predict(session, data);
  const labels = data.labels.map((_, at) =>
    logits.subarray(5 * at, 5 * at + 5).reduce((best, value, each, row) => value > row[best]! ? each : best, 0)
  );
  return { ...data, labels, calibration: () => Promise.resolve(make(4, seed + 100, "random/train")) };
}
