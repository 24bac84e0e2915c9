// Networks through placements of every kind: against the arrays as they stand, against the quantised network, and backend against backend.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import type { LayerAdc, ResolvedAdc } from "../../../lib/circuit/adc.ts";
import { decompose, type DecomposeOptions } from "../../../lib/decompose/decompose.ts";
import { DeviceError } from "../../../lib/errors.ts";
import { map, mapLayer, type MapOptions } from "../../../lib/map/map.ts";
import { hash } from "../../../lib/random.ts";
import type { Backend } from "../../../lib/simulate/backend.ts";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import { type LoweredProgram, lowerMapped, lowerQuantized } from "../../../lib/simulate/lower/lower.ts";
import { lowerPlan, planLayer } from "../../../lib/simulate/lower/placed.ts";
import { conversionUnits, unfolding } from "../../../lib/simulate/lower/units.ts";
import { calibrate } from "../../../lib/simulate/observe/calibrate.ts";
import { decibels, observe } from "../../../lib/simulate/observe/observe.ts";
import type { Program, Value } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { webgpuBackend } from "../../../lib/simulate/webgpu/backend.ts";
import type { Tensor } from "../../../lib/tensor.ts";
import { quantizedLayer, randomCodes } from "../../decompose/quantized.ts";
import { problem, randomProblem } from "../../map/problems.ts";
import { windows } from "../../map/windows.ts";
import { converted } from "../converted.ts";
import { randomQuantized } from "../random_network.ts";
import { randomImages } from "../random_program.ts";

const ALGORITHMS: MapOptions["algorithm"][] = ["im2col", "kernel", "smd", "sdk", "vw-sdk", "best", windows];
const SCHEMES: DecomposeOptions[] = [{}, { reference: "digital" }, { scheme: "balanced" }, { scheme: "twosComplement" }];

/** A random layer on arrays by one of the algorithms. */
function randomLayer(seed: number, algorithm: NonNullable<MapOptions["algorithm"]>) {
  const { geometry, rows } = randomProblem(seed, { image: 6 });
  const { kernel, stride, padding, dilation, groups, inputShape: [height, width, channels], outputShape } = geometry;
  const weights = randomCodes([outputShape[2], channels / groups, ...kernel], 1 + seed % 4, seed % 3 === 0, seed);
  const quantized = quantizedLayer(weights, { stride, padding, dilation, groups, image: [height, width] });
  const sliced = decompose(quantized, { cellBits: 1 + seed % 2, ...SCHEMES[seed % 4] }).layer("layer");
  const columns = 9 + seed % 40;
  return { layer: mapLayer(sliced, geometry, { rows, columns, algorithm }), geometry };
}

/** The layer alone as a program: value 0 its codes, value 1 its sums. */
function alone(layer: ReturnType<typeof mapLayer>, adc: LayerAdc, digitBits: number) {
  const { geometry } = layer.placement, plan = planLayer(layer, 3, digitBits);
  const values: Value[] = [
    { type: "u8", shape: geometry.inputShape, name: "codes" },
    { type: "dynamic" in adc ? "f32" : "i32", shape: geometry.outputShape, name: "sums" },
    { type: "f32", shape: geometry.outputShape, name: "out" },
  ];
  const value = (type: Value["type"], shape: Value["shape"]) => values.push({ type, shape, name: "part" }) - 1;
  const { steps, gain, constant } = lowerPlan(plan, adc, { input: 0, output: 1, value });
  const [, , channels] = geometry.outputShape;
  const affine = {
    op: "affine",
    input: 1,
    output: 2,
    scale: new Float32Array(channels).fill(1),
    bias: new Float32Array(channels),
  } as const;
  return { program: { values, steps: [...steps, affine], output: 2 } as Program, plan, gain, constant };
}

function codes(seed: number, shape: readonly number[]): Tensor<Uint8Array> {
  const length = shape.reduce((product, extent) => product * extent, 1);
  return { shape: [1, ...shape], data: Uint8Array.from({ length }, (_, at) => hash(seed, 5, at) % 8) };
}

