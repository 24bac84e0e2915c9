// Batch norm folded into the weights while training: without rounding the same as layer and batch norm, with it what the simulator computes.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError, OptionError } from "../../lib/errors.ts";
import type { Builder } from "../../lib/network/builder.ts";
import { foldBatchNorm } from "../../lib/network/fold_batch_norm.ts";
import type { Network, Shape } from "../../lib/network/graph.ts";
import { decodeTrained, encodeTrained } from "../../lib/network/zoo/trained_file.ts";
import { activationQuantizer } from "../../lib/quantize/activation_quantizer.ts";
import { quantize } from "../../lib/quantize/quantize.ts";
import type { Learned, WeightQuantizer } from "../../lib/quantize/quantizer.ts";
import { weightQuantizer } from "../../lib/quantize/weight_quantizer.ts";
import { normal } from "../../lib/random.ts";
import { lowerQuantized } from "../../lib/simulate/lower/lower.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { tensor } from "../../lib/tensor.ts";
import { foldFactors, foldingQuantizer } from "../../lib/train/fold_quantizer.ts";
import { foldingOf, type FoldTraining } from "../../lib/train/fold_options.ts";
import type { TrainingQuantizers } from "../../lib/train/graph.ts";
import { crossEntropy } from "../../lib/train/loss.ts";
import { descend } from "../../lib/train/optimizer.ts";
import { quantizersOf, type QuantizerSpec, type Recipe, recipe } from "../../lib/train/recipe.ts";
import { startFolded } from "../../lib/train/start_folded.ts";
import { train } from "../../lib/train/train.ts";
import { trainedNetwork } from "../../lib/train/trained.ts";
import { webgpuTrainer } from "../../lib/train/webgpu/trainer.ts";
import { checkGradients, length, patches, randomNet, randomPixels, withGraph } from "./gradients.ts";

const folding = (net: Network, options: boolean | FoldTraining = true, weights?: WeightQuantizer): TrainingQuantizers => ({
  weights: () => weights,
  activations: () => undefined,
  fold: foldingOf({ foldBatchNorm: options }, net),
});
const head = (b: Builder) => {
  b.flatten("flatten");
  b.linear("fc", { features: 3 });
};

const networks: readonly [string, Shape, (b: Builder) => void][] = [
  ["a first layer with bias, a second with stride", [6, 7, 3], (b) => {
    b.conv("conv1", { channels: 6, kernel: 3, padding: 1 });
    b.batchNorm("bn1");
    b.relu("relu1");
    b.conv("conv2", { channels: 5, kernel: 3, stride: 2, padding: 1, bias: false });
    b.batchNorm("bn2");
    head(b);
  }],
  ["groups and a depthwise layer", [6, 6, 4], (b) => {
    b.conv("conv1", { channels: 8, kernel: 3, groups: 2 });
    b.batchNorm("bn1");
    b.relu("relu1");
    b.conv("conv2", { channels: 8, kernel: 3, padding: 1, groups: 8, bias: false });
    b.batchNorm("bn2");
    b.relu("relu2");
    head(b);
  }],
  ["a sum whose branches share an input, one batch norm read twice", [5, 5, 3], (b) => {
    const stem = b.conv("stem", { channels: 4, kernel: 1 });
    b.conv("left", { channels: 4, kernel: 3, padding: 1, from: stem, bias: false });
    const left = b.batchNorm("bnLeft");
    b.conv("right", { channels: 4, kernel: 1, from: stem });
    const right = b.batchNorm("bnRight");
    b.relu("relu", { from: right });
    b.add("sum", { from: [left, right, "relu", stem] });
    head(b);
  }],
  ["linear layers, and a batch norm that stays", [1, 1, 9], (b) => {
    b.linear("fc1", { features: 7 });
    b.batchNorm("bn1");
    b.relu("relu1");
    b.linear("fc2", { features: 6, bias: false });
    b.batchNorm("bn2");
    b.batchNorm("bn3");
    b.linear("fc", { features: 3 });
  }],
];

