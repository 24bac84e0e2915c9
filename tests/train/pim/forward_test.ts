// The forward pass of layers on arrays: the published formulas, the published comparison of schemes, and the simulator itself.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError, GraphError, OptionError } from "../../../lib/errors.ts";
import { pact } from "../../../lib/quantize/pact.ts";
import { quantize } from "../../../lib/quantize/quantize.ts";
import { roundHalfEven } from "../../../lib/quantize/round.ts";
import { uniform } from "../../../lib/quantize/uniform.ts";
import { weightQuantizer } from "../../../lib/quantize/weight_quantizer.ts";
import { hash, normal } from "../../../lib/random.ts";
import { lowerMapped } from "../../../lib/simulate/lower/lower.ts";
import { calibrate } from "../../../lib/simulate/observe/calibrate.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { tensor } from "../../../lib/tensor.ts";
import { descend } from "../../../lib/train/optimizer.ts";
import { pimChip, pimDigital } from "../../../lib/train/pim/chip.ts";
import { effectiveBits, PIM_RANGES, PIM_SCHEMES, type PimOptions } from "../../../lib/train/pim/options.ts";
import { recipe } from "../../../lib/train/recipe.ts";
import { trainedNetwork } from "../../../lib/train/trained.ts";
import { webgpuTrainer } from "../../../lib/train/webgpu/trainer.ts";
import { randomPixels } from "../gradients.ts";
import { compare, gaussianLayer, pimRecipe, randomPair, withPim } from "./networks.ts";

const { net, pixels } = gaussianLayer(576, 64, 1.95, 1.35), batch = 64, images = pixels(batch);
const shared = { rows: 144, range: "max", layers: ["fc"], eta: 1 } as const;

/** Output of the fully connected layer. */
function forward(pim: PimOptions | null): Promise<Float32Array> {
  const plan = pimRecipe(pim, { batch, activations: { bits: 4, alpha: 1.95 } });
  return withPim(net, plan, async (graph) => {
    await graph.prepare(false);
    graph.forward(images, false);
    return graph.output("fc").data;
  });
}

/** The published sums, digit by digit and group by group, in the order they are written. */
function published(scheme: PimOptions["scheme"], m: number, bits: number): number[] {
  const { codes, scale } = uniform({ bits: 4 }).encode(net.parameters["fc.weight"]!), quantizer = pact({ bits: 4 });
  const N = 144, inputs = 576, outputs = 64, digit = 2 ** m - 1;
  const x = Array.from(images, (pixel) => quantizer.encode((pixel - 100) / 40, 1.95)), step = 1.95 / 15 * scale;
  const scaleOf = { "native": 2 * N * 7 * digit, "bit-serial": N * digit, "differential": N * 7 * digit }[scheme],
    delta = scaleOf / (2 ** bits - 1);
  const [lowest, highest] = scheme === "native" ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  const convert = (sum: number) => delta * Math.min(highest, Math.max(lowest, roundHalfEven(sum / delta)));
  const parts: readonly { readonly factor: number; weight(code: number): number }[] = scheme === "native"
    ? [{ factor: 1, weight: (code) => code }]
    : scheme === "differential"
    ? [{ factor: 1, weight: (code) => Math.max(code, 0) }, { factor: -1, weight: (code) => Math.max(-code, 0) }]
    : [0, 1, 2, 3].map((k) => ({ factor: k === 3 ? -8 : 2 ** k, weight: (code) => (code >> k) & 1 }));
  const result: number[] = [];
  for (let image = 0; image < batch; image++) {
    for (let out = 0; out < outputs; out++) {
      let y = 0;
      for (let group = 0; group < inputs; group += N) {
        for (let shift = 0; shift < 4; shift += m) {
          for (const { factor, weight } of parts) {
            let sum = 0;
            for (let j = group; j < group + N; j++) {
              sum += weight(codes.data[out * inputs + j]!) * ((x[image * inputs + j]! >> shift) & digit);
            }
            y += factor * 2 ** shift * convert(sum);
          }
        }
      }
      result.push(y * step);
    }
  }
  return result;
}

Deno.test("pimLayer() computes the published sums of each scheme", async () => {
  for (const scheme of PIM_SCHEMES) {
    for (const [digitBits, adcBits] of [[4, 5], [1, 4], [2, 7]] as const) {
      const found = await forward({ ...shared, scheme, digitBits, adcBits }), wanted = published(scheme, digitBits, adcBits);
      const largest = Math.max(...wanted.map(Math.abs), 1e-3);
      let different = 0;
      found.forEach((value, at) => different += Number(Math.abs(value - wanted[at]!) > 1e-5 * largest));
      // A sum half-way between two codes may fall to either side, as limits are kept in f32.
      assert(different <= 0.01 * wanted.length, `${scheme}, ${digitBits} bits at once, ${adcBits} bits: ${different} of ${wanted.length}`);
    }
  }
});