async function sums(backend: Backend, program: Program, images: Tensor<Uint8Array>): Promise<Int32Array> {
  await using session = await backend.prepare(program);
  return (await session.run(images, [1])).taps.get(1)!.data as Int32Array;
}

Deno.test("conversionUnits() sees through placements that convert alike", () => {
  const { geometry, rows } = problem({ image: 6, kernel: 3, padding: 1, in: 2, out: 3, rows: 18, columns: 12 });
  const layer = (algorithm: NonNullable<MapOptions["algorithm"]>, rows: number) => {
    const sliced = decompose(quantizedLayer(randomCodes([3, 2, 3, 3], 1, false, 1), { padding: [1, 1], image: [6, 6] })).layer("layer");
    return mapLayer(sliced, geometry, { rows, columns: 13, algorithm });
  };
  // 18 rows: im2col in one tile. VW-SDK's windows hold whole kernels, channel by channel: one tile per channel, all outputs alike.
  assertEquals(unfolding(geometry, conversionUnits(layer("im2col", rows).placement))!.tiles, [0, 18]);
  const units = conversionUnits(layer("vw-sdk", 16).placement);
  assertEquals(unfolding(geometry, units)!.tiles, [0, 9, 18]);
  assertEquals([...units[0]!.tiles[1]!], [1, 3, 5, 7, 9, 11, 13, 15, 17]);
  // Windows of 4 × 4 pixels cut at 18 of 32 rows: four kinds of column, each cut elsewhere, some idle at the border.
  const cut = layer(windows, 18), mixed = conversionUnits(cut.placement);
  assertEquals(unfolding(geometry, mixed), undefined);
  for (const { tiles, columns, pixels } of mixed) {
    assert(tiles.every(({ length }) => length > 0 && length <= 18));
    assertEquals(columns.length, 3);
    assertEquals(new Set(pixels).size, pixels.length);
  }
});

Deno.test("lowerPlan() gives what the arrays give, activation by activation, for every scheme, mapper and converter offset", async () => {
  const backend = referenceBackend();
  let [placed, biased] = [0, 0];
  for (let seed = 0; seed < 84; seed++) {
    const { layer, geometry } = randomLayer(seed, seed % 2 === 0 ? windows : ALGORITHMS[(seed >> 1) % ALGORITHMS.length]!);
    const digitBits = 1 + seed % 3, images = codes(seed, geometry.inputShape);
    const unit = planLayer(layer, 3, digitBits).unit;
    for (const adc of [{ levels: 8, lo: -1.37, step: 0.73, unit }, { levels: 4, lo: 1, step: 1, unit }] satisfies ResolvedAdc[]) {
      const { program, plan, gain, constant } = alone(layer, adc, digitBits);
      if ("units" in plan) placed++;
      if (program.steps.some((step) => step.op === "scatter" && step.bias !== undefined)) biased++;
      const wanted = converted(layer, images.data, adc, 3, digitBits), got = await sums(backend, program, images);
      const tolerance = gain / 2 + 1e-6 * wanted.output.reduce((most, sum) => Math.max(most, Math.abs(sum)), 1);
      wanted.output.forEach((sum, at) => assertAlmostEquals(gain * got[at]! + constant, sum, tolerance, `seed ${seed}, output ${at}`));
      const { histogram, min, power, clipped } = observe(plan, images, { adc, budget: Infinity });
      histogram.forEach((count, index) =>
        assertEquals(count, wanted.seen.get((index + min) * unit) ?? 0, `seed ${seed}, sum ${index + min}`)
      );
      const exact = converted(layer, images.data, { levels: 2 ** 20, lo: -(2 ** 18), step: 0.5, unit }, 3, digitBits);
      const [signal, noise] = [exact.output, exact.output.map((sum, at) => sum - wanted.output[at]!)]
        .map((all) => all.reduce((total, sum) => total + sum ** 2, 0));
      assertAlmostEquals(decibels(power!), decibels({ signal: signal!, noise: noise! }), 1e-6);
      assert(clipped!.low + clipped!.high >= 0);
    }
  }
  assert(placed > 20 && biased > 10, `${placed} layers placed, ${biased} with a start`);
});