for (const [name, input, build] of networks) {
  const net = randomNet(input, build), batch = 8;
  for (const statistics of ["batch", "running"] as const) {
    Deno.test(`foldedLayer() by ${statistics} statistics, in floats, is layer and batch norm: ${name}`, async () => {
      type Seen = { logits: Float32Array; later: Float32Array; slopes: Map<string, Float32Array>; state: Record<string, Float32Array> };
      const run = (quantizers?: TrainingQuantizers): Promise<Seen> =>
        withGraph(net, batch, (graph) => {
          const pixels = randomPixels(batch, input);
          graph.forward(randomPixels(batch, input, 3), true);
          graph.backward(crossEntropy(graph.forward(randomPixels(batch, input, 4), true), new Uint8Array(batch)).gradient);
          const logits = graph.forward(pixels, true);
          graph.backward(crossEntropy(logits, Uint8Array.from({ length: batch }, (_, i) => i % 3)).gradient);
          const slopes = new Map(graph.parameters.map(({ name, read, gradient }) => [name, read(gradient).data]));
          return { logits, slopes, later: graph.forward(pixels, false), state: { ...graph.state } };
        }, quantizers === undefined ? {} : { quantizers });
      const plain = await run(), folded = await run(folding(net, { statistics }));
      const near = (got: Float32Array, wanted: Float32Array, what: string, size = length(wanted)) => {
        assertEquals(got.length, wanted.length, what);
        assert(length(got.map((value, i) => value - wanted[i]!)) <= 1e-4 * size, `${what}: ${got} beside ${wanted}`);
      };
      near(folded.logits, plain.logits, "logits");
      near(folded.later, plain.later, "logits in evaluation");
      assertEquals([...folded.slopes.keys()].sort(), [...plain.slopes.keys()].sort());
      for (const [parameter, slopes] of plain.slopes) {
        // Before a batch norm a bias has no gradient but rounding errors.
        const still = parameter.endsWith(".bias") &&
          net.layers.some(({ op, inputs }) => op === "batchNorm" && inputs[0] === parameter.slice(0, -5));
        near(folded.slopes.get(parameter)!, slopes, parameter, still ? 0.1 : Math.max(length(slopes), 1e-2));
      }
      for (const [part, values] of Object.entries(plain.state)) near(folded.state[part]!, values, part);
    });
  }

  Deno.test(`foldedLayer() differentiates its batch and its frozen form: ${name}`, async () => {
    // Differences across the kinks of ReLUs are as far off for the layer and its batch norm.
    const tolerance = name.startsWith("groups") || name.startsWith("a sum") ? 0.06 : 0.02;
    await checkGradients(net, { batch, tolerance, quantizers: folding(net) });
    await checkGradients(net, { batch, tolerance, quantizers: folding(net, { freezeAfter: 0 }) });
  });
}

/** w + w²/4 in place of a rounding: something that is no factor, and has a slope. */
const curved: WeightQuantizer = {
  ...weightQuantizer("uniform", 8)!,
  forward(weights, output) {
    for (let i = 0; i < weights.length; i++) output[i] = weights[i]! + weights[i]! ** 2 / 4;
  },
  backward(gradient, weights) {
    for (let i = 0; i < weights.length; i++) gradient[i] = gradient[i]! * (1 + weights[i]! / 2);
  },
};

Deno.test("foldedLayer() differentiates through fold, quantizer and statistics", async () => {
  for (const [, input, build] of networks) {
    const net = randomNet(input, build, 5);
    for (const freezeAfter of [null, 0]) {
      await checkGradients(net, { batch: 8, tolerance: 0.02, quantizers: folding(net, { freezeAfter }, curved) });
    }
  }
});

