// Programmed chips through the whole pipeline: Monte Carlo, noise that does not depend on batches, and results that repeat.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { effectiveConductance } from "../../lib/circuit/wires/solve.ts";
import type { Dataset } from "../../lib/data/dataset.ts";
import { OptionError } from "../../lib/errors.ts";
import { map } from "../../lib/map/map.ts";
import { network } from "../../lib/network/builder.ts";
import { pipeline } from "../../lib/pipeline.ts";
import type { WireSolver } from "../../lib/program/chip_cells.ts";
import type { ProgramOptions } from "../../lib/program/options.ts";
import { program } from "../../lib/program/program.ts";
import { dorefa } from "../../lib/quantize/dorefa.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { simulate } from "../../lib/simulate/simulate.ts";
import { tensor } from "../../lib/tensor.ts";
import { decompose } from "../../lib/decompose/decompose.ts";
import { quantize } from "../../lib/quantize/quantize.ts";
import { hash } from "../../lib/random.ts";

const IMAGES = 6;

/** A cut-down LeNet on 12 × 12 pixels. */
const small = () =>
  network({ name: "small", input: [12, 12, 1], seed: 3 }, (b) => {
    b.conv("conv1", { channels: 4, kernel: 3 });
    b.relu("relu1");
    b.maxPool("pool1", { kernel: 2 });
    b.conv("conv2", { channels: 6, kernel: 3, padding: 1 });
    b.relu("relu2");
    b.maxPool("pool2", { kernel: 5 });
    b.flatten("flat");
    b.linear("fc", { features: 4 });
  });

const images = tensor(Uint8Array.from({ length: IMAGES * 144 }, (_, at) => hash(9, at) % 256), [IMAGES, 12, 12, 1]);
const data: Dataset = { name: "noise", images, labels: Uint8Array.from({ length: IMAGES }, (_, at) => at % 4), classes: [] };
const bits = { weights: dorefa({ bits: 3 }), activations: pact({ bits: 3, alpha: 2 }) };
const arrays = pipeline().quantize({ ...bits, last: dorefa({ bits: 3 }), digital: ["conv1"] }).decompose({ cellBits: 1 }).map({ rows: 32 });
const options = { adc: { bits: 6, range: "full" }, backend: "reference" } as const;
const NOISY: ProgramOptions = { device: "pcm_like", time: 3600, seed: 4 };

Deno.test("simulate() of a perfect programmed network is that of a mapped one", async () => {
  const plain = await arrays.simulate(options).run(small(), data), perfect = await arrays.program().simulate(options).run(small(), data);
  assertEquals(perfect.logitError, plain.logitError);
  assertEquals(perfect.layers, plain.layers);
  assertEquals([plain.program, perfect.program!.device.model], [undefined, "generic"]);
});

Deno.test("simulate() of a chip repeats from its seed, whatever the batch", async () => {
  const run = (batch: number, more: ProgramOptions = {}) =>
    arrays.program({ ...NOISY, ...more }).simulate({ ...options, batch }).run(small(), data);
  const [all, apart, other] = [await run(6), await run(1), await run(6, { seed: 5 })];
  assert(all.logitError > 0);
  assertEquals(apart.logitError, all.logitError);
  assertNotEquals(other.logitError, all.logitError);
  assert(all.table().includes("pcm_like") && all.table().includes("3600 s"));
  const stored = JSON.parse(JSON.stringify(all)).configuration.program as ProgramOptions;
  assertEquals((await run(3, stored)).logitError, all.logitError);
});

Deno.test("simulate() runs through wires, solved before", async () => {
  const phases = new Set<string>(), wires = { wordLine: 30, bitLine: 30 };
  const run = (more: ProgramOptions) =>
    arrays.program(more).simulate({ ...options, threads: 2 }).run(small(), data, { onProgress: (phase) => phases.add(phase) });
  const [dry, wired] = [await run({ device: "rram_milo" }), await run({ device: "rram_milo", wires })];
  assertNotEquals(wired.logitError, dry.logitError);
  assert(wired.table().includes("wires 30 and 30 Ω, G_max 225 µS"));
  assertEquals([...phases], ["quantised", "crossbar", "wires of crossbar"]);
  let solved = 0;
  const solveWires: WireSolver = (cells, wires) => {
    solved += cells.length;
    return Promise.resolve(cells.map((array) => effectiveConductance(array, wires)));
  };
  const own = await arrays.program({ device: "rram_milo", wires }).simulate({ ...options, solveWires }).run(small(), data);
  assertEquals([own.logitError, solved], [wired.logitError, wired.layers.reduce((sum, layer) => sum + layer.arrays, 0)]);
});

Deno.test("simulate() disturbs converters of perfect arrays, as programmed ones' or not", async () => {
  const run = (adc: object, seed = 1) => arrays.simulate({ ...options, adc: { ...options.adc, ...adc }, seed }).run(small(), data);
  const [plain, noisy, again, other, unlike] = [
    await run({}),
    await run({ noise: 1 }),
    await run({ noise: 1 }),
    await run({ noise: 1 }, 2),
    await run({ columns: { gain: 0.1, offset: 1 } }),
  ];
  assertNotEquals(noisy.logitError, plain.logitError);
  assertEquals(again.logitError, noisy.logitError);
  assertNotEquals(other.logitError, noisy.logitError);
  assertNotEquals(unlike.logitError, plain.logitError);
  const many = await arrays.program().simulate({ ...options, adc: { ...options.adc, columns: { offset: 1 } }, draws: 3 }).run(
    small(),
    data,
  );
  assertEquals(many.monteCarlo!.draws, 3);
});

