// Shared by the tests of training through arrays: random networks, and layers whose inputs and weights are given.

import { ThreadPool } from "../../../lib/cpu/pool.ts";
import { network } from "../../../lib/network/builder.ts";
import type { Network, Shape } from "../../../lib/network/graph.ts";
import { hash, normal } from "../../../lib/random.ts";
import { type Tensor, tensor } from "../../../lib/tensor.ts";
import { type TrainingGraph, trainingGraph } from "../../../lib/train/graph.ts";
import type { PimOptions } from "../../../lib/train/pim/options.ts";
import { trainingQuantizers } from "../../../lib/train/pim/quantizers.ts";
import { type Recipe, recipe } from "../../../lib/train/recipe.ts";
import { randomNet } from "../gradients.ts";

/** Recipe with 4-bit weights and activations and some layers on arrays. */
export function pimRecipe(pim: PimOptions | null, options: Partial<Recipe> = {}): Recipe {
  const weights = { kind: "uniform", bits: 4 } as const;
  return recipe({ weights, first: weights, last: weights, batch: 8, augment: { pad: 0, flip: false }, ...options, pim });
}

/** Runs something with a training graph of a recipe. */
export async function withPim<T>(net: Network, plan: Recipe, action: (graph: TrainingGraph) => T | Promise<T>, threads = 1): Promise<T> {
  using pool = await ThreadPool.create({ threads });
  return await action(await trainingGraph(pool, net, plan.batch, trainingQuantizers(plan, net)));
}

/** A digital convolution, then one on arrays, of a random shape. */
export function randomPair(seed: number): Network {
  const pick = (counter: number, ...values: readonly number[]) => values[hash(seed, counter) % values.length]!;
  const input: Shape = [pick(1, 5, 6, 7), pick(2, 5, 7, 8), 2], kernel = pick(3, 1, 2, 3);
  return randomNet(input, (b) => {
    b.conv("conv1", { channels: 4 * pick(4, 1, 2), kernel: 3, padding: 1, bias: false });
    b.batchNorm("bn1");
    b.relu("relu1");
    b.conv("conv2", {
      channels: pick(5, 3, 6, 8) * 2,
      kernel,
      stride: pick(6, 1, 2),
      padding: pick(7, 0, 1) * Number(kernel > 1),
      groups: pick(8, 1, 1, 2),
      bias: pick(9, 0, 1) === 1,
    });
    b.batchNorm("bn2");
    b.relu("relu2");
    b.globalAveragePool("mean");
    b.linear("fc", { features: 4 });
  }, seed);
}

/** Inputs of relu(normal) / α as 4-bit codes, and normal weights clipped at some σ, as the published comparison of schemes has them. */
export function gaussianLayer(
  inputs: number,
  outputs: number,
  alpha: number,
  clip: number,
): { net: Network; pixels(batch: number): Uint8Array } {
  const base = network({ name: "layer", input: [1, 1, inputs], encoding: { zero: 100, scale: 1 / 40 } }, (b) => {
    b.relu("relu");
    b.linear("fc", { features: outputs, bias: false });
  });
  const weights = new Float32Array(inputs * outputs);
  for (let at = 0; at < weights.length; at++) weights[at] = Math.min(clip, Math.max(-clip, normal(3, at)));
  const parameters: Record<string, Tensor> = {
    "fc.weight": tensor(weights, [outputs, inputs]),
    "relu.alpha": tensor(Float32Array.of(alpha), [1]),
  };
  return {
    net: { ...base, parameters },
    pixels: (batch) =>
      Uint8Array.from({ length: batch * inputs }, (_, at) => Math.min(255, Math.max(0, Math.round(100 + 40 * normal(9, at))))),
  };
}

/** Ratio of standard deviations a / b, and correlation. */
export function compare(a: ArrayLike<number>, b: ArrayLike<number>): { ratio: number; correlation: number } {
  const mean = (list: ArrayLike<number>) => Array.from(list).reduce((sum, value) => sum + value, 0) / list.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [va, vb, both] = [0, 0, 0];
  for (let at = 0; at < a.length; at++) {
    va += (a[at]! - ma) ** 2;
    vb += (b[at]! - mb) ** 2;
    both += (a[at]! - ma) * (b[at]! - mb);
  }
  return { ratio: Math.sqrt(va / vb), correlation: both / Math.sqrt(va * vb) };
}
