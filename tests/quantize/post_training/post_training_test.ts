import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { GraphError, OptionError } from "../../../lib/errors.ts";
import { network } from "../../../lib/network/builder.ts";
import { runFloat } from "../../../lib/network/float_run.ts";
import type { Network } from "../../../lib/network/graph.ts";
import { adaRound } from "../../../lib/quantize/post_training/ada_round.ts";
import { calibrateActivations } from "../../../lib/quantize/post_training/calibrate_activations.ts";
import { correctBias } from "../../../lib/quantize/post_training/correct_bias.ts";
import {
  count,
  growingHistogram,
  leastDivergenceLevel,
  leastErrorLevel,
  percentileLevel,
} from "../../../lib/quantize/post_training/histogram.ts";
import { pact } from "../../../lib/quantize/pact.ts";
import { quantize, type QuantizedNetwork } from "../../../lib/quantize/quantize.ts";
import { uniform } from "../../../lib/quantize/uniform.ts";
import { hash, normal } from "../../../lib/random.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { lowerQuantized } from "../../../lib/simulate/lower/lower.ts";
import { tensor } from "../../../lib/tensor.ts";

function net(): Network {
  return network({ name: "net", input: [6, 6, 2], encoding: { zero: 0, scale: 1 / 255 }, seed: 4 }, (b) => {
    b.conv("conv1", { channels: 6, kernel: 3, padding: 1, groups: 2 });
    b.relu("relu1");
    b.conv("conv2", { channels: 8, kernel: 3, stride: 2 });
    b.batchNorm("bn2");
    b.relu("relu2");
    b.flatten("flatten");
    b.linear("fc", { features: 4 });
  });
}

const images = tensor(new Uint8Array(24 * 72).map((_, at) => hash(at) % 256), [24, 6, 6, 2]), data = { name: "noise", images };

async function logits(quantized: QuantizedNetwork): Promise<Float32Array> {
  await using session = await referenceBackend().prepare(lowerQuantized(quantized));
  return (await session.run(images)).output.data;
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum: number, value, at) => sum + (value - b[at]!) ** 2, 0);
}

Deno.test("growingHistogram() keeps counts while its range grows", () => {
  const histogram = growingHistogram(), values = Array.from({ length: 5000 }, (_, at) => Math.abs(normal(1, at)) * (1 + at / 1000));
  for (let from = 0; from < values.length; from += 500) count(histogram, values.slice(from, from + 500));
  count(histogram, [0, 0]);
  assertEquals(histogram.counts.reduce((sum, each) => sum + each, 0), 5000);
  assertEquals(histogram.zeros, 2);
  const sorted = values.toSorted((a, b) => a - b);
  for (const share of [0.3, 0.5, 0.9]) {
    assertAlmostEquals(percentileLevel(histogram, share), sorted[Math.floor(share * 5000)]!, 2 * histogram.top / 2048 + 0.02);
  }
});

Deno.test("leastErrorLevel() and leastDivergenceLevel() clip outliers, the less the more codes there are", () => {
  const histogram = growingHistogram();
  count(histogram, Array.from({ length: 20000 }, (_, at) => Math.abs(normal(2, at))));
  count(histogram, [12]);
  const error = (alpha: number, levels: number) =>
    [...Array.from({ length: 20000 }, (_, at) => Math.abs(normal(2, at))), 12].reduce((sum, value) => {
      const step = alpha / levels;
      return sum + (Math.min(Math.round(value / step), levels) * step - value) ** 2;
    }, 0);
  for (const bits of [2, 3, 4]) {
    const levels = 2 ** bits - 1, best = leastErrorLevel(histogram, levels);
    assert(error(best, levels) < error(12, levels) / 4);
    assert(error(best, levels) <= 1.05 * error(best * 1.2, levels) && error(best, levels) <= 1.05 * error(best / 1.2, levels));
  }
  const levels = [15, 255].map((most) => leastDivergenceLevel(histogram, most));
  assert(levels[0]! < 12 && levels[0]! > 0.5 && levels[1]! > 2, `${levels}`);
});

