// Small networks for pruning tests, each with one way of tying channels together, and weights that leave nothing at zero.

import { network } from "../../lib/network/builder.ts";
import type { Network } from "../../lib/network/graph.ts";
import { normal } from "../../lib/random.ts";
import { type Tensor, tensor } from "../../lib/tensor.ts";

/** Batch norms with values of their own, so that forgetting one of them shows. */
export function scrambled(net: Network): Network {
  const parameters = Object.fromEntries(
    Object.entries(net.parameters).map(([name, { data, shape }], index): [string, Tensor] => {
      const positive = name.endsWith(".variance");
      return [
        name,
        tensor(data.map((value, i) => positive ? 0.5 + Math.abs(normal(9, index, i)) : value + 0.3 * normal(9, index, i)), shape),
      ];
    }),
  );
  return { ...net, parameters };
}

/** conv → norm → relu, twice, → pool → flatten → two linear layers. */
export function plain(): Network {
  return scrambled(network({ name: "plain", input: [6, 6, 2] }, (b) => {
    b.conv("conv1", { channels: 5, kernel: 3, padding: 1 });
    b.batchNorm("bn1");
    b.relu("relu1");
    b.conv("conv2", { channels: 4, kernel: 3, padding: 1, bias: false });
    b.batchNorm("bn2");
    b.relu("relu2");
    b.maxPool("pool", { kernel: 2 });
    b.flatten("flatten");
    b.linear("fc1", { features: 7 });
    b.relu("relu3");
    b.linear("fc2", { features: 3 });
  }));
}

/** A stem, a residual block without and one with a projection. */
export function residual(): Network {
  return scrambled(network({ name: "residual", input: [6, 6, 2] }, (b) => {
    b.conv("stem", { channels: 4, kernel: 3, padding: 1 });
    const first = b.relu("relu0");
    b.conv("a1", { channels: 3, kernel: 3, padding: 1 });
    b.relu("relu1");
    b.conv("a2", { channels: 4, kernel: 3, padding: 1, bias: false });
    b.batchNorm("bnA");
    b.add("sumA", { from: ["bnA", first] });
    const second = b.relu("relu2");
    b.conv("b1", { channels: 5, kernel: 3, padding: 1, stride: 2 });
    b.relu("relu3");
    b.conv("b2", { channels: 6, kernel: 3, padding: 1 });
    b.conv("skip", { channels: 6, kernel: 1, stride: 2, from: second });
    b.add("sumB", { from: ["b2", "skip"] });
    b.relu("relu4");
    b.globalAveragePool("pool");
    b.linear("fc", { features: 3 });
  }));
}

/** Concatenation, a depthwise convolution with two outputs per channel, and a grouped one. */
export function branched(): Network {
  return scrambled(network({ name: "branched", input: [5, 5, 2] }, (b) => {
    b.conv("left", { channels: 4, kernel: 3, padding: 1 });
    b.conv("right", { channels: 4, kernel: 1, from: "input" });
    b.concat("both", { from: ["left", "right"] });
    b.relu("relu1");
    b.conv("depthwise", { channels: 16, kernel: 3, padding: 1, groups: 8 });
    b.relu("relu2");
    b.conv("mix", { channels: 6, kernel: 1 });
    b.relu("relu3");
    b.conv("grouped", { channels: 4, kernel: 3, padding: 1, groups: 2 });
    b.relu("relu4");
    b.globalAveragePool("pool");
    b.linear("fc", { features: 3 });
  }));
}