Deno.test("foldedLayer() by running statistics differentiates its correction by the batch's", async () => {
  // One layer, its running statistics put back before every pass, as they count as constants.
  const net = randomNet([6, 6, 3], (b) => {
    b.conv("conv", { channels: 4, kernel: 3 });
    b.batchNorm("bn");
    head(b);
  }, 2);
  await withGraph(net, 6, (graph) => {
    const pixels = randomPixels(6, net.input), saved = Object.entries(graph.state).map(([name, values]) => [name, values.slice()] as const);
    const forward = () => {
      for (const [name, values] of saved) graph.state[name]!.set(values);
      return crossEntropy(graph.forward(pixels, true), Uint8Array.of(0, 1, 2, 0, 1, 2));
    };
    graph.backward(forward().gradient);
    for (const name of ["bn.weight", "bn.bias"]) {
      const { read, write, gradient } = graph.parameters.find((each) => each.name === name)!,
        { data, shape } = read(),
        slopes = gradient.slice();
      for (let c = 0; c < data.length; c++) {
        const at = (step: number) => {
          write(tensor(data.map((value, i) => value + (i === c ? step : 0)), shape));
          return forward().loss;
        };
        const wanted = (at(2e-3) - at(-2e-3)) / 4e-3;
        write(tensor(data, shape));
        assertAlmostEquals(slopes[c]!, wanted, 2e-3, `${name}[${c}]`);
      }
    }
  }, { quantizers: folding(net, { statistics: "running" }, curved) });
});

Deno.test("foldingQuantizer() has the gradients of its factors", () => {
  const factors = foldFactors(3), quantizer = foldingQuantizer(curved, factors, () => factors.before);
  factors.before.set([0.7, -1.2, 2]);
  factors.after.set([1.5, 0.4, 1]);
  const weights = Float32Array.from({ length: 12 }, (_, i) => normal(3, i)), seed = weights.map((_, i) => normal(4, i));
  const value = () => {
    const output = new Float32Array(12);
    quantizer.forward(weights, output);
    return output.reduce((sum, each, i) => sum + each * seed[i]!, 0);
  };
  value();
  const gradient = Float32Array.from(seed);
  quantizer.backward(gradient, weights, undefined);
  const { before, after, beforeGradient, afterGradient } = factors;
  const found = [beforeGradient.slice(), afterGradient.slice(), gradient];
  [before, after, weights].forEach((values, which) =>
    found[which]!.forEach((slope, at) => {
      const kept = values[at]!, step = 1e-2;
      values[at] = kept + step;
      const up = value();
      values[at] = kept - step;
      const wanted = (up - value()) / (2 * step);
      values[at] = kept;
      assertAlmostEquals(slope, wanted, 1e-3 * Math.max(1, Math.abs(wanted)));
    })
  );
});

const INPUT = [8, 8, 3] as const, BATCH = 16;
const mixed = randomNet(INPUT, (b) => {
  b.conv("conv1", { channels: 6, kernel: 3, padding: 1, bias: false });
  b.batchNorm("bn1");
  b.relu("relu1");
  b.maxPool("pool1", { kernel: 2 });
  b.conv("conv2", { channels: 8, kernel: 3, stride: 2, padding: 1, groups: 2 });
  b.batchNorm("bn2");
  b.relu("relu2");
  b.flatten("flatten");
  b.linear("fc", { features: 4 });
});
const data = patches(48, INPUT, 4);
const short: Partial<Recipe> = {
  epochs: 2,
  batch: BATCH,
  augment: { pad: 0, flip: true },
  schedule: { kind: "cosine", peak: 0.02 },
  weights: { kind: "lsq", bits: 4 },
  foldBatchNorm: true,
};

/** Logits of the integer network that training hands on, through a file. */
async function simulated(network: Network, weights: WeightQuantizer, pixels: Uint8Array): Promise<Float32Array> {
  const { network: read } = decodeTrained(encodeTrained(network));
  assertEquals([read.layers.some(({ op }) => op === "batchNorm"), Object.keys(read.codes!).sort()], [
    false,
    ["conv1", "conv2", "fc"].map((name) => `${name}.weight`),
  ]);
  const quantized = quantize(read, { weights, activations: activationQuantizer("pact", 4)! });
  for (const [name, { codes }] of Object.entries(quantized.weights)) assertEquals(codes.data, network.codes![`${name}.weight`]!.codes.data);
  await using backend = referenceBackend();
  await using session = await backend.prepare(lowerQuantized(quantized));
  return (await session.run(tensor(pixels, [BATCH, ...INPUT]))).output.data as Float32Array;
}

