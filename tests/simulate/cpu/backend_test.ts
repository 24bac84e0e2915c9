// The CPU backend against the oracle: random geometry, every step kind, every ADC form, several thread counts.

import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { DeviceError, GraphError, NumericError, OptionError, ShapeError } from "../../../lib/errors.ts";
import type { Backend } from "../../../lib/simulate/backend.ts";
import { ThreadPool } from "../../../lib/cpu/pool.ts";
import { hash } from "../../../lib/random.ts";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import { chooseAdc, linearAdc } from "../../../lib/simulate/cpu/adc.ts";
import { prepareCrossbar } from "../../../lib/simulate/cpu/crossbar.ts";
import { CpuDevice } from "../../../lib/simulate/cpu/device.ts";
import type { CrossbarStep, Program } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { rint } from "../../../lib/simulate/reference/crossbar.ts";
import type { Tensor } from "../../../lib/tensor.ts";
import { randomCrossbarProgram, randomImages, randomPlacedProgram, randomProgram } from "../random_program.ts";

/** Runs a program on both backends and compares every value. */
async function compare(backend: Backend, program: Program, images: Tensor<Uint8Array>, label: string): Promise<void> {
  const oracle = await referenceBackend().prepare(program);
  await using session = await backend.prepare(program);
  const taps = program.values.map((_, value) => value);
  const [wanted, got] = [await oracle.run(images, taps), await session.run(images, taps)];
  assertEquals(got.output.shape, wanted.output.shape);
  for (const tap of taps) {
    const { type, name } = program.values[tap]!;
    const expected = wanted.taps.get(tap)!, actual = got.taps.get(tap)!;
    assertEquals(actual.shape, expected.shape);
    const scale = type === "f32" ? Array.from(expected.data).reduce((most, item) => Math.max(most, Math.abs(item)), 0) : 0;
    for (let at = 0; at < expected.data.length; at++) {
      assertAlmostEquals(actual.data[at]!, expected.data[at]!, 1e-5 * scale, `${label}: ${name}[${at}]`);
    }
  }
}

Deno.test("cpuBackend() agrees with the reference on random crossbars", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 60; seed++) {
    const program = randomCrossbarProgram(seed);
    await compare(backend, program, randomImages(seed, program, 2), `seed ${seed}`);
  }
});

Deno.test("cpuBackend() agrees with the reference on dynamic ADC ranges", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 12; seed++) {
    const program = randomCrossbarProgram(seed, { dynamic: true });
    await compare(backend, program, randomImages(seed, program, 2), `seed ${seed}`);
  }
});

Deno.test("cpuBackend() agrees with the reference on random networks, whatever the thread count", async () => {
  for (const threads of [1, 2, 3]) {
    await using backend = await cpuBackend({ threads });
    for (let seed = 0; seed < 10; seed++) {
      const program = randomProgram(seed);
      await compare(backend, program, randomImages(seed, program, 3), `seed ${seed}, ${threads} threads`);
    }
  }
});

Deno.test("cpuBackend() agrees with the reference on gathered rows and scattered sums", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 30; seed++) {
    const program = randomPlacedProgram(seed, { dynamic: seed % 5 === 0 });
    await compare(backend, program, randomImages(seed, program, 3), `seed ${seed}`);
  }
});

/** A 3×3 crossbar on 6×5 images with a given converter, and the way the CPU backend runs it. */
function crossbar(
  code: (sum: number) => number,
  options: Partial<CrossbarStep> & { readonly cell: (at: number) => number; readonly channels?: number },
): Program {
  const { cell, channels = 20, ...rest } = options;
  const [inputs, slices] = [channels, 2], rows = 9 * inputs, columns = 24;
  const inputBits = rest.inputBits ?? 4, digitBits = rest.digitBits ?? 1;
  const tall = rest.tiles?.[1] ?? 100;
  const tiles = [0];
  while (tiles.at(-1)! < rows) tiles.push(Math.min(rows, tiles.at(-1)! + tall));
  const largest = tall * (2 ** digitBits - 1) * 15, cells = Int8Array.from({ length: slices * rows * columns }, (_, at) => cell(at));
  const table = { min: -largest, max: largest, codes: Int32Array.from({ length: 2 * largest + 1 }, (_, index) => code(index - largest)) };
  const step: CrossbarStep = {
    op: "crossbar",
    input: 0,
    output: 1,
    geometry: {
      kernel: [3, 3],
      stride: [1, 2],
      padding: [1, 1],
      dilation: [1, 1],
      groups: 1,
      inputShape: [6, 5, inputs],
      outputShape: [6, 3, columns],
    },
    cells,
    slices,
    sliceWeights: [1, -2],
    rowIndex: Int32Array.from({ length: rows }, (_, row) => row),
    correction: -3,
    ...rest,
    inputBits,
    digitBits,
    tiles,
    adc: rest.adc ?? { kind: "table", table },
  };
  return {
    values: [
      { type: "u8", shape: [6, 5, inputs], name: "input" },
      { type: step.adc.kind === "table" ? "i32" : "f32", shape: [6, 3, columns], name: "sums" },
      { type: "f32", shape: [6, 3, columns], name: "output" },
    ],
    steps: [step, { op: "affine", input: 1, output: 2, scale: new Float32Array(columns).fill(1), bias: new Float32Array(columns) }],
    output: 2,
  };
}

const bit = (at: number) => hash(7, at) & 1;
const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

