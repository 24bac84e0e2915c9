// Fake quantisation of weights and activations on WebGPU, and the settings of the optimiser, against the CPU trainer.

import type { Builder } from "../../../lib/network/builder.ts";
import { compare } from "./compare.ts";

const head = (b: Builder) => {
  b.flatten("flatten");
  b.linear("fc", { features: 3 });
};

const quantised = (b: Builder) => {
  b.conv("conv1", { channels: 6, kernel: 3, padding: 1, bias: false });
  b.batchNorm("bn1");
  b.relu("relu1");
  b.conv("conv2", { channels: 8, kernel: 3, padding: 1, groups: 2 });
  b.relu("relu2");
  b.maxPool("pool", { kernel: 2 });
  head(b);
};
compare("weights and activations of 4 bits", [6, 6, 3], quantised, { batch: 8, smoothing: 0.1 });
compare("weights and activations of 2 bits, without Nesterov", [6, 6, 3], quantised, {
  weights: { kind: "uniform", bits: 2 },
  first: { kind: "dorefa", bits: 1 },
  activations: { bits: 2, alpha: 1 },
  optimizer: {
    momentum: 0.8,
    nesterov: false,
    decay: { weight: 1e-3, normalization: 1e-4, alpha: 0 },
    rate: { weight: 1, normalization: 0.5, alpha: 2 },
  },
});