Deno.test("pimLayer() has the published spread and correlation", async () => {
  const exact = await forward(null);
  // By bits; native at 3 bits sees nothing, see below.
  const table: readonly (readonly [PimOptions["scheme"], number, number, readonly (readonly [number, number])[]])[] = [
    ["native", 4, 4, [[0.11, 0.06], [0.97, 0.59], [1.12, 0.89], [1.03, 0.97], [1.01, 0.99]]],
    ["differential", 4, 3, [[3.14, 0.61], [0.89, 0.37], [1.33, 0.82], [1.07, 0.94], [1.02, 0.98], [1, 1]]],
    ["bit-serial", 4, 3, [[2.94, 0.45], [2, 0.68], [1.22, 0.82], [1.06, 0.95], [1.01, 0.99], [1.01, 1]]],
    ["bit-serial", 1, 3, [[2.54, 0.64], [1.22, 0.74], [1.06, 0.92], [1, 0.98], [1.01, 0.99], [1, 1]]],
  ];
  for (const [scheme, digitBits, first, cells] of table) {
    for (const [at, [ratio, correlation]] of cells.entries()) {
      const adcBits = first + at, found = compare(await forward({ ...shared, scheme, digitBits, adcBits }), exact);
      const name = `${scheme} m=${digitBits} b=${adcBits}`;
      assert(Math.abs(found.ratio - ratio) <= 0.1 * ratio, `${name}: spread ${found.ratio}, published ${ratio}`);
      assert(Math.abs(found.correlation - correlation) <= 0.05, `${name}: correlation ${found.correlation}, published ${correlation}`);
    }
  }
  assert(
    (await forward({ ...shared, scheme: "native", adcBits: 3 })).every((value) => value === 0),
    "3 bits over the worst case see nothing",
  );
});

Deno.test("train through arrays computes in evaluation what the simulator computes with the saved network", async () => {
  let compared = 0;
  for (let seed = 0; seed < 30; seed++) {
    const network = randomPair(seed), scheme = PIM_SCHEMES[seed % 3]!, range = PIM_RANGES[(seed >> 1) % 5]!;
    const pim: PimOptions = {
      scheme,
      range,
      adcBits: 3 + hash(seed, 1) % 5,
      rows: [9, 16, 40, 128][hash(seed, 2) % 4]!,
      digitBits: [1, 2, 4][hash(seed, 3) % 3]!,
      refresh: 2,
    };
    const kind = (["uniform", "dorefa", "lsq"] as const)[hash(seed, 4) % 3]!, weights = { kind, bits: 2 + hash(seed, 5) % 3 };
    const plan = pimRecipe(pim, { weights, activations: { bits: 3 + seed % 2, alpha: 2 } }),
      inputs = randomPixels(plan.batch, network.input, seed);
    const { saved, logits } = await withPim(network, plan, async (graph) => {
      for (let step = 0; step < 3; step++) {
        await graph.prepare(true);
        const logits = graph.forward(randomPixels(plan.batch, network.input, 50 + step), true);
        graph.backward(logits.map((value, at) => normal(seed, at, step) + value / 8));
        descend(graph.parameters, plan.optimizer, 0.02, step);
      }
      await graph.prepare(false);
      return { saved: trainedNetwork(graph), logits: graph.forward(inputs, false) };
    });
    const quantized = quantize(saved, {
      weights: weightQuantizer(kind, weights.bits)!,
      activations: pact({ bits: 3 + seed % 2 }),
      digital: pimDigital(saved, pim),
    });
    const { mapped, simulate } = await pimChip(quantized, pim);
    await using backend = referenceBackend();
    const adcs = await calibrate(mapped, simulate.adc, undefined, backend, {
      digitBits: simulate.digitBits,
      converters: simulate.converters,
    });
    await using session = await backend.prepare(lowerMapped(mapped, adcs, { digitBits: simulate.digitBits }));
    const { output } = await session.run(tensor(inputs, [plan.batch, ...network.input]));
    const largest = Math.max(...logits.map(Math.abs));
    output.data.forEach((value, at) => assertAlmostEquals(value, logits[at]!, 1e-5 * largest, `seed ${seed}, logit ${at}`));
    compared += logits.length;
  }
  assertEquals(compared, 30 * 8 * 4);
});

