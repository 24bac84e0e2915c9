// Training through arrays: what it learns where ordinary training fails, what is saved, and batch norm for a chip.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { sliceDataset } from "../../../lib/data/dataset.ts";
import { OptionError } from "../../../lib/errors.ts";
import { readSafetensors } from "../../../lib/io/safetensors.ts";
import { program } from "../../../lib/program/program.ts";
import { pact } from "../../../lib/quantize/pact.ts";
import { quantize } from "../../../lib/quantize/quantize.ts";
import { uniform } from "../../../lib/quantize/uniform.ts";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import { simulate } from "../../../lib/simulate/simulate.ts";
import type { Network } from "../../../lib/network/graph.ts";
import { calibrateBatchNorm } from "../../../lib/train/pim/calibrate_batch_norm.ts";
import { pimChip, pimDigital } from "../../../lib/train/pim/chip.ts";
import type { PimOptions } from "../../../lib/train/pim/options.ts";
import { train } from "../../../lib/train/train.ts";
import { patches, randomNet } from "../gradients.ts";
import { pimRecipe } from "./networks.ts";

const input = [12, 12, 1] as const, classes = 6;
const net = randomNet(input, (b) => {
  for (const [index, stride] of [1, 2, 2].entries()) {
    b.conv(`conv${index}`, { channels: 8, kernel: 3, stride, padding: 1, bias: false });
    b.batchNorm(`bn${index}`);
    b.relu(`relu${index}`);
  }
  b.flatten("flatten");
  b.linear("fc", { features: classes });
});
const data = patches(480, input, classes), test = patches(240, input, classes, 77);
const schedule = { kind: "cosine", peak: 0.05 } as const;

function on(network: Network, pim: PimOptions) {
  const quantized = quantize(network, { weights: uniform({ bits: 4 }), activations: pact({ bits: 4 }), digital: pimDigital(network, pim) });
  return { quantized, chip: (look?: Parameters<typeof pimChip>[2]) => pimChip(quantized, pim, look) };
}

Deno.test("train() through coarse converters learns what ordinary training loses on them", async () => {
  const options = { validation: test, threads: 2 },
    start = await train(net, data, { ...options, recipe: pimRecipe(null, { epochs: 4, batch: 24, schedule }) });
  const further = { epochs: 3, batch: 24, schedule: { kind: "cosine", peak: 0.02 } } as const;
  const ordinary = await train(start.network, data, { ...options, recipe: pimRecipe(null, further) });
  assert(ordinary.validation! > 0.95, `ordinary training reaches ${ordinary.validation}`);
  await using backend = await cpuBackend({ threads: 2 });
  // Steps so wide that most sums fall below the first.
  for (const [scheme, range] of [["native", [-2400, 1800]], ["bit-serial", "max"], ["differential", [0, 5500]]] as const) {
    const pim: PimOptions = { scheme, adcBits: 3, rows: 72, range, refresh: 10 };
    const before = await on(ordinary.network, pim).chip(), lost = await simulate(before.mapped, test, { ...before.simulate, backend });
    const through = await train(start.network, data, { ...options, recipe: pimRecipe(pim, further) });
    const after = await on(through.network, pim).chip(), { accuracy } = await simulate(after.mapped, test, { ...after.simulate, backend });
    assertEquals(accuracy.crossbar, through.validation, "simulation is the evaluation of training");
    const loss = ordinary.validation! - lost.accuracy.crossbar, recovered = accuracy.crossbar - lost.accuracy.crossbar;
    assert(loss > 0.1, `${scheme}: ordinary training loses only ${loss}`);
    assert(recovered >= 0.75 * loss, `${scheme}: ${recovered} of ${loss} recovered`);
  }
});

