// Every quantizer in the trainer: it learns, what it hands on is what it trained, and state survives files and interruptions.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { GraphError, OptionError, ShapeError } from "../../lib/errors.ts";
import type { Network } from "../../lib/network/graph.ts";
import { validate } from "../../lib/network/validate.ts";
import { decodeTrained, encodeTrained } from "../../lib/network/zoo/trained_file.ts";
import { activationQuantizer } from "../../lib/quantize/activation_quantizer.ts";
import { quantize, type QuantizeOptions } from "../../lib/quantize/quantize.ts";
import { weightQuantizer } from "../../lib/quantize/weight_quantizer.ts";
import { lowerQuantized } from "../../lib/simulate/lower/lower.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { tensor } from "../../lib/tensor.ts";
import { startFrom } from "../../lib/train/checkpoint.ts";
import type { TrainingQuantizers } from "../../lib/train/graph.ts";
import { crossEntropy } from "../../lib/train/loss.ts";
import { descend } from "../../lib/train/optimizer.ts";
import { type ActivationSpec, quantizersOf, type QuantizerSpec, type Recipe, recipe } from "../../lib/train/recipe.ts";
import { startAlphas } from "../../lib/train/start_alpha.ts";
import { train } from "../../lib/train/train.ts";
import { trainedNetwork } from "../../lib/train/trained.ts";
import { everyActivationQuantizer, everyWeightQuantizer } from "../quantize/every.ts";
import { patches, randomNet, randomPixels, withGraph } from "./gradients.ts";

const INPUT = [8, 8, 3] as const, BATCH = 16;
const net = randomNet(INPUT, (b) => {
  b.conv("conv1", { channels: 6, kernel: 3, padding: 1, bias: false });
  b.batchNorm("bn1");
  b.relu("relu1");
  b.maxPool("pool1", { kernel: 2 });
  b.conv("conv2", { channels: 10, kernel: 3, stride: 2, padding: 1, groups: 2 });
  b.relu("relu2");
  b.flatten("flatten");
  b.linear("fc", { features: 4 });
});
const data = patches(48, INPUT, 4);
const RELUS = ["relu1", "relu2"], WEIGHTED = ["conv1", "conv2", "fc"];
const short: Partial<Recipe> = { epochs: 2, batch: BATCH, augment: { pad: 0, flip: true }, schedule: { kind: "cosine", peak: 0.03 } };
const quiet = { momentum: 0.9, nesterov: true, decay: { weight: 0, alpha: 0 } };

/** Trains for some steps and checks that what is handed on computes what the trainer does. */
async function trainsAndSimulates(quantizers: TrainingQuantizers, start = net): Promise<void> {
  await withGraph(start, BATCH, async (graph) => {
    const losses: number[] = [];
    for (let step = 0; step < 24; step++) {
      const pixels = data.images.data.subarray(step % 3 * BATCH * 192, (step % 3 + 1) * BATCH * 192);
      const { loss, gradient } = crossEntropy(graph.forward(pixels, true), data.labels.subarray(step % 3 * BATCH, (step % 3 + 1) * BATCH));
      graph.backward(gradient);
      descend(graph.parameters, quiet, 0.02);
      losses.push(loss);
    }
    const mean = (from: number) => losses.slice(from, from + 3).reduce((sum, loss) => sum + loss, 0) / 3;
    assert(mean(21) < 0.85 * mean(0), `losses ${losses}`);
    for (const { name, group, values, companions, read } of graph.parameters) {
      assert(values.every(Number.isFinite), name);
      if (group === "scale") assert(read().data.every((value) => value > 0) && name.includes(".weight."));
      assert(companions.every((each) => graph.parameters.includes(each)));
    }

    const pixels = randomPixels(BATCH, INPUT, 5), wanted = graph.forward(pixels, false);
    const { network } = decodeTrained(encodeTrained(trainedNetwork(graph)));
    assertEquals(network, { ...trainedNetwork(graph), codes: network.codes! });
    const weights = WEIGHTED.map((name) => quantizers.weights(name)), activations = RELUS.map((name) => quantizers.activations(name));
    const options: QuantizeOptions = {
      weights: weights.find((each) => each !== undefined) ?? weightQuantizer("uniform", 8)!,
      activations: activations.find((each) => each !== undefined) ?? activationQuantizer("pact", 8)!,
      layers: Object.fromEntries([
        ...WEIGHTED.map((name, i) => [name, weights[i] === undefined ? { weights: null } : {}]),
        ...RELUS.map((name, i) => [name, { activations: activations[i] ?? null }]),
      ]),
    };
    const quantized = quantize(network, options);
    for (const [i, name] of WEIGHTED.entries()) {
      const trained = trainedNetwork(graph).codes![`${name}.weight`];
      assertEquals(quantized.weights[name]?.codes.data, trained?.codes.data, name);
      assertEquals(
        trained?.scales?.length,
        JSON.stringify(weights[i] ?? {}).includes("perChannel") ? net.parameters[`${name}.weight`]!.shape[0] : undefined,
      );
    }
    await using backend = referenceBackend();
    await using session = await backend.prepare(lowerQuantized(quantized));
    const { output } = await session.run(tensor(pixels, [BATCH, ...INPUT])),
      largest = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    wanted.forEach((value, i) => assertAlmostEquals(output.data[i]!, value, 1e-5 * largest));
  }, { quantizers });
}