Deno.test("simulate() takes the converters of an earlier result and calibrates nothing", async () => {
  const calibration = () => Promise.resolve(data);
  for (const adc of [{ bits: 4 }, { bits: 3, kind: "lloydMax", perSlice: true }, { bits: 5, noise: 0.5, columns: { inl: 1 } }] as const) {
    const first = await arrays.program(NOISY).simulate({ adc, backend: "reference" }).run(small(), { ...data, calibration });
    const saved = JSON.parse(JSON.stringify(first.converters)) as typeof first.converters;
    const again = await arrays.program(NOISY).simulate({ adc, converters: saved, backend: "reference" }).run(small(), data);
    assertEquals(again.logitError, first.logitError);
    assertEquals(again.converters, first.converters);
  }
  const wrong = { converters: { conv9: { bits: 4 } } };
  await assertRejects(() => arrays.simulate({ ...options, ...wrong }).run(small(), data), OptionError, "simulate.converters.conv9");
});

Deno.test("simulate() estimates the chip with the bits that reached it", async () => {
  const bright = { ...data, images: tensor(new Uint8Array(IMAGES * 144).fill(255), images.shape) };
  const run = async (set: Dataset, estimate = {}) => (await arrays.simulate({ ...options, estimate }).run(small(), set)).estimate!;
  const [noise, full] = [await run(data), await run(bright)];
  assert(noise.chip.areaUm2 > 0 && noise.chip.areaUm2 === full.chip.areaUm2);
  assertNotEquals(noise.chip.energyPj, full.chip.energyPj);
  const total = noise.layers.reduce((sum, { energyPj }) => sum + energyPj, 0);
  assert(total > 0 && total <= noise.chip.energyPj * (1 + 1e-9));
  const [small_, large] = [await run(data, { node: 22 }), await run(data, { node: 65 })];
  assert(large.chip.areaUm2 > small_.chip.areaUm2);
  const plain = await arrays.simulate(options).run(small(), data);
  assertEquals(plain.estimate, undefined);
  await assertRejects(() => arrays.simulate({ ...options, estimate: { nod: 22 } as never }).run(small(), data), OptionError, "nod");
});

Deno.test("simulate() draws chips, of which the first is the one simulated alone", async () => {
  const phases: string[] = [];
  const many = await arrays.program(NOISY).simulate({ ...options, draws: 4, batch: 6 }).run(small(), data, {
    onProgress: (phase, done, total) => phases.push(`${phase} ${done}/${total}`),
  });
  const one = await arrays.program(NOISY).simulate(options).run(small(), data), samples = many.monteCarlo!.samples["accuracy"]!;
  assertEquals(samples.length, 4);
  assertEquals(samples[0], one.accuracy.crossbar);
  assertAlmostEquals(many.accuracy.crossbar, samples.reduce((sum, share) => sum + share, 0) / 4);
  assert(many.logitError >= one.logitError);
  assertEquals(phases, ["quantised 6/6", "chip 1 of 4 6/6", "chip 2 of 4 6/6", "chip 3 of 4 6/6", "chip 4 of 4 6/6"]);
  assertEquals(many.configuration["draws"], 4);
  assert(many.table().includes("4 chips, seed 4"));
});

Deno.test("simulate() stops drawing once the mean is known, and gives back what was drawn when aborted", async () => {
  const still = await arrays.program({ seed: 2 }).simulate({ ...options, draws: 50, halfWidth: 0.01 }).run(small(), data);
  assertEquals([still.monteCarlo!.draws, still.monteCarlo!.stopped], [5, "half-width"]);
  const controller = new AbortController();
  const onProgress = (phase: string) => phase === "chip 2 of 9" ? controller.abort(new Error("enough")) : undefined;
  const cut = await arrays.program(NOISY).simulate({ ...options, draws: 9, batch: 6 }).run(small(), data, {
    signal: controller.signal,
    onProgress,
  });
  assert(cut.monteCarlo!.draws < 9);
  assertEquals(cut.monteCarlo!.stopped, "aborted");
});

Deno.test("simulate() widens chosen ranges where the lowest state conducts unsubtracted, and leaves given ones", async () => {
  const mapped = map(decompose(quantize(small(), { ...bits, digital: ["conv1"] }), { reference: "digital", cellBits: 1 }), { rows: 32 });
  const chip = program(mapped, { device: { model: "generic", onOff: 5 } });
  const layer = async (network: typeof mapped | typeof chip, range: "full" | [number, number]) => {
    return (await simulate(network, data, { adc: { bits: 6, range }, backend: "reference" })).layers[0]!.adc!;
  };
  const [ideal, wide] = [await layer(mapped, "full"), await layer(chip, "full")],
    rows = Math.max(...mapped.layer("conv2").arrays.map(({ rows }) => rows));
  assertAlmostEquals(wide.step * (wide.levels - 1), ideal.step * (ideal.levels - 1) + rows / 4, 1e-9);
  assertEquals((await layer(chip, [0, 20])).step, (await layer(mapped, [0, 20])).step);
});

Deno.test("simulate() refuses what makes no sense on chips", async () => {
  const run = (more: object) => arrays.program(NOISY).simulate({ ...options, ...more }).run(small(), data);
  await assertRejects(() => run({ solveWires: "gpu" }), OptionError, "simulate.solveWires");
  await assertRejects(() => run({ draws: 0 }), OptionError, "simulate.draws");
  await assertRejects(() => run({ halfWidth: 0.1 }), OptionError, "simulate.halfWidth");
  await assertRejects(() => run({ draws: 3, confidence: 1 }), OptionError, "simulate.confidence");
  await assertRejects(() => run({ adc: { bits: 6, range: "dynamic" } }), OptionError, "simulate.adc.range");
});
