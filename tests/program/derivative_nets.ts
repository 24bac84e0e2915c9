// Small networks and images for the tests of second derivatives.

import { type Builder, network } from "../../lib/network/builder.ts";
import type { Network } from "../../lib/network/graph.ts";
import { hash, normal } from "../../lib/random.ts";
import { type Tensor, tensor } from "../../lib/tensor.ts";

/** Random images and labels in turn. */
export function data(input: readonly number[], count: number, classes: number) {
  const size = input.reduce((product, extent) => product * extent, 1);
  const images = tensor(new Uint8Array(count * size).map((_, index) => hash(5, index) & 255), [count, ...input]);
  return { name: "noise", images, labels: new Uint8Array(count).map((_, index) => index % classes), classes: [] };
}

/** A network with random parameters. */
export function net(input: readonly [number, number, number], build: (b: Builder) => void): Network {
  const made = network({ name: "net", input, encoding: { zero: 0, scale: 1 / 255 }, seed: 3 }, build);
  const parameters = Object.fromEntries(
    Object.entries(made.parameters).map(([name, { shape, data }], index): [string, Tensor] => {
      const spread = name.endsWith(".variance")
        ? (at: number) => 0.5 + 0.4 * Math.abs(normal(index, at))
        : (at: number) => 0.4 * normal(index, at);
      return [name, tensor(new Float32Array(data.length).map((_, at) => spread(at)), shape)];
    }),
  );
  return { ...made, parameters };
}

/** What the rule must follow. */
export const NETS: Readonly<Record<string, (b: Builder) => void>> = {
  "strides, padding, groups and pools": (b) => {
    b.conv("conv1", { channels: 8, kernel: 3, padding: 1 });
    b.relu("relu1");
    b.maxPool("pool1", { kernel: 2 });
    b.conv("conv2", { channels: 8, kernel: 3, stride: 2, padding: 1, groups: 2 });
    b.relu("relu2");
    b.averagePool("pool2", { kernel: 2, padding: 1 });
    b.flatten("flatten");
    b.linear("fc", { features: 5 });
  },
  "batch norm and a residual": (b) => {
    b.conv("conv1", { channels: 4, kernel: 3, padding: 1, bias: false });
    b.batchNorm("bn1");
    const skip = b.relu("relu1");
    b.conv("conv2", { channels: 4, kernel: 3, padding: 1, bias: false });
    b.batchNorm("bn2");
    b.add("add", { from: ["bn2", skip] });
    b.relu("relu2");
    b.globalAveragePool("pool");
    b.linear("fc", { features: 3 });
  },
};