for (const [name, quantizer] of everyWeightQuantizer()) {
  const bits = Math.max(2, quantizer.bits), activation = activationQuantizer("pact", bits, { alpha: 2 })!;
  // Where levels do not follow the weights' size (no restoring, tanh to ±1), sums are large: their clipping level too.
  const wide = activationQuantizer("pact", 4, { alpha: quantizer.kind === "apot" || quantizer.kind === "dorefa" ? 16 : 4 })!;
  Deno.test(`${name} learns, and simulation computes what training did`, () =>
    trainsAndSimulates({
      weights: (layer) => layer === "fc" ? weightQuantizer("uniform", 8) : quantizer,
      activations: (layer) => layer === "relu1" ? activation : wide,
    }));
}

for (const [name, quantizer] of everyActivationQuantizer(3, 2)) {
  Deno.test(`activations by ${name} learn, and simulation computes what training did`, () =>
    trainsAndSimulates({ weights: () => weightQuantizer("lsq", 4, { perChannel: true }), activations: () => quantizer }));
}

Deno.test("the trainer hands a layer's gradient to the step that its weights share", async () => {
  const quantizer = weightQuantizer("lsq", 3, { perChannel: true })!,
    quantizers = { weights: () => quantizer, activations: () => undefined };
  await withGraph(net, BATCH, (graph) => {
    const step = () =>
      crossEntropy(graph.forward(data.images.data.subarray(0, BATCH * 192), true), data.labels.subarray(0, BATCH)).gradient;
    graph.backward(step());
    for (const name of WEIGHTED) {
      const weight = graph.parameters.find((each) => each.name === `${name}.weight`)!, scale = weight.companions[0]!;
      assertEquals([scale.name, scale.group], [`${name}.weight.scale`, "scale"]);
      // The sum over a channel of gradient · (value / s − v / s inside) is what its step gets: found again from the effective weights' own gradient.
      const latent = weight.read(),
        { data: codes } = quantizer.encode(latent, weight.learned!()).codes,
        found = scale.read(scale.gradient).data;
      const each = latent.data.length / found.length, masked = weight.read(weight.gradient).data;
      found.forEach((slope, out) => {
        let inside = 0, clipped = 0;
        for (let i = out * each; i < (out + 1) * each; i++) {
          const v = latent.data[i]! / scale.values[out]!;
          if (v > -4 && v < 3) inside += masked[i]! * (codes[i]! - v);
          else clipped++;
        }
        if (clipped === 0) assertAlmostEquals(slope, inside / Math.sqrt(each * 3), 1e-5 * (1 + Math.abs(slope)));
      });
      assert(found.some((slope) => slope !== 0));
    }
    const before = graph.parameters.filter(({ group }) => group === "scale").map(({ read }) => read().data);
    descend(graph.parameters, quiet, 0.05);
    graph.parameters.filter(({ group }) => group === "scale").forEach(({ read }, i) => assertNotEquals(read().data, before[i]));
  }, { quantizers });
});

Deno.test("evaluation does not depend on the batch, whatever the quantizers", async () => {
  const pixels = randomPixels(8, INPUT, 9);
  for (const [, quantizer] of everyActivationQuantizer(3, 2)) {
    const quantizers = { weights: () => weightQuantizer("lgLsq", 3, { perChannel: true }), activations: () => quantizer };
    const [all, each] = await Promise.all([8, 1].map((batch) =>
      withGraph(net, batch, (graph) => {
        const logits: number[] = [];
        for (let at = 0; at < 8; at += batch) logits.push(...graph.forward(pixels.subarray(at * 192, (at + batch) * 192), false));
        return logits;
      }, { quantizers })
    ));
    each!.forEach((value, i) => assertAlmostEquals(value, all![i]!, 1e-5));
  }
});

Deno.test("quantised layers keep their bias", async () => {
  const quantizers = { weights: () => weightQuantizer("lsq", 3), activations: () => undefined }, pixels = randomPixels(BATCH, INPUT);
  const moved = { ...net, parameters: { ...net.parameters, "fc.bias": tensor(net.parameters["fc.bias"]!.data.map((b, i) => b + i), [4]) } };
  const [before, after] = await Promise.all(
    [net, moved].map((each) => withGraph(each, BATCH, (graph) => graph.forward(pixels, false), { quantizers })),
  );
  before!.forEach((value, i) => assertAlmostEquals(after![i]! - value, i % 4, 1e-5));
});

