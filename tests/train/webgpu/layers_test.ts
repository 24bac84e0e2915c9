// Every other kind of layer on WebGPU, forward and backward, against the CPU trainer.

import type { Builder } from "../../../lib/network/builder.ts";
import { compare } from "./compare.ts";

const head = (b: Builder) => {
  b.flatten("flatten");
  b.linear("fc", { features: 3 });
};

compare("batch norm and ReLU", [6, 6, 3], (b) => {
  b.conv("conv1", { channels: 6, kernel: 3, bias: false });
  b.batchNorm("bn1");
  b.relu("relu1");
  b.conv("conv2", { channels: 5, kernel: 1 });
  b.relu("relu2");
  b.conv("conv3", { channels: 4, kernel: 1, bias: false });
  b.batchNorm("bn3");
  head(b);
});

compare("pools", [8, 8, 3], (b) => {
  b.conv("conv1", { channels: 6, kernel: 3, padding: 1 });
  b.maxPool("max", { kernel: 3, stride: 2, padding: 1 });
  b.averagePool("mean", { kernel: [3, 2], stride: [1, 2], padding: [1, 0] });
  b.globalAveragePool("all");
  b.linear("fc", { features: 3 });
});

compare("sums, concatenation, slices and shuffles", [5, 5, 3], (b) => {
  const stem = b.conv("stem", { channels: 8, kernel: 3, padding: 1 });
  const left = b.slice("left", { from: stem, channels: 4 });
  const right = b.slice("right", { from: stem, first: 3, channels: 3 });
  const join = b.concat("join", { from: [left, right, stem] });
  const mixed = b.shuffle("shuffle", { groups: 3 });
  b.add("sum", { from: [mixed, join, mixed] });
  head(b);
});

compare("a network whose images several layers read", [4, 4, 3], (b) => {
  b.averagePool("mean", { kernel: 2 });
  b.maxPool("most", { kernel: 2, from: "input" });
  b.conv("conv", { channels: 3, kernel: 2, stride: 2, from: "input" });
  b.batchNorm("bn", { from: "input" });
  b.maxPool("pooled", { kernel: 2 });
  b.concat("join", { from: ["mean", "most", "conv", "pooled"] });
  head(b);
  b.softmax("softmax");
});
