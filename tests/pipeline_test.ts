import { assert, assertEquals, assertNotEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { dorefa, lenet, OptionError, pact, pipeline, type Stage, tensor } from "../mod.ts";
import type { Dataset, QuantizedNetwork } from "../mod.ts";

const images = tensor(Uint8Array.from({ length: 4 * 784 }, (_, index) => (index * 37) % 256), [4, 28, 28, 1]);
const data: Dataset = { name: "ramp", images, labels: Uint8Array.of(0, 1, 2, 3), classes: [] };
const bits = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4, alpha: 2 }) };
const chip = pipeline().quantize(bits).decompose({ cellBits: 1 }).map({ rows: 64, algorithm: "im2col" });

Deno.test("pipeline() is immutable: a prefix serves several continuations", async () => {
  const narrow = chip.simulate({ adc: { bits: 2, range: "full" }, backend: "reference" });
  const wide = chip.simulate({ adc: { bits: 8, range: "full" }, backend: "reference" });
  assertEquals([chip.stages.length, narrow.stages.length, wide.stages.length], [3, 4, 4]);
  const [lossy, lossless] = [await narrow.run(lenet(), data), await wide.run(lenet(), data)];
  assertEquals(lossless.logitError, 0);
  assert(lossy.logitError > 0);
  assertEquals(lossless.layers.map(({ sqnr }) => sqnr), lossless.layers.map(() => null));
});

Deno.test("pipeline() takes stages of the user's between its own", async () => {
  const dead: Stage<QuantizedNetwork, QuantizedNetwork> = {
    name: "dead weights",
    run: (network) => {
      const { codes, ...rest } = network.weights["conv2"]!;
      const zeroed = { ...rest, codes: { ...codes, data: new Int16Array(codes.data.length) } };
      return { ...network, weights: { ...network.weights, conv2: zeroed } };
    },
  };
  const options = { adc: { bits: 8, range: "full" }, backend: "reference" } as const;
  const broken = await pipeline().quantize(bits).pipe(dead).decompose().map().simulate(options).run(lenet(), data);
  assertEquals(broken.accuracy.crossbar, broken.accuracy.quantized);
  assertThrows(() => pipeline().pipe({} as Stage<unknown, unknown>), OptionError, "pipe");
});

Deno.test("pipeline() stops when its signal is aborted, and reports progress", async () => {
  const seen: string[] = [];
  const simulated = chip.simulate({ adc: { bits: 8, range: "full" }, backend: "reference", batch: 2 });
  await simulated.run(lenet(), data, { onProgress: (stage, done, total) => seen.push(`${stage} ${done}/${total}`) });
  assertEquals(seen, ["quantised 2/4", "quantised 4/4", "crossbar 2/4", "crossbar 4/4"]);
  await assertRejects(() => simulated.run(lenet(), data, { signal: AbortSignal.abort(new Error("enough")) }), Error, "enough");
});

Deno.test("simulate() reports the cycles of the mapping it ran through", async () => {
  const sliced = pipeline().quantize(bits).decompose({ cellBits: 4 });
  const options = { adc: { bits: 14, range: "full" }, backend: "cpu" } as const;
  const cycles = [];
  for (const algorithm of ["im2col", "smd", "vw-sdk"] as const) {
    const result = await sliced.map({ rows: 256, columns: 65, algorithm }).simulate(options).run(lenet(), data);
    assertEquals(result.logitError, 0);
    assertEquals(result.cycles, result.layers.reduce((sum, layer) => sum + layer.cycles, 0));
    assertEquals(result.layers.map(({ algorithm }) => algorithm), result.layers.map(() => algorithm));
    assert(result.table().includes(`${result.cycles} array activations`));
    cycles.push(result.layers[0]!.cycles); // conv2, 150 rows and 16 of 64 columns: one output at once, or windows of several
  }
  assertEquals(cycles, [100, 100, 25]);
});

Deno.test("simulate() says what is missing or unknown", async () => {
  await assertRejects(() => chip.simulate({ backend: "reference" }).run(lenet()), OptionError, "no images");
  await assertRejects(() => chip.simulate({ backend: "reference" }).run(lenet(), data), OptionError, "simulate.calibration");
  await assertRejects(() => chip.simulate({ adcs: 1 } as never).run(lenet(), data), OptionError, "simulate.adcs");
  await assertRejects(() => chip.simulate({ backend: "cuda" } as never).run(lenet(), data), OptionError, "backend");
  await assertRejects(() => chip.simulate({ adc: { bits: 0 } }).run(lenet(), data), OptionError, "simulate.adc.bits");
  await assertRejects(() => chip.simulate({ batch: 0 }).run(lenet(), data), OptionError, "simulate.batch");
});

Deno.test("simulate() gives equal results on all backends that run here, and repeats from its configuration", async () => {
  const options = { adc: { bits: 4 }, calibration: data } as const;
  const [reference, cpu, again] = [
    await chip.simulate({ ...options, backend: "reference" }).run(lenet(), data),
    await chip.simulate({ ...options, backend: "cpu" }).run(lenet(), data),
    await chip.simulate({ ...options, backend: "cpu", threads: 1, batch: 3 }).run(lenet(), data),
  ];
  assertNotEquals(reference.logitError, 0);
  assertEquals(cpu.logitError, reference.logitError);
  assertEquals(again.layers, cpu.layers);
  assertEquals(cpu.layers, reference.layers);
  assertStrictEquals(cpu.table().includes("software baseline"), true);
  assertEquals(JSON.parse(JSON.stringify(cpu)).images, 4);
});
