import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { ResolvedAdc } from "../../../lib/circuit/adc.ts";
import { decompose } from "../../../lib/decompose/decompose.ts";
import { OptionError, ShapeError } from "../../../lib/errors.ts";
import { map } from "../../../lib/map/map.ts";
import { calibrate } from "../../../lib/simulate/observe/calibrate.ts";
import { lowerMapped, lowerQuantized } from "../../../lib/simulate/lower/lower.ts";
import type { CrossbarPlan } from "../../../lib/simulate/lower/crossbar.ts";
import { planLayer } from "../../../lib/simulate/lower/placed.ts";
import { decibels, observe } from "../../../lib/simulate/observe/observe.ts";
import { popcountAnd } from "../../../lib/simulate/observe/packed_bits.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { rowsOf, sourceIndex } from "../../../lib/simulate/reference/crossbar.ts";
import type { Tensor } from "../../../lib/tensor.ts";
import { randomCrossbarProgram, randomImages } from "../random_program.ts";
import { randomQuantized } from "../random_network.ts";

/** Every partial sum of a layer, one by one. */
function sumsOf(plan: CrossbarPlan, codes: Tensor<Uint8Array>): Map<number, number> {
  const { geometry, cells, slices, tiles } = plan;
  const columns = geometry.outputShape[2] / geometry.groups, rows = rowsOf(geometry);
  const pixels = codes.data.length / codes.shape[0]!;
  const counts = new Map<number, number>();
  for (let image = 0; image < codes.shape[0]!; image++) {
    for (let y = 0; y < geometry.outputShape[0]; y++) {
      for (let x = 0; x < geometry.outputShape[1]; x++) {
        for (let plane = 0; plane < geometry.groups * slices; plane++) {
          for (let shift = 0; shift < plan.inputBits; shift += plan.digitBits) {
            for (let tile = 0; tile + 1 < tiles.length; tile++) {
              for (let column = 0; column < columns; column++) {
                let sum = 0;
                for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
                  const source = sourceIndex(geometry, Math.floor(plane / slices), plan.rowIndex[row]!, y, x);
                  const code = source < 0 ? 0 : codes.data[image * pixels + source]!;
                  sum += ((code >> shift) & (2 ** plan.digitBits - 1)) * cells[(plane * rows + row) * columns + column]!;
                }
                counts.set(sum, (counts.get(sum) ?? 0) + 1);
              }
            }
          }
        }
      }
    }
  }
  return counts;
}

/** A plan from a random crossbar step. */
function randomPlan(seed: number): { plan: CrossbarPlan; codes: Tensor<Uint8Array> } {
  const program = randomCrossbarProgram(seed);
  const step = program.steps[0]!;
  assert(step.op === "crossbar" && step.adc.kind === "table");
  const { min, max } = step.adc.table;
  const plan = { ...step, name: "random", unit: 1, multiplier: 1, reach: [min, max] as const, fullScale: [min, max] as const };
  return { plan, codes: randomImages(seed, program, 1) };
}

Deno.test("observe() counts every partial sum when the budget allows", () => {
  for (let seed = 0; seed < 12; seed++) {
    const { plan, codes } = randomPlan(seed);
    const { histogram, min, positions } = observe(plan, codes, { budget: Infinity });
    assertEquals(positions, plan.geometry.outputShape[0] * plan.geometry.outputShape[1]);
    const wanted = sumsOf(plan, codes);
    histogram.forEach((count, index) => assertEquals(count, wanted.get(index + min) ?? 0, `seed ${seed}, sum ${index + min}`));
  }
});

Deno.test("observe() samples the same positions for the same seed", () => {
  const { plan, codes } = randomPlan(3);
  const options = { budget: 2000, seed: 5 };
  const first = observe(plan, codes, options);
  assertEquals(observe(plan, codes, options), first);
  assert(first.positions >= 1);
  assertThrows(() => observe(plan, { ...codes, shape: [1, 1, 1, 1] }), ShapeError);
});