const specs: readonly QuantizerSpec[] = [
  { kind: "lsq", bits: 4 },
  { kind: "lsq", bits: 3, perChannel: true },
  { kind: "uniform", bits: 8 },
  { kind: "dorefa", bits: 4 },
  { kind: "apot", bits: 4, restore: true },
  { kind: "sawb", bits: 3 },
  { kind: "ternary", bits: 2 },
  { kind: "binary", bits: 1 },
];
for (const statistics of ["batch", "running"] as const) {
  for (const weights of specs) {
    Deno.test(`trainedNetwork() folded by ${statistics} statistics simulates as it evaluates, ${JSON.stringify(weights)}`, async () => {
      const plan = recipe({ ...short, weights, foldBatchNorm: { statistics } });
      const start = await startFolded(mixed, plan, data.images.data.subarray(0, BATCH * 192), BATCH, 1);
      await withGraph(start, BATCH, async (graph) => {
        for (let step = 0; step < 6; step++) {
          const from = step % 3 * BATCH, pixels = data.images.data.subarray(from * 192, (from + BATCH) * 192);
          graph.backward(crossEntropy(graph.forward(pixels, true), data.labels.subarray(from, from + BATCH)).gradient);
          descend(graph.parameters, { ...plan.optimizer, rate: { weight: 1, alpha: 0.1 } }, 0.005);
        }
        const pixels = randomPixels(BATCH, INPUT, 5), wanted = graph.forward(pixels, false);
        const found = await simulated(trainedNetwork(graph), quantizersOf(plan, mixed).weights("conv2")!, pixels);
        const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        wanted.forEach((value, i) => assertAlmostEquals(found[i]!, value, 1e-5 * largest));
      }, { quantizers: quantizersOf(plan, start) });
    });
  }
}