Deno.test("descend() keeps learned numbers positive, however large the step", () => {
  const values = Float32Array.of(0.3, 2e-8, 5, 0),
    make = (gradient: Float32Array) => ({
      name: "scale",
      group: "scale" as const,
      values: values.slice(),
      gradient,
      momentum: new Float32Array(4),
      second: () => new Float32Array(4),
    });
  for (const kind of ["sgd", "adam"] as const) {
    const parameter = make(Float32Array.of(1e6, 1e6, -1, 0));
    for (let step = 0; step < 3; step++) descend([parameter as never], { kind }, 10, step);
    assertAlmostEquals(parameter.values[0]!, 0.3 / 8, 1e-7);
    assert(parameter.values[1]! >= 0.99e-8 && parameter.values[2]! > 5 && parameter.values[3] === 0);
  }
});

Deno.test("descend() follows Adam", () => {
  const second = new Float32Array(1),
    parameter = {
      group: "weight",
      values: Float32Array.of(2),
      gradient: Float32Array.of(0),
      momentum: new Float32Array(1),
      second: () => second,
    };
  let [w, m, s] = [2, 0, 0];
  for (let step = 0; step < 5; step++) {
    parameter.gradient[0] = Math.sin(step + 1);
    descend([parameter as never], { kind: "adam", decay: { weight: 0.1 }, rate: { weight: 0.5 } }, 0.02, step);
    const g = Math.sin(step + 1) + 0.1 * w;
    m = 0.9 * m + 0.1 * g;
    s = 0.999 * s + 0.001 * g * g;
    w -= 0.01 * (m / (1 - 0.9 ** (step + 1))) / (Math.sqrt(s / (1 - 0.999 ** (step + 1))) + 1e-8);
    assertAlmostEquals(parameter.values[0]!, w, 1e-5);
  }
});

const LSQ: Partial<Recipe> = {
  ...short,
  weights: { kind: "lsq", bits: 3, perChannel: true },
  first: { kind: "lgLsq", bits: 4 },
  last: { kind: "apot", bits: 4 },
  activations: { kind: "lsq", bits: 3 },
};

Deno.test("train() with learned scales and Adam: same bits on any threads, interrupted or not, and startFrom() takes them over", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const plan: Partial<Recipe> = { ...LSQ, optimizer: { kind: "adam" }, schedule: { kind: "cosine", peak: 0.01 } };
    const whole = await train(net, data, { recipe: plan, checkpoint: `${folder}/whole`, threads: 2 });
    const control = new AbortController(), parts = `${folder}/parts`;
    const stop = { signal: control.signal, onProgress: ({ step }: { step: number }) => step === 4 && control.abort() };
    assertEquals((await train(net, data, { recipe: plan, checkpoint: parts, threads: 1, ...stop })).step, 4);
    const rest = await train(net, data, { recipe: plan, checkpoint: parts, threads: 1 });
    assertEquals(rest.network, whole.network);
    assertEquals(await Deno.readFile(parts), await Deno.readFile(`${folder}/whole`));
    assertEquals(Object.keys(whole.network.codes!), ["conv1.weight", "conv2.weight", "fc.weight"]);
    assertEquals(whole.network.codes!["fc.weight"]!.bits, 5);

    const started = await startFrom(net, parts), bare = await startFrom(net, parts, { learned: false });
    assertEquals(started.parameters["conv2.weight.scale"], whole.network.parameters["conv2.weight.scale"]);
    assertEquals(started.parameters["conv2.weight.scale"]!.shape, [10]);
    assertEquals(Object.keys(bare.parameters).sort(), Object.keys(net.parameters).sort());
    await train(started, data, { recipe: { ...plan, epochs: 1 }, threads: 1 });
    const other = { ...plan, epochs: 1, weights: { kind: "lsq", bits: 2 } as const };
    await assertRejects(() => train(started, data, { recipe: other, threads: 1 }), ShapeError, "conv2.weight.scale");
    await train(bare, data, { recipe: other, threads: 1 });
    await assertRejects(() => startFrom(net, parts, { scales: false } as never), OptionError, "startFrom.scales");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train() starts α from data where the recipe says so, and goes on learning it", async () => {
  const plan = recipe({ ...LSQ, layers: { relu2: { activations: { kind: "pactPlus", bits: 4, alpha: 1.75 } } } });
  const pixels = data.images.data.subarray(0, BATCH * 192), started = await startAlphas(net, plan, pixels, BATCH, 1);
  assertEquals(Object.keys(started.parameters).filter((name) => name.endsWith(".alpha")), ["relu1.alpha"]);
  const mean = await withGraph(net, BATCH, (graph) => {
    graph.forward(pixels, true);
    const { data } = graph.output("relu1");
    return data.reduce((sum, value) => sum + value, 0) / data.length;
  }, { quantizers: { weights: quantizersOf(plan, net).weights, activations: () => undefined } });
  assertAlmostEquals(started.parameters["relu1.alpha"]!.data[0]!, 2 * mean * Math.sqrt(7), 1e-4);

  for (const kind of ["pact", "pactPlus", "lsq", "lsqPlus"] as const) {
    const activations: ActivationSpec = { kind, bits: 3, alpha: "data" };
    const levels = (network: Network) => RELUS.map((name) => network.parameters[`${name}.alpha`]!.data[0]!);
    const control = AbortSignal.abort(), begin = await train(net, data, { recipe: { ...LSQ, activations }, threads: 1, signal: control });
    const end = await train(net, data, { recipe: { ...LSQ, activations }, threads: 1 });
    for (const i of [0, 1]) assertNotEquals(levels(end.network)[i], levels(begin.network)[i], `${kind} learns α after it was set`);
  }
});

