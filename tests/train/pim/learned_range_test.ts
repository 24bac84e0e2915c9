// The converters' step as a parameter: LSQ's gradient through every conversion, where it starts, that it stays positive, and what is saved of it.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { GraphError, OptionError, ShapeError } from "../../../lib/errors.ts";
import type { Network } from "../../../lib/network/graph.ts";
import { validate } from "../../../lib/network/validate.ts";
import { pact } from "../../../lib/quantize/pact.ts";
import { quantize } from "../../../lib/quantize/quantize.ts";
import { roundHalfEven } from "../../../lib/quantize/round.ts";
import { uniform } from "../../../lib/quantize/uniform.ts";
import { normal } from "../../../lib/random.ts";
import { tensor } from "../../../lib/tensor.ts";
import { descend } from "../../../lib/train/optimizer.ts";
import { pimChip, pimDigital } from "../../../lib/train/pim/chip.ts";
import { clippedSums, stepGradientScale, stepLimits } from "../../../lib/train/pim/learned_range.ts";
import type { PimOptions } from "../../../lib/train/pim/options.ts";
import { recipe } from "../../../lib/train/recipe.ts";
import { trainedNetwork } from "../../../lib/train/trained.ts";
import { randomPixels } from "../gradients.ts";
import { gaussianLayer, pimRecipe, randomPair, withPim } from "./networks.ts";

const batch = 12, inputs = 96, outputs = 10, N = 32, { net, pixels } = gaussianLayer(inputs, outputs, 2, 1.5), images = pixels(batch);
const upstream = Float32Array.from({ length: batch * outputs }, (_, at) => normal(21, at));

/** A layer that has a step already: code `zero` of 2^bits stands for 0. */
function withStep(step: number, zero: number, bits: number): Network {
  const codes = 2 ** bits - 1, [lo, hi] = stepLimits(step, zero, codes);
  return {
    ...net,
    parameters: {
      ...net.parameters,
      "fc.adc": tensor(Float32Array.of(lo, hi, 1, 0, zero, codes), [6]),
      "fc.adc.step": tensor(Float32Array.of(step), [1]),
    },
  };
}

/** Σ upstream · y as a function of Δ with every rounding replaced by what it adds at Δ = `at`: its slope is what LSQ's straight-through gradient means. */
function smoothed(scheme: PimOptions["scheme"], m: number, bits: number, zero: number, at: number): (step: number) => number {
  const { codes, scale } = uniform({ bits: 4 }).encode(net.parameters["fc.weight"]!), quantizer = pact({ bits: 4 }), digit = 2 ** m - 1;
  const x = Array.from(images, (pixel) => quantizer.encode((pixel - 100) / 40, 2)), real = 2 / 15 * scale;
  const parts: readonly { readonly factor: number; weight(code: number): number }[] = scheme === "native"
    ? [{ factor: 1, weight: (code) => code }]
    : scheme === "differential"
    ? [{ factor: 1, weight: (code) => Math.max(code, 0) }, { factor: -1, weight: (code) => Math.max(-code, 0) }]
    : [0, 1, 2, 3].map((k) => ({ factor: k === 3 ? -8 : 2 ** k, weight: (code) => (code >> k) & 1 }));
  const conversions: [number, number][] = [];
  for (let image = 0; image < batch; image++) {
    for (let out = 0; out < outputs; out++) {
      for (let group = 0; group < inputs; group += N) {
        for (let shift = 0; shift < 4; shift += m) {
          for (const { factor, weight } of parts) {
            let sum = 0;
            for (let j = group; j < group + N; j++) {
              sum += weight(codes.data[out * inputs + j]!) * ((x[image * inputs + j]! >> shift) & digit);
            }
            conversions.push([upstream[image * outputs + out]! * factor * 2 ** shift * real, sum]);
          }
        }
      }
    }
  }
  const low = -zero, high = 2 ** bits - 1 - zero;
  return (step) =>
    conversions.reduce((total, [factor, sum]) => {
      const ratio = sum / at, inside = ratio > low && ratio < high;
      return total + factor * step * (inside ? sum / step + roundHalfEven(ratio) - ratio : ratio <= low ? low : high);
    }, 0);
}

