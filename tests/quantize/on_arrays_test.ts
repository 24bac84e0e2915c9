// Codes of every quantizer on arrays: with lossless converters they give the sums that the digital run gives, per-channel scales included.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { decompose } from "../../lib/decompose/decompose.ts";
import { map } from "../../lib/map/map.ts";
import { quantize } from "../../lib/quantize/quantize.ts";
import type { WeightQuantizer } from "../../lib/quantize/quantizer.ts";
import { lsqActivations } from "../../lib/quantize/lsq.ts";
import { cpuBackend } from "../../lib/simulate/cpu/backend.ts";
import { type LoweredProgram, lowerMapped, lowerQuantized } from "../../lib/simulate/lower/lower.ts";
import { calibrate } from "../../lib/simulate/observe/calibrate.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { tensor } from "../../lib/tensor.ts";
import { randomNet, randomPixels } from "../train/gradients.ts";
import { everyWeightQuantizer } from "./every.ts";

const net = randomNet([6, 6, 3], (b) => {
  b.conv("conv1", { channels: 5, kernel: 3, padding: 1 });
  b.relu("relu1");
  b.conv("conv2", { channels: 6, kernel: 3, padding: 1, bias: false });
  b.batchNorm("bn2");
  b.relu("relu2");
  b.flatten("flatten");
  b.linear("fc", { features: 4 });
});
const images = tensor(randomPixels(3, net.input), [3, ...net.input]);

async function logits(program: LoweredProgram, kind: "reference" | "cpu"): Promise<Float32Array> {
  await using backend = kind === "cpu" ? await cpuBackend({ threads: 1 }) : referenceBackend();
  await using session = await backend.prepare(program);
  return (await session.run(images)).output.data;
}

function quantized(weights: WeightQuantizer) {
  return quantize(net, {
    weights,
    activations: lsqActivations({ bits: 3, alpha: 2.5 }),
    first: weights,
    last: weights,
    digital: ["conv1"],
  });
}

for (const [name, quantizer] of everyWeightQuantizer()) {
  Deno.test(`codes by ${name} on arrays give the digital sums`, async () => {
    const whole = quantized(quantizer), wanted = await logits(lowerQuantized(whole), "reference");
    const mapped = map(decompose(whole, { cellBits: 2 }), { rows: 20, columns: 64 });
    const program = lowerMapped(mapped, await calibrate(mapped, { bits: 16, range: "full" }, undefined, referenceBackend()));
    assert(new Set(wanted).size > 5);
    assertEquals(await logits(program, "reference"), wanted);
    assertEquals(await logits(program, "cpu"), wanted);
  });
}

Deno.test("a layer left with floating-point inputs multiplies by its codes' values, per-channel scales included", async () => {
  for (const [name, quantizer] of everyWeightQuantizer()) {
    if (quantizer.bits > 4) continue;
    const whole = quantized(quantizer), { relu1: _, ...activations } = whole.activations;
    const float = await logits(lowerQuantized({ ...whole, activations }), "reference");
    const fine = { ...whole, activations: { ...activations, relu1: { bits: 8, step: 1 / 16 } } };
    const coarse = { ...whole, activations: { ...activations, relu1: { bits: 1, step: 4 } } };
    const far = (values: Float32Array) => Math.sqrt(values.reduce((sum, value, i) => sum + (value - float[i]!) ** 2, 0));
    const [near, rough] = [far(await logits(lowerQuantized(fine), "reference")), far(await logits(lowerQuantized(coarse), "reference"))];
    assert(near < 0.35 * rough, `${name}: ${near}, ${rough}`);
    assertAlmostEquals(near, 0, 0.35 * far(new Float32Array(float.length)));
  }
});