Deno.test("cpuBackend() agrees with the reference for every form of converter", async () => {
  const cases: [form: string, Program][] = [
    ["product", crossbar((sum) => 2 * sum + 5, { cell: bit })],
    ["clip", crossbar((sum) => clamp(sum, 0, 21), { cell: bit })],
    ["clip", crossbar((sum) => clamp(sum, -9, 9) - 4, { cell: (at) => 2 * bit(at) - 1 })],
    ["clip", crossbar((sum) => clamp(sum, 0, 150), { cell: bit, tiles: [0, 300], inputBits: 1, channels: 40 })],
    ["affine", crossbar((sum) => clamp(rint(sum / 2.37 + 0.2), -16, 15), { cell: (at) => 2 * bit(at) - 1 })],
    ["clip", crossbar((sum) => sum >= 23 ? 1 : 0, { cell: bit })],
    ["table", crossbar((sum) => sum >= 23 ? 4 : -4, { cell: bit })],
    ["even", crossbar((sum) => clamp(rint(sum / 2), -16, 15), { cell: (at) => 2 * bit(at) - 1 })],
    ["even", crossbar((sum) => clamp(rint((sum - 3) / 4), -7, 8), { cell: (at) => hash(3, at) % 4, digitBits: 2 })],
    ["table", crossbar((sum) => rint(4 * Math.sqrt(Math.abs(sum))), { cell: (at) => 2 * bit(at) - 1 })],
    ["partial", crossbar((sum) => sum * sum, { cell: (at) => hash(5, at) % 16 - 8, digitBits: 4 })],
    [
      "affine",
      crossbar((sum) => clamp(rint(sum / 3), -90, 90), { cell: (at) => hash(6, at) % 7 - 3, tiles: [0, 360], channels: 40, digitBits: 2 }),
    ],
  ];
  using pool = await ThreadPool.create({ threads: 1 });
  await using backend = await cpuBackend({ threads: 2 });
  for (const [form, program] of cases) {
    const images = randomImages(1, program, 2);
    {
      using device = new CpuDevice(pool);
      const chosen = await prepareCrossbar(device, program.steps[0] as CrossbarStep, "layer");
      assertEquals(chosen.form ?? chosen.path, form);
    }
    await compare(backend, program, images, form);
  }
});

Deno.test("linearAdc() and chooseAdc() look only at sums that can occur", () => {
  const table = { min: -4, max: 8, codes: Int32Array.from({ length: 13 }, (_, index) => clamp(index - 4, 0, 5)) };
  assertEquals(linearAdc(table, { low: 0, high: 5 }), { gain: 1, offset: 0 });
  assertEquals(linearAdc(table, { low: 0, high: 6 }), undefined);
  assertEquals(chooseAdc(table, { low: -4, high: 8 })?.form, "clip");
  assertEquals(chooseAdc({ min: -40000, max: 0, codes: new Int32Array(40001) }, { low: -40000, high: 0 }), undefined);
});

Deno.test("cpuBackend() runs batches of any size, and results are copies", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  const program = randomProgram(3);
  await using session = await backend.prepare(program);
  const images = randomImages(3, program, 5);
  const whole = await session.run(images, [1]);
  const kept = whole.output.data.slice();
  const pixels = images.data.length / 5, features = whole.output.shape[1]!;
  for (const image of [4, 0]) {
    const one = await session.run({
      shape: [1, ...images.shape.slice(1)],
      data: images.data.subarray(image * pixels, (image + 1) * pixels),
    });
    assertEquals(one.output.data, kept.subarray(image * features, (image + 1) * features));
  }
  assertEquals(whole.output.data, kept);
  assertEquals((await session.run({ shape: [0, ...images.shape.slice(1)], data: new Uint8Array(0) })).output.shape, [0, features]);
});

Deno.test("CpuDevice gives back all it allocated", async () => {
  using pool = await ThreadPool.create({ threads: 1 });
  const before = pool.allocate(64);
  pool.free(before);
  {
    using device = new CpuDevice(pool);
    await prepareCrossbar(device, randomCrossbarProgram(2).steps[0] as CrossbarStep, "layer");
    device.scratch("rows", 1000);
    device.scratch("rows", 5000);
  }
  assertEquals(pool.allocate(64), before);
});

Deno.test("cpuBackend() refuses what it cannot run", async () => {
  await assertRejects(() => cpuBackend({ threads: 0 }), OptionError, "threads");
  await using backend = await cpuBackend({ threads: 1 });
  const program = crossbar((sum) => clamp(sum, 0, 21), { cell: bit });
  const images = randomImages(1, program, 1);
  const session = await backend.prepare(program);
  await assertRejects(() => session.run({ shape: [1, 2, 2, 1], data: new Uint8Array(4) }), ShapeError, "images");
  await assertRejects(() => session.run(images, [9]), ShapeError, "taps");
  await session[Symbol.asyncDispose]();
  await assertRejects(() => session.run(images), DeviceError, "disposed");
  const narrow: Program = crossbar(() => 0, { cell: bit, adc: { kind: "table", table: { min: 0, max: 3, codes: new Int32Array(4) } } });
  await assertRejects(() => backend.prepare(narrow), NumericError, "adc");
  await assertRejects(() => backend.prepare(crossbar((sum) => sum * 2 ** 20, { cell: bit })), NumericError, "32 bits");
  await assertRejects(() => backend.prepare(crossbar((sum) => sum, { cell: bit, sliceWeights: [0.5, 1] })), OptionError, "integer");
  const floats = { ...program, values: program.values.map((value, index) => index === 0 ? { ...value, type: "f32" as const } : value) };
  await assertRejects(() => backend.prepare(floats), GraphError, "u8");
});