Deno.test("train() through arrays resumes to the same bits, and saves limits, η and steps with the network", async () => {
  const folder = await Deno.makeTempDir(), few = sliceDataset(data, 0, 96);
  try {
    for (const range of ["mse", "learned"] as const) {
      const pim: PimOptions = { scheme: "differential", adcBits: 4, rows: 36, refresh: 3, range, noise: { weights: 0.02 } };
      const recipe = pimRecipe(pim, { epochs: 2, batch: 24, schedule }),
        whole = `${folder}/whole-${range}`,
        parts = `${folder}/parts-${range}`;
      const once = await train(net, few, { recipe, threads: 1, checkpoint: whole });
      const stop = new AbortController();
      const onProgress = ({ step }: { step: number }) => step === 5 && stop.abort();
      await train(net, few, { recipe, threads: 1, checkpoint: parts, signal: stop.signal, onProgress });
      const rest = await train(net, few, { recipe, threads: 2, checkpoint: parts });
      assertEquals(rest.network, once.network);
      const { tensors } = await readSafetensors(whole),
        { [range]: names } = { mse: ["conv1.adc"], learned: ["conv1.adc", "conv1.adc.step"] };
      const [lo, hi, eta, steps] = tensors["conv1.adc"]!.data;
      assert(hi! > lo! && eta! > 0 && steps === 8, `${[lo, hi, eta, steps]}`);
      for (const name of names) assertEquals(once.network.parameters[name], tensors[name]);
      assertEquals(Object.hasOwn(tensors, "conv1.adc.step"), range === "learned");
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("pimChip() looks at images where a layer has no limits of its own", async () => {
  const pim: PimOptions = { scheme: "native", adcBits: 5, rows: 36 }, { chip } = on(net, pim);
  await assertRejects(() => chip(), OptionError, "conv1");
  await using backend = await cpuBackend({ threads: 1 });
  const images = sliceDataset(data, 0, 32).images, { simulate: { converters, digitBits } } = await chip({ images, backend });
  assertEquals(Object.keys(converters), ["conv1", "conv2"]);
  assertEquals(digitBits, 4);
  const [lo, hi] = converters["conv1"]!.range as readonly [number, number], step = (hi - lo) / 31;
  assert(lo < 0 && hi > 0);
  assertAlmostEquals(lo / step, Math.round(lo / step), 1e-3, "0 has a level");
  await assertRejects(() => on(net, { ...pim, adcBits: 4.5 }).chip(), OptionError, "adcBits");
  const { mapped } = await chip({ images, backend });
  await assertRejects(() => simulate(mapped, test, { converters: { conv9: { bits: 3 } } }), OptionError, "conv9");
});

Deno.test("calibrateBatchNorm() measures what the arrays put out and helps on a chip that distorts", async () => {
  const { network } = await train(net, data, { recipe: pimRecipe(null, { epochs: 3, batch: 24, schedule }), threads: 2 });
  const pim: PimOptions = { scheme: "bit-serial", adcBits: 3, rows: 72, range: "max" };
  const { mapped, simulate: options } = await on(network, pim).chip();
  await using backend = await cpuBackend({ threads: 2 });
  const calibrated = await calibrateBatchNorm(mapped, sliceDataset(data, 0, 192), { ...options, backend });
  const before = await simulate(mapped, test, { ...options, backend }), after = await simulate(calibrated, test, { ...options, backend });
  assert(after.accuracy.crossbar > before.accuracy.crossbar + 0.05, `${before.accuracy.crossbar} to ${after.accuracy.crossbar}`);
  assertEquals(calibrated.sliced.quantized.weights, mapped.sliced.quantized.weights);

  // Where arrays lose nothing, the statistics are those of the exact network: training's own, once measured on the same images.
  const exact = { adc: { bits: 16, range: "full" }, digitBits: 4, backend } as const,
    parameters = (of: typeof mapped) => of.sliced.quantized.network.parameters;
  const once = await calibrateBatchNorm(mapped, data, exact), twice = await calibrateBatchNorm(once, data, exact);
  assertEquals(parameters(once), parameters(twice));
  assertNotEquals(parameters(once)["bn1.mean"], parameters(mapped)["bn1.mean"]);

  const chip = program(mapped, {
    device: { model: "generic", program: { distribution: "normal", scaling: "independent", magnitude: 0.05 } },
    seed: 3,
  });
  const [first, second] = await Promise.all(
    [0, 1].map((number) => calibrateBatchNorm(chip, sliceDataset(data, 0, 48), { ...exact, chip: number })),
  );
  assertEquals(first!.kind, "programmed");
  assertNotEquals(parameters(first!.mapped)["bn1.mean"], parameters(second!.mapped)["bn1.mean"]);
});