Deno.test("calibrateActivations() sets every clipping level by every method, on every batch size alike", async () => {
  const float = net(), seen = runFloat(float, images, { taps: ["relu1", "relu2"] }).taps;
  const largest = (name: string) => seen.get(name)!.data.reduce((most, value) => Math.max(most, value), 0);
  await using backend = referenceBackend();
  for (const method of ["percentile", "mse", "kl"] as const) {
    const [one, other] = await Promise.all([5, 24].map((batch) => calibrateActivations(float, data, { bits: 4, method, batch, backend })));
    for (const relu of ["relu1.alpha", "relu2.alpha"]) {
      const alpha = one!.parameters[relu]!.data[0]!;
      assert(alpha > 0.15 * largest(relu.slice(0, 5)) && alpha <= 1.01 * largest(relu.slice(0, 5)), `${method} ${relu} ${alpha}`);
      assertAlmostEquals(alpha, other!.parameters[relu]!.data[0]!, 0.1 * alpha);
    }
  }
  const whole = await calibrateActivations(float, data, { bits: 4, method: "minmax", batch: 24, backend });
  assertAlmostEquals(whole.parameters["relu1.alpha"]!.data[0]!, largest("relu1"), 1e-5);
  await assertRejects(() => calibrateActivations(float, data, { bits: 9 }), OptionError, "bits");
  await assertRejects(() => calibrateActivations(float, data, { bits: 4, method: "max" as never }), OptionError, "method");
  await assertRejects(
    () => calibrateActivations(float, { name: "none", images: tensor(new Uint8Array(0), [0, 6, 6, 2]) }, { bits: 4 }),
    OptionError,
    "no images",
  );
});

Deno.test("correctBias() gives channels the float network's means, and brings its results nearer", async () => {
  const float = net(), options = { backend: "reference" } as const;
  const calibrated = await calibrateActivations(float, data, { bits: 4, ...options });
  const quantized = quantize(calibrated, {
    weights: uniform({ bits: 3 }),
    activations: pact({ bits: 4 }),
    first: uniform({ bits: 3 }),
    last: uniform({ bits: 3 }),
  });
  const corrected = await correctBias(float, quantized, data, options), wanted = runFloat(float, images).logits.data;
  const [before, after] = [distance(await logits(quantized), wanted), distance(await logits(corrected), wanted)];
  assert(after < before, `${after} ${before}`);
  const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assertAlmostEquals(mean(await logits(corrected)), mean(wanted), 1e-4);
  const bare = { ...float, layers: float.layers.map((layer) => layer.name === "fc" ? { ...layer, bias: false } as typeof layer : layer) };
  await assertRejects(() => correctBias(bare, { ...quantized, network: bare }, data, options), GraphError, "fc");
});

Deno.test("adaRound() brings outputs nearer than rounding to the nearest does, with the same scales", async () => {
  const float = net(), options = { backend: "reference" } as const;
  const calibrated = await calibrateActivations(float, data, { bits: 8, method: "minmax", ...options });
  const quantized = quantize(calibrated, {
    weights: uniform({ bits: 3 }),
    activations: pact({ bits: 8 }),
    first: uniform({ bits: 3 }),
    last: uniform({ bits: 3 }),
  });
  const seen: string[] = [];
  const rounded = await adaRound(quantized, data, { ...options, steps: 300, onProgress: (_done, _total, layer) => seen.push(layer) });
  assertEquals(seen, ["conv1", "conv2", "fc"]);
  const wanted = runFloat(float, images).logits.data;
  const [before, after] = [distance(await logits(quantized), wanted), distance(await logits(rounded), wanted)];
  assert(after < 0.8 * before, `${after} ${before}`);
  for (const [name, { codes, scale }] of Object.entries(rounded.weights)) {
    assertEquals(scale, quantized.weights[name]!.scale);
    const weights = float.parameters[`${name}.weight`]!.data;
    codes.data.forEach((code, at) => assert(Math.abs(code - weights[at]! / scale) <= 1 + 1e-5, "a neighbour of the exact value"));
  }
  await assertRejects(() => adaRound(quantized, data, { layers: ["conv9"] }), OptionError, "conv9");
  await assertRejects(() => adaRound(quantized, data, { steps: 0 }), OptionError, "steps");
});
