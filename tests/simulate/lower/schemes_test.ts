// Every weight scheme end to end: lossless converters give the quantised sums, lossy ones what the arrays as they stand give, on every backend.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import type { ResolvedAdc } from "../../../lib/circuit/adc.ts";
import { decompose, type DecomposeOptions } from "../../../lib/decompose/decompose.ts";
import { DeviceError } from "../../../lib/errors.ts";
import { map } from "../../../lib/map/map.ts";
import { hash } from "../../../lib/random.ts";
import type { Backend } from "../../../lib/simulate/backend.ts";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import { type LoweredProgram, lowerMapped, lowerQuantized } from "../../../lib/simulate/lower/lower.ts";
import { lowerPlan, planLayer } from "../../../lib/simulate/lower/placed.ts";
import { calibrate } from "../../../lib/simulate/observe/calibrate.ts";
import type { Program, Value } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { webgpuBackend } from "../../../lib/simulate/webgpu/backend.ts";
import type { Tensor } from "../../../lib/tensor.ts";
import { quantizedLayer, randomCodes } from "../../decompose/quantized.ts";
import { converted } from "../converted.ts";
import { randomQuantized } from "../random_network.ts";
import { randomImages } from "../random_program.ts";

const SCHEMES: DecomposeOptions[] = [
  { cellBits: 2, subtraction: "digital" },
  { cellBits: 1, scheme: "balanced", sides: "two" },
  { cellBits: 4, scheme: "balanced", sides: "two", subtraction: "digital" },
  { cellBits: 2, scheme: "balanced", subtraction: "digital" },
  { cellBits: 2, scheme: "pairs", pairs: 3 },
  { cellBits: 1, scheme: "pairs", pairs: 2, sides: "two", subtraction: "digital" },
  { sliceBits: [1, 3] },
  { sliceBits: [3, 1], subtraction: "digital" },
  { scheme: "twosComplement", sliceBits: [2, 1] },
  { cellBits: 4, layers: { "conv*": { cellBits: 1, subtraction: "digital" }, conv3: { scheme: "pairs" }, fc: { scheme: "balanced" } } },
];

async function logits(backend: Backend, program: LoweredProgram, images: Tensor<Uint8Array>): Promise<Float32Array> {
  await using session = await backend.prepare(program);
  return (await session.run(images)).output.data;
}

/** Mapped networks of every scheme with the exact sums' logits. */
function cases() {
  return SCHEMES.map((options, seed) => {
    const quantized = randomQuantized(seed, { signed: seed % 2 === 0, bits: 4 });
    const mapped = map(decompose(quantized, options), { rows: 20, columns: 64, algorithm: seed % 3 === 0 ? "kernel" : "im2col" });
    const baseline = lowerQuantized(quantized);
    return { mapped, baseline, images: randomImages(seed, baseline, 2), digitBits: 1 + seed % 2 };
  });
}

Deno.test("lowerMapped() with a lossless ADC gives exactly the baseline's logits for every scheme", async () => {
  await using cpu = await cpuBackend({ threads: 2 });
  for (const [index, { mapped, baseline, images, digitBits }] of cases().entries()) {
    const adcs = await calibrate(mapped, { bits: 16, range: "full" }, undefined, referenceBackend(), { digitBits });
    const wanted = await logits(cpu, baseline, images), program = lowerMapped(mapped, adcs, { digitBits });
    assert(new Set(wanted).size > 5, "logits differ");
    assertEquals(await logits(referenceBackend(), program, images), wanted, `scheme ${index}`);
    assertEquals(await logits(cpu, program, images), wanted, `scheme ${index}`);
  }
});

