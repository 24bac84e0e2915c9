// Fake quantisation of weights and activations on WebGPU, and the settings of the optimiser, against the CPU trainer.

import { assertRejects } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import type { Builder } from "../../../lib/network/builder.ts";
import { type Recipe, recipe } from "../../../lib/train/recipe.ts";
import { webgpuTrainer } from "../../../lib/train/webgpu/trainer.ts";
import { randomNet } from "../gradients.ts";
import { compare, deviceTest } from "./compare.ts";

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
  first: { kind: "dorefa", bits: 3 },
  activations: { bits: 2, alpha: 1 },
  optimizer: {
    momentum: 0.8,
    nesterov: false,
    decay: { weight: 1e-3, normalization: 1e-4, alpha: 0 },
    rate: { weight: 1, normalization: 0.5, alpha: 2 },
  },
});
compare("learned steps of weights and activations", [6, 6, 3], quantised, {
  batch: 8,
  weights: { kind: "lsq", bits: 3 },
  first: { kind: "lsq", bits: 4, perChannel: true },
  last: { kind: "lsqPlus", bits: 2, perChannel: true },
  activations: { kind: "lsq", bits: 3, alpha: 1.5 },
}, 3);
compare("learned steps per channel of a blocked convolution, and PACT+", [6, 6, 3], quantised, {
  batch: 8,
  weights: { kind: "lsqPlus", bits: 3, perChannel: true },
  first: { kind: "lsq", bits: 2 },
  last: null,
  activations: { kind: "pactPlus", bits: 3, alpha: 1.5 },
}, 3);
compare("by Adam, with learned steps", [6, 6, 3], quantised, {
  batch: 8,
  weights: { kind: "lsq", bits: 3, perChannel: true },
  // Small gradients' signs would otherwise decide, which differ by rounding.
  optimizer: { kind: "adam", epsilon: 1e-3, rate: { weight: 0.5 } },
  activations: { kind: "lsq", bits: 3, alpha: 1.5 },
}, 3);

deviceTest("WebGPU refuses quantizers that it has no kernels for, and says which it has", async () => {
  const net = randomNet([6, 6, 3], quantised);
  const wrong: [Partial<Recipe>, string][] = [
    [{ weights: { kind: "llsq", bits: 4 } }, "conv2.weight, quantizer"],
    [{ first: { kind: "dorefa", bits: 1 } }, "conv1.weight, quantizer"],
    [{ activations: { kind: "lgLsq", bits: 4 } }, "relu1, quantizer"],
  ];
  for (const [options, where] of wrong) await assertRejects(() => webgpuTrainer(net, recipe({ batch: 4, ...options })), OptionError, where);
});