Deno.test("learnedRange() has the slope of the smoothed conversions, scaled as LSQ scales a step's", async () => {
  for (
    const [scheme, digitBits, adcBits, zero, step] of [
      ["native", 4, 4, 8, 120.37],
      ["native", 4, 3, 3, 70.21],
      ["native", 2, 5, 16, 9.83],
      ["bit-serial", 4, 3, 0, 31.7],
      ["bit-serial", 1, 3, 0, 1.37],
      ["differential", 4, 4, 0, 60.3],
      ["differential", 4, 3, 0, 350.9],
    ] as const
  ) {
    const pim: PimOptions = { scheme, adcBits, digitBits, rows: N, range: "learned", layers: ["fc"], eta: 1, xi: 0.4 };
    const f = smoothed(scheme, digitBits, adcBits, zero, Math.fround(step)), h = 1e-4 * step;
    const slope = (f(step + h) - f(step - h)) / (2 * h);
    const plan = pimRecipe(pim, { batch, activations: { bits: 4, alpha: 2 } });
    const [value, found] = await withPim(withStep(step, zero, adcBits), plan, async (graph) => {
      await graph.prepare(true);
      const y = graph.forward(images, true);
      graph.backward(upstream);
      const { gradient } = graph.parameters.find(({ name }) => name === "fc.adc.step")!;
      return [y.reduce((sum, each, at) => sum + each * upstream[at]!, 0), gradient[0]!];
    });
    assertAlmostEquals(value, f(step), 1e-3 * Math.max(1, Math.abs(f(step))), `${scheme}: the output itself`);
    const slices = { "native": 1, "bit-serial": 4, "differential": 2 }[scheme], conversions = outputs * inputs / N * slices * 4 / digitBits;
    const wanted = slope * step ** 2 * stepGradientScale(conversions, zero, 2 ** adcBits - 1);
    assert(Math.abs(wanted) > 1e-4, `${scheme}: a slope of ${wanted} says nothing`);
    assertAlmostEquals(found, wanted, 2e-3 * Math.abs(wanted) + 1e-5, `${scheme}, ${digitBits} bits at once, ${adcBits} bits`);
  }
});

Deno.test("learnedRange() has the exact slope where every sum is clipped, whatever the unit of the sums", async () => {
  const slices = { "native": 1, "bit-serial": 4, "differential": 2 }, step = 0.05;
  for (const kind of ["uniform", "dorefa"] as const) {
    for (const scheme of ["native", "bit-serial", "differential"] as const) {
      const pim: PimOptions = { scheme, adcBits: 3, digitBits: 2, rows: N, range: "learned", layers: ["fc"], eta: 1 };
      const weights = { kind, bits: 4 } as const, zero = scheme === "native" ? 4 : 0;
      const plan = pimRecipe(pim, { batch, weights, first: weights, last: weights, activations: { bits: 4, alpha: 2 } });
      const [low, high] = await Promise.all([step, 2 * step].map((size) =>
        withPim(withStep(size, zero, 3), plan, async (graph) => {
          await graph.prepare(true);
          const value = graph.forward(images, true).reduce((sum, each, at) => sum + each * upstream[at]!, 0);
          graph.backward(upstream);
          return { value, gradient: graph.parameters.find(({ name }) => name === "fc.adc.step")!.gradient[0]! };
        })
      ));
      const scale = stepGradientScale(outputs * inputs / N * slices[scheme] * 2, zero, 7), slope = (high!.value - low!.value) / step;
      assert(Math.abs(slope) > 1e-3, `${kind}, ${scheme}: a slope of ${slope} says nothing`);
      // A correction for weights around no integer is added up beside the codes, by a fraction near the step.
      // Differences of f32 outputs leave some 1e-8.
      const wanted = slope * step ** 2 * scale;
      assertAlmostEquals(low!.gradient, wanted, 0.01 * Math.abs(wanted) + 3e-8, `${kind}, ${scheme}`);
    }
  }
});

Deno.test("clippedSums() keeps what lies at or beyond the limits", () => {
  const table = clippedSums({ reach: [-3, 5], unit: 2 }, [-4, 8])!;
  assertEquals([...table.codes], [-3, -2, 0, 0, 0, 0, 0, 4, 5]);
  assertEquals(clippedSums({ reach: [-3, 5], unit: 1 }, [-4, 6]), undefined);
  assertAlmostEquals(stepGradientScale(50, 3, 7), 1 / Math.sqrt(50 * 4), 1e-12);
});