Deno.test("lowerPlan() agrees to the bit on the CPU backend, and within rounding with a dynamic range", async () => {
  const reference = referenceBackend();
  await using cpu = await cpuBackend({ threads: 2 });
  for (let seed = 100; seed < 121; seed++) {
    const { layer, geometry } = randomLayer(seed, ALGORITHMS[seed % ALGORITHMS.length]!);
    const digitBits = 1 + seed % 3, images = codes(seed, geometry.inputShape), unit = planLayer(layer, 3, digitBits).unit;
    const { program } = alone(layer, { levels: 8, lo: -2.37, step: 0.73, unit }, digitBits);
    assertEquals(await sums(cpu, program, images), await sums(reference, program, images), `seed ${seed}`);
    const { program: dynamic } = alone(layer, { dynamic: true, levels: 16, unit }, digitBits);
    const [a, b] = [await sums(cpu, dynamic, images), await sums(reference, dynamic, images)];
    b.forEach((sum, at) => assertAlmostEquals(a[at]!, sum, 1e-4 * (1 + Math.abs(sum)), `seed ${seed}`));
  }
});

Deno.test("lowerPlan() agrees to the bit on the webgpu backend", async (test) => {
  const webgpu = await webgpuBackend().catch((error) => {
    if (error instanceof DeviceError) return undefined;
    throw error;
  });
  await test.step({
    name: webgpu === undefined ? "skipped: no adapter" : webgpu.description,
    ignore: webgpu === undefined,
    fn: async () => {
      await using backend = webgpu!;
      for (let seed = 200; seed < 203; seed++) {
        const { layer, geometry } = randomLayer(seed, windows);
        const images = codes(seed, geometry.inputShape), unit = planLayer(layer, 3, 1).unit;
        const { program } = alone(layer, { levels: 8, lo: -2.37, step: 0.73, unit }, 1);
        assertEquals(await sums(backend, program, images), await sums(referenceBackend(), program, images), `seed ${seed}`);
      }
    },
  });
});

async function logits(backend: Backend, program: LoweredProgram, images: Tensor<Uint8Array>): Promise<Float32Array> {
  await using session = await backend.prepare(program);
  return (await session.run(images)).output.data;
}

Deno.test("lowerMapped() with a lossless ADC gives exactly the baseline's logits through every algorithm and scheme", async () => {
  await using cpu = await cpuBackend({ threads: 2 });
  let seed = 0;
  for (const algorithm of ALGORITHMS) {
    for (const scheme of SCHEMES) {
      seed++;
      const quantized = randomQuantized(seed, { bits: 3 });
      const mapped = map(decompose(quantized, { cellBits: 2, ...scheme }), { rows: 20, columns: 64, algorithm: algorithm! });
      const baseline = lowerQuantized(quantized), images = randomImages(seed, baseline, 2);
      const adcs = await calibrate(mapped, { bits: 16, range: "full" }, undefined, referenceBackend());
      const wanted = await logits(cpu, baseline, images), program = lowerMapped(mapped, adcs);
      assertEquals(await logits(cpu, program, images), wanted);
      assertEquals(await logits(referenceBackend(), program, images), wanted);
    }
  }
});

Deno.test("lowerMapped() lets a clipping ADC see the placement's own partial sums", async () => {
  const quantized = randomQuantized(3, { digital: ["conv1", "conv2", "fc"] });
  const images = randomImages(3, lowerQuantized(quantized), 3);
  const outputs = [];
  for (const algorithm of ["im2col", "kernel", windows] as const) {
    const mapped = map(decompose(quantized, { cellBits: 2 }), { rows: 60, columns: 64, algorithm });
    const adcs = await calibrate(mapped, { bits: 3, range: "percentile", percentile: 0.9 }, images, referenceBackend());
    const [first, again] = [adcs, await calibrate(mapped, { bits: 3, range: "percentile", percentile: 0.9 }, images, referenceBackend())];
    assertEquals(first, again);
    outputs.push(await logits(referenceBackend(), lowerMapped(mapped, adcs), images));
  }
  assertNotEquals(outputs[0], outputs[1]);
  assertNotEquals(outputs[0], outputs[2]);
});