Deno.test("train() with foldBatchNorm learns, and goes on from a checkpoint bit for bit", async () => {
  const folder = await Deno.makeTempDir(), checkpoint = `${folder}/state.safetensors`;
  try {
    for (const foldBatchNorm of [true, { statistics: "running", freezeAfter: 1.5 }] as const) {
      const plan: Partial<Recipe> = { ...short, epochs: 4, foldBatchNorm }, stop = new AbortController();
      const losses: number[] = [];
      const whole = await train(mixed, data, { recipe: plan, threads: 1, onProgress: ({ loss }) => losses.push(loss) });
      assert(losses.at(-1)! < 0.9 * losses[2]!, `${losses}`);
      await train(mixed, data, {
        recipe: plan,
        threads: 1,
        checkpoint,
        signal: stop.signal,
        onProgress: ({ step }) => step === 5 && stop.abort(),
      });
      const resumed = await train(mixed, data, { recipe: plan, threads: 2, checkpoint });
      assertEquals(resumed.network, whole.network);
      assertEquals(resumed.network.layers.map(({ op }) => op), ["conv", "relu", "maxPool", "conv", "relu", "flatten", "linear"]);
      await Deno.remove(checkpoint);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train() without quantizers hands on the network that foldBatchNorm makes", async () => {
  const floats: Partial<Recipe> = { ...short, weights: null, first: null, last: null, activations: null };
  const { foldBatchNorm: _, ...unfolded } = floats;
  const [folded, plain] = await Promise.all([floats, unfolded].map((plan) => train(mixed, data, { recipe: plan, threads: 1 })));
  const wanted = foldBatchNorm(plain!.network), { network } = folded!;
  assertEquals([network.layers, network.codes], [wanted.layers, {}]);
  assertEquals(Object.keys(network.parameters).sort(), Object.keys(wanted.parameters).sort());
  for (const [name, { data }] of Object.entries(wanted.parameters)) {
    const found = network.parameters[name]!.data, size = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    data.forEach((value, i) => assertAlmostEquals(found[i]!, value, 2e-3 * Math.max(size, 0.1), name));
  }
});

Deno.test("foldBatchNorm.freezeAfter stops running statistics, and training goes on", async () => {
  const plan = recipe({ ...short, foldBatchNorm: { freezeAfter: 1 } });
  await withGraph(mixed, BATCH, (graph) => {
    const step = (epochs: number) => {
      graph.clock.epochs = epochs;
      const { loss, gradient } = crossEntropy(
        graph.forward(data.images.data.subarray(0, BATCH * 192), true),
        data.labels.subarray(0, BATCH),
      );
      graph.backward(gradient);
      descend(graph.parameters, plan.optimizer, 0.002);
      return loss;
    };
    const mean = () => graph.state["bn2.mean"]!.slice(), before = mean();
    step(0);
    step(0.99);
    const still = mean();
    assertNotEquals(still, before);
    const losses = Array.from({ length: 12 }, (_, i) => step(1 + i));
    assertEquals(mean(), still);
    assert(losses.at(-1)! < losses[0]!, `${losses}`);
    // Frozen, training and evaluation are one function.
    const pixels = randomPixels(BATCH, INPUT, 9);
    assertEquals(graph.forward(pixels, true), graph.forward(pixels, false));
  }, { quantizers: quantizersOf(plan, mixed) });
});

Deno.test("startFolded() takes steps from the weights as the first batch folds them", async () => {
  const pixels = data.images.data.subarray(0, BATCH * 192), plan = recipe(short);
  const started = await startFolded(mixed, plan, pixels, BATCH, 1), quantizer = weightQuantizer("lsq", 4)!;
  const scale = (network: Network, name: string): Learned | undefined =>
    network.parameters[`${name}.weight.scale`] && { scale: network.parameters[`${name}.weight.scale`]!.data as Float32Array };
  assertEquals([scale(started, "conv1"), scale(started, "fc")], [undefined, undefined]); // uniform, and no batch norm
  // The same statistics by the running ones of a network that a batch has passed often.
  const settled = await withGraph(mixed, BATCH, (graph) => {
    for (let i = 0; i < 200; i++) graph.forward(pixels, true);
    return foldBatchNorm(graph.network());
  });
  const wanted = quantizer.learned!(settled.parameters["conv2.weight"]!)["scale"]![0]!;
  assertAlmostEquals(scale(started, "conv2")!["scale"]![0]!, wanted, 0.02 * wanted);
  // Batch norm makes nothing of the size of W; a start from W itself would.
  const { shape, data: small } = mixed.parameters["conv2.weight"]!, large = tensor(small.map((value) => 3 * value), shape);
  const again = await startFolded({ ...mixed, parameters: { ...mixed.parameters, "conv2.weight": large } }, plan, pixels, BATCH, 1);
  assertAlmostEquals(scale(again, "conv2")!["scale"]![0]!, wanted, 0.02 * wanted);
  assertEquals(await startFolded(started, plan, pixels, BATCH, 1), started);
});

Deno.test("recipe() refuses wrong foldings, train() networks without batch norm, WebGPU all", async () => {
  const wrong = (terms: object, where: string) => assertThrows(() => recipe(terms), OptionError, where);
  wrong({ foldBatchNorm: 3 }, "recipe.foldBatchNorm");
  wrong({ foldBatchNorm: null }, "recipe.foldBatchNorm");
  wrong({ foldBatchNorm: { freeze: 2 } }, "freeze");
  wrong({ foldBatchNorm: { statistics: "moving" } }, "recipe.foldBatchNorm.statistics");
  wrong({ foldBatchNorm: { freezeAfter: -1 } }, "recipe.foldBatchNorm.freezeAfter");
  wrong({ foldBatchNorm: { freezeAfter: "2" } }, "recipe.foldBatchNorm.freezeAfter");
  wrong({ foldBatchNorm: true, pim: { scheme: "native" } }, "recipe.foldBatchNorm");
  assertEquals(Object.hasOwn(recipe(), "foldBatchNorm"), false); // checkpoints of recipes without it stay valid
  await assertRejects(() => train(foldBatchNorm(mixed), data, { recipe: short, threads: 1 }), OptionError, "recipe.foldBatchNorm");
  await assertRejects(() => webgpuTrainer(mixed, recipe(short)), DeviceError, "recipe.foldBatchNorm");
  await assertRejects(() => webgpuTrainer(mixed, recipe(short)), DeviceError, '"cpu"');
});