/** Steps of training on noise. */
function steps(network: Network, pim: PimOptions, count: number, rate = 0.02, optimizer: Parameters<typeof descend>[1] = {}) {
  return withPim(network, pimRecipe(pim), async (graph) => {
    const seen: number[] = [];
    for (let step = 0; step < count; step++) {
      await graph.prepare(true);
      graph.backward(graph.forward(randomPixels(8, network.input, step), true).map((value, at) => value - normal(3, at, step)));
      descend(graph.parameters, optimizer, rate, step);
      seen.push(graph.parameters.find(({ name }) => name === "conv2.adc.step")?.values[0] ?? 0);
    }
    return { seen, saved: trainedNetwork(graph) };
  });
}

Deno.test("learnedRange() starts from the first batch's sums, moves, and stays positive at any rate", async () => {
  const pim: PimOptions = { scheme: "native", adcBits: 4, rows: 16, range: "learned" }, network = randomPair(4);
  const { seen } = await steps(network, pim, 4), { saved: once } = await steps(network, { ...pim, range: "mse" }, 1);
  const [lo, hi] = once.parameters["conv2.adc"]!.data as Float32Array;
  assertAlmostEquals(seen[0]!, (hi! - lo!) / 15, 1e-5 * seen[0]!, "the step that mse finds");
  assertEquals(new Set(seen).size, 4, `${seen}`);
  const { seen: wild } = await steps(network, pim, 12, 1e4);
  assert(wild.every((value) => value > 0 && Number.isFinite(value)), `${wild}`);
  const { seen: held } = await steps(network, pim, 4, 0.02, { rate: { scale: 0 } });
  assertEquals(new Set(held).size, 1, "a rate of 0 holds the step");
});

Deno.test("pimChip() takes a learned step from the network, and further training goes on with it at the same bits only", async () => {
  const pim: PimOptions = { scheme: "differential", adcBits: 4, rows: 16, range: "learned" };
  const { saved, seen } = await steps(randomPair(2), pim, 3), last = seen.at(-1)!;
  const quantized = quantize(saved, { weights: uniform({ bits: 4 }), activations: pact({ bits: 4 }), digital: pimDigital(saved, pim) });
  const { simulate } = await pimChip(quantized, pim), [lo, hi] = simulate.converters["conv2"]!.range as readonly [number, number];
  assertAlmostEquals((hi - lo) / 15, last, 1e-5 * last);
  assertNotEquals(seen.at(-2), last);
  const again = await steps(saved, pim, 1, 0), other = await steps(saved, { ...pim, adcBits: 5 }, 1, 0);
  assertEquals(again.seen[0], last);
  assert(Math.abs(other.seen[0]! / last - 1) > 0.1, `${other.seen[0]} anew at 5 bits, ${last} at 4`);
});

Deno.test("validate() knows converters with a learned step, and those without", () => {
  const good = withStep(3, 0, 4), { "fc.adc": adc, "fc.adc.step": _step, ...plain } = good.parameters;
  validate(good);
  const step = (value: number) => tensor(Float32Array.of(value), [1]), kept = tensor(Float32Array.of(0, 3, 1, 7), [4]);
  validate({ ...good, parameters: { ...good.parameters, "fc.adc": kept } }); // a step left from before
  validate({ ...good, parameters: { ...plain, "fc.adc": kept } });
  assertThrows(() => validate({ ...good, parameters: { ...plain, "fc.adc": adc! } }), ShapeError, "fc.adc");
  assertThrows(() => validate({ ...good, parameters: { ...good.parameters, "fc.adc.step": step(-1) } }), GraphError, "fc.adc.step");
  assertThrows(() => validate({ ...good, parameters: { ...plain, "fc.adc.step": step(1) } }), GraphError, "fc.adc.step");
});

Deno.test("recipe() takes range learned and refuses what is none", () => {
  assertEquals(recipe({ pim: { scheme: "native", adcBits: 4, range: "learned" } }).pim!.range, "learned");
  const range = "trained" as "learned";
  assertThrows(() => recipe({ pim: { scheme: "native", adcBits: 4, range } }), OptionError, "recipe.pim.range");
});