Deno.test("lowerMapped() runs every scheme with calibrated 6-bit converters, alike on all backends", async (test) => {
  const programs = await Promise.all(
    cases().map(async ({ mapped, images, baseline, digitBits }) => {
      const adcs = await calibrate(mapped, { bits: 6, range: "mse" }, images, referenceBackend(), { digitBits });
      const coarse = await calibrate(mapped, { bits: 2, range: "mse" }, images, referenceBackend(), { digitBits });
      const [program, rough] = [adcs, coarse].map((chosen) => lowerMapped(mapped, chosen, { digitBits }));
      return { program: program!, rough: rough!, images, exact: await logits(referenceBackend(), baseline, images) };
    }),
  );
  const wanted = await Promise.all(programs.map(({ program, images }) => logits(referenceBackend(), program, images)));
  for (const [index, { rough, images, exact }] of programs.entries()) {
    const miss = (got: Float32Array) => got.reduce((sum, value, i) => sum + (value - exact[i]!) ** 2, 0);
    const far = await logits(referenceBackend(), rough, images);
    assert(miss(wanted[index]!) < miss(far), `scheme ${index}: ${miss(wanted[index]!)} at 6 bits, ${miss(far)} at 2`);
    assertNotEquals(far, exact);
  }
  await using cpu = await cpuBackend({ threads: 2 });
  for (const [index, { program, images }] of programs.entries()) {
    assertEquals(await logits(cpu, program, images), wanted[index], `scheme ${index}`);
  }
  const webgpu = await webgpuBackend().catch((error) => {
    if (error instanceof DeviceError) return undefined;
    throw error;
  });
  await test.step({
    name: webgpu === undefined ? "skipped: no adapter" : webgpu.description,
    ignore: webgpu === undefined,
    fn: async () => {
      await using backend = webgpu!;
      for (const [index, { program, images }] of programs.entries()) {
        assertEquals(await logits(backend, program, images), wanted[index], `scheme ${index}`);
      }
    },
  });
});

Deno.test("planLayer() converts what each physical column carries, for every scheme on random layers", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const { layers: _, ...options } = SCHEMES[seed % SCHEMES.length]!;
    const [out, inputs, height] = [1 + hash(seed, 1) % 4, 1 + hash(seed, 2) % 4, 3 + hash(seed, 3) % 3];
    const quantized = quantizedLayer(randomCodes([out, inputs, 3, 2], 4, seed % 2 === 0, seed), { image: [height, 4], padding: [1, 0] });
    const layer = map(decompose(quantized, options), { rows: 4 + seed % 9, columns: 30, algorithm: "im2col" }).layer("layer");
    const { geometry } = layer.placement, digitBits = 1 + seed % 3, plan = planLayer(layer, 3, digitBits);
    const images: Tensor<Uint8Array> = {
      shape: [1, ...geometry.inputShape],
      data: Uint8Array.from({ length: height * 4 * inputs }, (_, i) => hash(seed, 4, i) % 8),
    };
    const adc: ResolvedAdc = { levels: 8, lo: -2.37, step: 0.73, unit: plan.unit };
    const values: Value[] = [
      { type: "u8", shape: geometry.inputShape, name: "codes" },
      { type: "i32", shape: geometry.outputShape, name: "sums" },
      { type: "f32", shape: geometry.outputShape, name: "out" },
    ];
    const value = (type: Value["type"], shape: Value["shape"]) => values.push({ type, shape, name: "part" }) - 1;
    const { steps, gain, constant } = lowerPlan(plan, adc, { input: 0, output: 1, value });
    const scale = new Float32Array(out).fill(1), bias = new Float32Array(out);
    const program: Program = { values, steps: [...steps, { op: "affine", input: 1, output: 2, scale, bias }], output: 2 };
    await using session = await referenceBackend().prepare(program);
    const sums = (await session.run(images, [1])).taps.get(1)!.data;
    const { output, seen } = converted(layer, images.data, adc, 3, digitBits);
    output.forEach((wanted, i) => assertAlmostEquals(gain * sums[i]! + constant, wanted, 1e-5 * (1 + Math.abs(wanted)), `seed ${seed}`));
    const reach = [...seen.keys()].map((sum) => sum / plan.unit), [low, high] = plan.fullScale;
    assert(reach.every((sum) => sum >= low && sum <= high), `seed ${seed}: full scale ${low} … ${high}`);
    const apart = options.subtraction === "digital" || options.scheme === "twosComplement";
    assertEquals(low, apart ? 0 : -high, `seed ${seed}: only what is subtracted in the array needs a signed converter`);
  }
});
