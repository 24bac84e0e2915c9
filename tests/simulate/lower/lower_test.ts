import { assert, assertEquals, assertThrows } from "@std/assert";
import type { LayerAdc } from "../../../lib/circuit/adc.ts";
import { decompose } from "../../../lib/decompose/decompose.ts";
import { GraphError, MappingError, NumericError, OptionError } from "../../../lib/errors.ts";
import { map } from "../../../lib/map/map.ts";
import type { MappedNetwork } from "../../../lib/map/mapped.ts";
import { calibrate } from "../../../lib/simulate/observe/calibrate.ts";
import { type LoweredProgram, lowerMapped, lowerQuantized } from "../../../lib/simulate/lower/lower.ts";
import { fraction } from "../../../lib/simulate/lower/crossbar.ts";
import { observe } from "../../../lib/simulate/observe/observe.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import type { Tensor } from "../../../lib/tensor.ts";
import { randomImages } from "../random_program.ts";
import { randomQuantized } from "../random_network.ts";

async function logits(program: LoweredProgram, images: Tensor<Uint8Array>): Promise<Float32Array> {
  await using session = await referenceBackend().prepare(program);
  return (await session.run(images)).output.data;
}

function fullScale(mapped: MappedNetwork, bits: number): Promise<Record<string, LayerAdc>> {
  return calibrate(mapped, { bits, range: "full" }, undefined, referenceBackend());
}

Deno.test("lowerMapped() with a lossless ADC gives exactly the baseline's logits for all schemes, cell bits, maps and digits", async () => {
  let seed = 0;
  for (const scheme of ["offset", "balanced", "twosComplement"] as const) {
    for (const cellBits of [1, 2, 3, 4]) {
      for (const algorithm of ["im2col", "kernel"] as const) {
        seed++;
        const quantized = randomQuantized(seed, { signed: seed % 3 === 0, bits: seed % 2 === 0 ? 4 : 3 });
        const reference = scheme === "offset" && seed % 2 === 0 ? "digital" as const : undefined;
        const mapped = map(decompose(quantized, { scheme, cellBits, ...(reference ? { reference } : {}) }), {
          rows: 10,
          columns: 64,
          algorithm,
        });
        const baseline = lowerQuantized(quantized);
        const images = randomImages(seed, baseline, 3);
        const wanted = await logits(baseline, images);
        assert(new Set(wanted).size > 5, "logits differ");
        const adcs = await calibrate(mapped, { bits: 16, range: "full" }, undefined, referenceBackend(), { digitBits: 1 + seed % 4 });
        assertEquals(await logits(lowerMapped(mapped, adcs, { digitBits: 1 + seed % 4 }), images), wanted);
      }
    }
  }
});

Deno.test("lowerQuantized() agrees with real arithmetic on fake-quantised values", async () => {
  const quantized = randomQuantized(7);
  const program = lowerQuantized(quantized);
  const images = randomImages(7, program, 2);
  const bits = { ...quantized, weights: {}, activations: {} };
  const parameters = { ...quantized.network.parameters };
  for (const [name, { codes, zero, scale }] of Object.entries(quantized.weights)) {
    parameters[`${name}.weight`] = { shape: codes.shape, data: Float32Array.from(codes.data, (code) => (code - zero) * scale) };
  }
  const float = lowerQuantized({ ...bits, activations: quantized.activations, network: { ...quantized.network, parameters } });
  assert(float.steps.some(({ op }) => op === "float") && !float.steps.some(({ op }) => op === "integer"));
  const [a, b] = [await logits(program, images), await logits(float, images)];
  a.forEach((value, index) => assert(Math.abs(value - b[index]!) < 1e-3, `${value} ${b[index]}`));
});

Deno.test("lowerMapped() with a dynamic 24-bit ADC stays within rounding of the baseline", async () => {
  const quantized = randomQuantized(3);
  const mapped = map(decompose(quantized, { cellBits: 2 }), { rows: 16, columns: 64, algorithm: "im2col" });
  const baseline = lowerQuantized(quantized);
  const images = randomImages(3, baseline, 2);
  const adcs = await calibrate(mapped, { bits: 24, range: "dynamic" }, undefined, referenceBackend());
  const [a, b] = [await logits(baseline, images), await logits(lowerMapped(mapped, adcs), images)];
  a.forEach((value, index) => assert(Math.abs(value - b[index]!) < 1e-3 * (1 + Math.abs(value)), `${value} ${b[index]}`));
});