Deno.test("recipes give layers other quantizers by name and pattern", () => {
  const plan = recipe({
    weights: { kind: "lsq", bits: 3 },
    layers: {
      "conv*": { weights: { kind: "binary", bits: 1 } },
      conv2: { weights: { kind: "ternary", bits: 2 } },
      "relu*": { activations: null },
      relu2: { activations: { bits: 2 } },
      "f?": { weights: null },
    },
  });
  assertThrows(() => quantizersOf(plan, net), OptionError, "recipe.layers.f?");
  const { weights, activations } = quantizersOf(
    recipe({ ...plan, layers: { ...plan.layers, "f?": {}, "f*": { weights: null } } as never }),
    {
      ...net,
      layers: [...net.layers, { op: "relu", name: "f?", inputs: ["fc"] }],
    },
  );
  assertEquals(WEIGHTED.map((name) => weights(name)?.toJSON()), [{ kind: "binary", bits: 1 }, { kind: "ternary", bits: 2 }, undefined]);
  assertEquals(RELUS.map((name) => activations(name)?.bits), [undefined, 2]);
  assertThrows(
    () => quantizersOf(recipe({ layers: { conv1: { activations: null } } }), net),
    OptionError,
    "recipe.layers.conv1.activations",
  );
});

Deno.test("quantize() takes patterns too, and numbers learned with weights", () => {
  const scale = tensor(Float32Array.from({ length: 10 }, (_, i) => 0.05 * (i + 1)), [10]);
  const known = { ...net, parameters: { ...net.parameters, "conv2.weight.scale": scale } };
  validate(known);
  const weights = weightQuantizer("lsq", 3, { perChannel: true })!, activations = activationQuantizer("lsq", 3)!;
  const quantized = quantize(known, {
    weights,
    activations,
    layers: { "conv*": { weights }, "relu*": { activations: null }, relu1: { activations } },
  });
  assertEquals(quantized.weights["conv2"]!.scales, scale.data);
  assertEquals(Object.keys(quantized.activations), ["relu1"]);
  assertEquals([quantized.weights["conv1"]!.bits, quantized.weights["fc"]!.bits], [3, 8]);
  assertEquals(quantize(net, { weights: weightQuantizer("ternary", 2)!, activations }).weights["conv1"]!.bits, 8);
  assertThrows(() => quantize(net, { weights, activations, layers: { "dense*": { weights } } }), OptionError, "quantize.layers.dense*");
  assertThrows(
    () => quantize(net, { weights, activations, layers: { "conv*": { activations } } }),
    OptionError,
    "quantize.layers.conv*.activations",
  );

  const wrong = (data: Float32Array, shape: number[]) => ({
    ...net,
    parameters: { ...net.parameters, "conv2.weight.scale": tensor(data, shape) },
  });
  assertThrows(() => validate(wrong(Float32Array.of(-1), [1])), GraphError, "positive");
  assertThrows(() => validate(wrong(new Float32Array(4).fill(1), [4])), ShapeError, "conv2.weight.scale");
  assertThrows(
    () => validate({ ...net, parameters: { ...net.parameters, "relu1.weight.scale": scale } }),
    GraphError,
    "relu1.weight.scale",
  );
});

Deno.test("every kind of quantizer stands in a recipe", () => {
  const kinds: readonly QuantizerSpec[] = everyWeightQuantizer().map(([, quantizer]) => quantizer.toJSON() as QuantizerSpec);
  for (const weights of kinds) assertEquals(quantizersOf(recipe({ weights }), net).weights("conv2")!.toJSON(), weights);
});