Deno.test("observe() reports clipping and the noise that the program shows", async () => {
  const quantized = randomQuantized(2, { digital: ["conv1", "conv2", "fc"] });
  const mapped = map(decompose(quantized, { cellBits: 2, scheme: "twosComplement" }), { rows: 16, columns: 64, algorithm: "im2col" });
  const baseline = lowerQuantized(quantized);
  const images = randomImages(2, baseline, 2);
  const adc: ResolvedAdc = { levels: 8, lo: 0, step: 2.5, unit: 1 };
  const program = lowerMapped(mapped, { conv3: adc });
  const [wanted, got] = await Promise.all([baseline, program].map(async (each) => {
    const { input, output } = each.layers.conv3!;
    await using session = await referenceBackend().prepare(each);
    return (await session.run(images, [input, output])).taps;
  }));
  const codes = wanted!.get(baseline.layers.conv3!.input) as Tensor<Uint8Array>;
  const plan = program.layers.conv3!.plan!;
  const seen = observe(plan, codes, { adc });
  const step = program.steps[program.layers.conv3!.step]!;
  assert(step.op === "crossbar");
  // two's complement with a half-integer zero: sums come out as q · even · y, the baseline's doubled
  const ratio = step.correction / plan.correction;
  let signal = 0, noise = 0;
  const exact = wanted!.get(baseline.layers.conv3!.output)!.data, sums = got!.get(program.layers.conv3!.output)!.data;
  exact.forEach((value, index) => {
    signal += (value / 2) ** 2;
    noise += (value / 2 - sums[index]! / ratio) ** 2;
  });
  assertAlmostEquals(decibels(seen.power!), decibels({ signal, noise }), 1e-6);
  const total = seen.histogram.reduce((sum, count) => sum + count, 0);
  const above = seen.histogram.reduce((sum, count, index) => sum + (index + seen.min > 18.75 ? count : 0), 0);
  assertEquals(seen.clipped, { low: 0, high: above / total });
  assert(above > 0);
});

Deno.test("popcountAnd() counts common bits", () => {
  const a = Int32Array.of(9, -1, 0x0f0f, 1), b = Int32Array.of(-1, 0x00ff, 0x8000_0001 | 0);
  assertEquals(popcountAnd(a, 1, b, 0, 3), 32 + 4 + 1);
});

Deno.test("calibrate() gives exact conversion where codes suffice and near-exact logits at 6 bits", async () => {
  const quantized = randomQuantized(4);
  const mapped = map(decompose(quantized), { rows: 20, columns: 64, algorithm: "im2col" });
  const baseline = lowerQuantized(quantized);
  const images = randomImages(4, baseline, 5);
  const backend = referenceBackend();
  for (const range of ["minmax", "mse"] as const) {
    const adcs = await calibrate(mapped, { bits: 6, range }, images, backend, { batch: 2 });
    assertEquals(Object.keys(adcs), ["conv2", "conv3", "fc"]);
    const program = lowerMapped(mapped, adcs);
    const outputs = await Promise.all([baseline, program].map(async (each) => {
      await using session = await backend.prepare(each);
      return (await session.run(images)).output.data;
    }));
    assertEquals(outputs[1], outputs[0]); // 20 rows give at most 41 sums: 6 bits lose nothing on what was seen
  }
  const tight = await calibrate(mapped, { bits: 2 }, images, backend);
  assert(Object.values(tight).every((adc) => "step" in adc && adc.levels === 4 && adc.step > 0.5));
});

Deno.test("calibrate() without images refuses ranges that need them", async () => {
  const mapped = map(decompose(randomQuantized(4)), { rows: 20, columns: 64, algorithm: "im2col" });
  await assertRejects(() => calibrate(mapped, { bits: 6 }, undefined, referenceBackend()), OptionError, "simulate.calibration");
  const adcs = await calibrate(mapped, { bits: 6, range: [-10, 10] }, undefined, referenceBackend());
  assertEquals(adcs.fc, { levels: 64, lo: -10, step: 20 / 63, unit: 0.5 });
});

Deno.test("planLayer() states what sums can occur", () => {
  const mapped = map(decompose(randomQuantized(4), { scheme: "balanced", cellBits: 2 }), { rows: 16, columns: 64, algorithm: "im2col" });
  const plan = planLayer(mapped.layer("conv3"), 4, 2);
  assertEquals(plan.fullScale, [-16 * 3 * 3, 16 * 3 * 3]);
  assert(plan.reach[0] >= plan.fullScale[0] && plan.reach[1] <= plan.fullScale[1] && plan.reach[0] < 0 && plan.reach[1] > 0);
});