Deno.test("lowerMapped() carries an ADC's step and offset into the sums, with and without digital correction", async () => {
  for (const reference of ["dummy", "digital"] as const) {
    const quantized = randomQuantized(5, { digital: ["conv1", "conv2", "fc"] });
    const mapped = map(decompose(quantized, { cellBits: 2, reference }), { rows: 16, columns: 64, algorithm: "im2col" });
    const unit = reference === "dummy" ? 0.5 : 1;
    const images = randomImages(5, lowerQuantized(quantized), 2);
    for (const step of [0.0071, 1 / 3, 0.7499]) {
      const adc = { levels: 2 ** 14, lo: -50.0123, step, unit };
      const programs = [lowerQuantized(quantized), lowerMapped(mapped, { conv3: adc })];
      const [exact, converted] = await Promise.all(programs.map(async (program) => {
        const { input, output } = program.layers.conv3!;
        const affine = program.steps.find((each) => each.op === "affine" && each.input === output)!;
        await using session = await referenceBackend().prepare(program);
        const { taps } = await session.run(images, [input, affine.output]);
        return { codes: taps.get(input) as Tensor<Uint8Array>, reals: taps.get(affine.output)!.data };
      }));
      const scale = quantized.weights.conv3!.scale * 0.7;
      let noise = 0, largest = 0;
      exact!.reals.forEach((value, index) => {
        const miss = (value - converted!.reals[index]!) / scale;
        noise += miss ** 2;
        largest = Math.max(largest, Math.abs(miss));
      });
      // 5 tiles × 15 (digits) × 5 (slices) conversions, each off by at most half a step
      assert(largest < 375 * step / 2 && largest > 0, `${reference} ${step}: ${largest}`);
      const { power } = observe(programs[1]!.layers.conv3!.plan!, exact!.codes, { adc, budget: Infinity });
      assert(Math.abs(power!.noise / noise - 1) < 1e-3, `${reference} ${step}: ${power!.noise} ${noise}`);
    }
  }
});

Deno.test("lowerMapped() puts the first layer on arrays where pixels have zero 0 or there is no padding", async () => {
  const quantized = randomQuantized(9, { digital: [] });
  const plain = { ...quantized, network: { ...quantized.network, encoding: { zero: 0, scale: 1 / 64 } } };
  const mapped = map(decompose(plain), { rows: 16, columns: 64, algorithm: "im2col" });
  const baseline = lowerQuantized(plain);
  const images = randomImages(9, baseline, 2);
  assertEquals(await logits(lowerMapped(mapped, await fullScale(mapped, 10)), images), await logits(baseline, images));
  const padded = map(decompose(quantized), { rows: 16, columns: 64, algorithm: "im2col" });
  const adcs = await fullScale(padded, 10);
  assertThrows(() => lowerMapped(padded, adcs), MappingError, "conv1");
  const layers = quantized.network.layers.slice(0, 3).map((layer) => layer.op === "conv" ? { ...layer, padding: [0, 0] as const } : layer);
  const bare = { ...quantized, network: { ...quantized.network, layers }, digital: [] };
  const own = map(decompose(bare), { rows: 16, columns: 64, algorithm: "im2col" });
  assertEquals(await logits(lowerMapped(own, await fullScale(own, 10)), images), await logits(lowerQuantized(bare), images));
});

Deno.test("lowerMapped() refuses what it cannot do", async () => {
  const quantized = randomQuantized(1);
  const mapped = map(decompose(quantized), { columns: 64, algorithm: "im2col" });
  const adcs = await fullScale(mapped, 10);
  assertThrows(() => lowerMapped(mapped, {}), OptionError, "ADC of conv2");
  assertThrows(() => lowerMapped(mapped, adcs, { digitBits: 0 }), OptionError, "simulate.digitBits");
  assertThrows(() => lowerMapped(mapped, adcs, { digits: 1 } as never), OptionError, "simulate.digits");
  const huge = { ...adcs, conv2: { levels: 2 ** 24, lo: -1e6, step: 1e-4, unit: 0.5 } };
  assertThrows(() => lowerMapped(mapped, huge), NumericError, "conv2");
  const { relu1: _, ...activations } = quantized.activations;
  const real = map(decompose({ ...quantized, activations }), { columns: 64, algorithm: "im2col" });
  assertThrows(() => lowerMapped(real, adcs), GraphError, "conv2");
  const wide = { ...quantized, activations: { ...quantized.activations, relu1: { bits: 9, step: 1 } } };
  assertThrows(() => lowerQuantized(wide), OptionError, "relu1");
});

Deno.test("fraction() finds close fractions within a bound", () => {
  assertEquals(fraction(0.5, () => true), [1, 2]);
  assertEquals(fraction(3, () => true), [3, 1]);
  for (const value of [0.0071, 1 / 3, Math.PI, 12.3456]) {
    const [p, q] = fraction(value, (p, q) => p < 20000 && q < 20000);
    assert(Math.abs(p / q - value) < 1e-6 * Math.max(1, value), `${p}/${q}`);
  }
  assertEquals(fraction(0.001, (_, q) => q < 10), [0, 1]);
});
