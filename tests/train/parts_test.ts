// Loss, schedule, optimiser and recipe as formulas.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { normal } from "../../lib/random.ts";
import { crossEntropy } from "../../lib/train/loss.ts";
import { descend, type Optimizer } from "../../lib/train/optimizer.ts";
import type { Parameter, ParameterGroup } from "../../lib/train/parameter.ts";
import { DEFAULT_RECIPE, quantizersOf, recipe } from "../../lib/train/recipe.ts";
import { learningRate, type Schedule } from "../../lib/train/schedule.ts";
import { randomNet } from "./gradients.ts";

Deno.test("learningRate() warms up linearly and falls as a cosine", () => {
  const schedule: Schedule = { kind: "cosine", peak: 1, warmup: 0.2 };
  const wanted = [[0, 0.04], [0.1, 0.52], [0.2, 1], [0.6, 0.5005], [1, 0.001]] as const;
  for (const [share, rate] of wanted) assertAlmostEquals(learningRate(schedule, share), rate, 1e-12);
  assertEquals(learningRate({ kind: "cosine", peak: 0.3 }, 0), 0.3);
});

Deno.test("learningRate() steps", () => {
  const schedule: Schedule = { kind: "step", rate: 0.05, at: [0.3, 0.6], factor: 0.5 };
  assertEquals([0, 0.29, 0.3, 0.59, 0.6, 1].map((share) => learningRate(schedule, share)), [0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125]);
  assertThrows(() => learningRate({ kind: "linear" } as unknown as Schedule, 0), OptionError, "schedule.kind");
});

Deno.test("crossEntropy() has the loss and gradient of its formula", () => {
  const logits = Float32Array.from({ length: 12 }, (_, i) => 2 * normal(1, i)), labels = Uint8Array.of(0, 3, 1);
  for (const smoothing of [0, 0.1]) {
    const { loss, correct, gradient } = crossEntropy(logits, labels, smoothing);
    assert(loss > 0);
    assertEquals(
      correct,
      [0, 1, 2].filter((i) => logits.subarray(4 * i, 4 * i + 4).indexOf(Math.max(...logits.subarray(4 * i, 4 * i + 4))) === labels[i])
        .length,
    );
    for (let i = 0; i < logits.length; i++) {
      const at = (delta: number) => crossEntropy(logits.map((value, j) => i === j ? value + delta : value), labels, smoothing).loss;
      assertAlmostEquals(gradient[i]!, (at(1e-3) - at(-1e-3)) / 2e-3, 1e-4);
    }
  }
  assertAlmostEquals(crossEntropy(new Float32Array(10), Uint8Array.of(4)).loss, Math.log(10), 1e-12);
  const far = crossEntropy(Float32Array.of(1000, -1000), Uint8Array.of(0));
  assertEquals([far.loss, ...far.gradient], [0, 0, 0]);
});

Deno.test("descend() follows Nesterov's momentum, decay and rate of each group", () => {
  const decay = { weight: 0.1, normalization: 0, alpha: 0 }, rate = { weight: 1, normalization: 0.5, alpha: 1 };
  const make = (group: ParameterGroup, value: number): Parameter =>
    ({ group, values: Float32Array.of(value), gradient: Float32Array.of(1), momentum: new Float32Array(1) }) as unknown as Parameter;
  for (const nesterov of [true, false]) {
    const optimizer: Optimizer = { momentum: 0.9, nesterov, decay, rate };
    const weight = make("weight", 2), scale = make("normalization", 2), alpha = make("alpha", 0.1);
    let [w, v] = [2, 0];
    for (let step = 0; step < 3; step++) {
      descend([weight, scale, alpha], optimizer, 0.1);
      const slope = 1 + 0.1 * w;
      v = 0.9 * v + slope;
      w -= 0.1 * (nesterov ? slope + 0.9 * v : v);
      assertAlmostEquals(weight.values[0]!, w, 1e-6);
    }
    assertAlmostEquals(scale.values[0]!, 2 - 0.05 * (nesterov ? 1.9 + 2.71 + 3.439 : 1 + 1.9 + 2.71), 1e-6);
    assertAlmostEquals(alpha.values[0]!, 0.05, 1e-6);
  }
});

Deno.test("recipe() fills in defaults, quantizersOf() spares the edge layers", () => {
  assertEquals(recipe(), DEFAULT_RECIPE);
  const net = randomNet([1, 1, 4], (b) => {
    b.linear("one", { features: 4 });
    b.linear("two", { features: 4 });
    b.relu("relu");
    b.linear("three", { features: 4 });
  });
  const { weights, activations } = quantizersOf(recipe(), net);
  assertEquals(["one", "two", "three"].map((name) => weights(name)!.toJSON()), [
    { kind: "uniform", bits: 8 },
    { kind: "dorefa", bits: 4 },
    { kind: "uniform", bits: 8 },
  ]);
  assertEquals([activations("relu")!.bits, activations("relu")!.alpha], [4, 3]);
  const floats = quantizersOf(recipe({ weights: null, first: null, last: null, activations: null }), net);
  assertEquals([floats.weights("one"), floats.weights("two"), floats.activations("relu")], [undefined, undefined, undefined]);
});
