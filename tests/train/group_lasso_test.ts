// Group lasso against finite differences of its term, zeros that stay, and what is refused.

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError, OptionError } from "../../lib/errors.ts";
import type { Network } from "../../lib/network/graph.ts";
import { layerGroups, pruneGroups } from "../../lib/prune/prune_groups.ts";
import { groupNorms } from "../../lib/prune/weight_groups.ts";
import { groupSteps } from "../../lib/train/group_lasso.ts";
import { type Recipe, recipe } from "../../lib/train/recipe.ts";
import { train } from "../../lib/train/train.ts";
import { webgpuTrainer } from "../../lib/train/webgpu/trainer.ts";
import { patches, randomNet, withGraph } from "./gradients.ts";

const input = [6, 6, 3] as const, block = { rows: 5, columns: 3 };
const net = randomNet(input, (b) => {
  b.conv("conv1", { channels: 6, kernel: 3, padding: 1 });
  b.relu("relu1");
  b.conv("conv2", { channels: 8, kernel: 3, stride: 2, groups: 2, bias: false });
  b.relu("relu2");
  b.flatten("flatten");
  b.linear("fc", { features: 4 });
});
const data = patches(40, input, 4);
const floats: Partial<Recipe> = { epochs: 2, batch: 8, weights: null, first: null, last: null, schedule: { kind: "cosine", peak: 0.02 } };

/** λ Σ_g √|g| ‖W_g‖₂ over the layers named. */
function term(network: Network, lambda: number, names: readonly string[]): number {
  let sum = 0;
  for (const layer of network.layers) {
    if ((layer.op !== "conv" && layer.op !== "linear") || !names.includes(layer.name)) continue;
    const { weight, groups } = layerGroups(network, layer, block), norms = groupNorms(weight.data, groups);
    for (let group = 0; group < groups.count; group++) sum += lambda * Math.sqrt(groups.sizes[group]!) * norms[group]!;
  }
  return sum;
}

Deno.test("groupSteps() adds the gradient of the group lasso, in grouped convolutions and linear layers too", async () => {
  await withGraph(net, 2, (graph) => {
    const lambda = 0.3, chosen = ["conv2", "fc"];
    for (const { gradient } of graph.parameters) gradient.fill(0);
    groupSteps({ groupLasso: { ...block, lambda, layers: ["conv2", "f*"] } }, net, graph.parameters).addGradient();
    for (const parameter of graph.parameters) {
      const { data } = parameter.read(parameter.gradient), tensor = net.parameters[parameter.name]!;
      if (!chosen.some((name) => parameter.name === `${name}.weight`)) {
        assert(parameter.gradient.every((slope) => slope === 0), parameter.name);
        continue;
      }
      for (let at = 0; at < data.length; at += 17) {
        const moved = (step: number) => {
          const changed = Float32Array.from(tensor.data);
          changed[at]! += step;
          return term({ ...net, parameters: { ...net.parameters, [parameter.name]: { ...tensor, data: changed } } }, lambda, chosen);
        };
        assertAlmostEquals(data[at]!, (moved(1e-3) - moved(-1e-3)) / 2e-3, 2e-3, `${parameter.name}[${at}]`);
      }
    }
  });
});

Deno.test("train() with groupLasso ends with a smaller term than without", async () => {
  const plain = await train(net, data, { recipe: { ...floats, epochs: 6 }, threads: 1 });
  const lasso = await train(net, data, { recipe: { ...floats, epochs: 6, groupLasso: { ...block, lambda: 0.1 } }, threads: 1 });
  const names = ["conv1", "conv2", "fc"];
  assert(term(lasso.network, 1, names) < 0.9 * term(plain.network, 1, names));
});

Deno.test("train() with holdZeros keeps zero groups zero, quantised and resumed too, and moves all others", async () => {
  const { network: pruned, layers } = pruneGroups(net, { ...block, sparsity: 0.5, layers: ["conv2", "fc"] });
  const holdZeros = { ...block, layers: ["conv2", "fc"] };
  const kept = (network: Network) => pruneGroups(network, { ...block, sparsity: 0, layers: ["conv2", "fc"] }).layers;
  const recipes: readonly Partial<Recipe>[] = [
    { ...floats, holdZeros },
    { ...floats, holdZeros, groupLasso: { ...block, lambda: 1e-3 }, optimizer: { kind: "adam", rate: { weight: 0.1 } } },
    { epochs: 2, batch: 8, holdZeros, weights: { kind: "lsq", bits: 8 }, schedule: { kind: "cosine", peak: 0.02 } },
  ];
  for (const plan of recipes) {
    const { network } = await train(pruned, data, { recipe: plan, threads: 1 });
    assertEquals(kept(network), layers);
    assert(network.parameters["fc.weight"]!.data.some((value, at) => value !== pruned.parameters["fc.weight"]!.data[at]));
  }
  const free = await train(pruned, data, { recipe: floats, threads: 1 });
  assert(kept(free.network)[0]!.kept > layers[0]!.kept);
  const folder = await Deno.makeTempDir(), checkpoint = `${folder}/state.safetensors`;
  try {
    const stop = new AbortController(), plan = recipes[0]!;
    await train(pruned, data, {
      recipe: plan,
      threads: 1,
      checkpoint,
      signal: stop.signal,
      onProgress: ({ step }) => step === 6 && stop.abort(),
    });
    const resumed = await train(pruned, data, { recipe: plan, threads: 1, checkpoint });
    const whole = await train(pruned, data, { recipe: plan, threads: 1 });
    assertEquals(resumed.network.parameters, whole.network.parameters);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("recipe() refuses wrong terms, train() unknown layers, WebGPU both", async () => {
  const wrong = (terms: object, where: string) => assertThrows(() => recipe(terms), OptionError, where);
  wrong({ groupLasso: { ...block } }, "recipe.groupLasso.lambda");
  wrong({ groupLasso: { ...block, lambda: -1 } }, "recipe.groupLasso.lambda");
  wrong({ groupLasso: { columns: 2, lambda: 1 } }, "recipe.groupLasso.rows");
  wrong({ holdZeros: { ...block, lambda: 1 } }, "recipe.holdZeros.lambda");
  wrong({ holdZeros: { ...block, columns: 0 } }, "recipe.holdZeros.columns");
  assertEquals(Object.hasOwn(recipe(), "groupLasso"), false); // checkpoints of recipes without it stay valid
  const unknown = { ...floats, holdZeros: { ...block, layers: ["fc7"] } };
  await assertRejects(() => train(net, data, { recipe: unknown, threads: 1 }), OptionError, "recipe.holdZeros.layers.0");
  for (const terms of [{ holdZeros: block }, { groupLasso: { ...block, lambda: 1 } }]) {
    await assertRejects(() => webgpuTrainer(net, recipe({ ...floats, ...terms })), DeviceError, Object.keys(terms)[0]);
  }
});