Deno.test("pimLayer() gives the same bits on any number of threads", async () => {
  const network = randomPair(5), plan = pimRecipe({ scheme: "differential", adcBits: 4, rows: 16, noise: { weights: 0.05, adc: 0.5 } });
  const runs = await Promise.all([1, 3].map((threads) =>
    withPim(network, plan, async (graph) => {
      const logits: Float32Array[] = [];
      for (let step = 0; step < 3; step++) {
        await graph.prepare(true);
        logits.push(graph.forward(randomPixels(plan.batch, network.input, step), true));
        graph.backward(logits.at(-1)!);
      }
      return [logits, graph.parameters.map(({ gradient }) => gradient.slice())];
    }, threads)
  ));
  assertEquals(runs[1], runs[0]);
});

Deno.test("pimLayer() draws weight noise anew at each step and leaves evaluation alone unless asked", async () => {
  const network = randomPair(5), inputs = randomPixels(8, network.input);
  const run = (noise: PimOptions["noise"]) =>
    withPim(
      network,
      pimRecipe({ scheme: "native", adcBits: 6, range: "max", rows: 32, eta: 1, ...(noise === undefined ? {} : { noise }) }),
      async (graph) => {
        const outputs: Float32Array[] = [];
        for (const training of [true, true, false]) {
          await graph.prepare(training);
          graph.forward(inputs, training);
          outputs.push(graph.output("conv2").data);
        }
        return outputs;
      },
    );
  const [clean, noisy, always, thermal, curves, cells] = await Promise.all(
    [undefined, { weights: 0.1 }, { weights: 0.1, evaluate: true }, { adc: 0.7 }, { inl: 2 }, { device: { model: "rram_milo" } }].map(run),
  );
  assertEquals(clean![0], clean![1]);
  assertNotEquals(noisy![0], noisy![1]);
  assertNotEquals(noisy![0], clean![0]);
  assertEquals(noisy![2]!.length, clean![2]!.length);
  assertNotEquals(always![2], noisy![2]);
  assertNotEquals(thermal![0], thermal![1]);
  assertEquals(curves![0], curves![1], "one chip, whose curves stay");
  assertNotEquals(curves![0], clean![0]);
  assertNotEquals(cells![0], cells![1]);
  assertEquals(cells![2]!.length, clean![2]!.length);
  assertThrows(() => recipe({ pim: { scheme: "native", adcBits: 4, noise: { device: { model: "magic" } } } }), OptionError, "magic");
});

Deno.test("effectiveBits() and fractional bits follow adjusted-precision training", async () => {
  assertAlmostEquals(effectiveBits(7, 0.35), 6.35, 0.01);
  assertEquals(effectiveBits(5, 0), 5);
  const values = new Set(await forward({ ...shared, scheme: "differential", rows: 576, adcBits: Math.log2(6), range: [0, 4000] }));
  // Two conversions of six levels each, subtracted: at most 11 different results.
  assert(values.size > 3 && values.size <= 11, `${values.size} values`);
});

Deno.test("recipe() and trainers refuse what cannot run on arrays", async () => {
  assertThrows(() => recipe({ pim: { scheme: "analog" as "native", adcBits: 4 } }), OptionError, "recipe.pim.scheme");
  assertThrows(() => recipe({ pim: { scheme: "native", adcBits: 4, rowz: 3 } as PimOptions }), OptionError, "rowz");
  assertThrows(() => recipe({ pim: { scheme: "native", adcBits: 4, xi: 0 } }), OptionError, "recipe.pim.xi");
  assertThrows(() => recipe({ pim: { scheme: "native", adcBits: 4, noise: { adc: -1 } } }), OptionError, "noise.adc");
  const pim = { scheme: "native", adcBits: 4 } as const;
  await assertRejects(() => webgpuTrainer(net, pimRecipe(pim)), DeviceError, "recipe.pim");
  await assertRejects(() => withPim(randomPair(1), pimRecipe(pim, { activations: null }), () => {}), GraphError, "relu1");
  await assertRejects(() => withPim(randomPair(1), pimRecipe(pim, { weights: null }), () => {}), OptionError, "weight quantizer");
  await assertRejects(() => withPim(randomPair(1), pimRecipe({ ...pim, layers: ["convx*"] }), () => {}), OptionError, "convx*");
  await withPim(randomPair(1), pimRecipe(pim), async (graph) => {
    const inputs = randomPixels(8, randomPair(1).input);
    assertThrows(() => graph.forward(inputs, true), GraphError, "prepare");
    await graph.prepare(true);
    graph.forward(inputs, true);
    assertThrows(() => graph.forward(inputs, true), GraphError, "prepare");
  });
});
