// Steps between convolutions, to the bit: the kernels must round as the oracle does, whatever the size.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { hash, uniform } from "../../../lib/random.ts";
import type { Shape } from "../../../lib/network/graph.ts";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import type { Backend } from "../../../lib/simulate/backend.ts";
import type { Program, Step, Value } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { randomImages } from "../random_program.ts";

/** Reals of all magnitudes, zeros of both signs among them. */
const reals = (seed: number, length: number) =>
  Float32Array.from({ length }, (_, at) => {
    const kind = hash(seed, at, 1) % 12;
    return kind === 0 ? 0 : kind === 1 ? -0 : (uniform(seed, at, 2) - 0.5) * 2 ** (hash(seed, at, 3) % 24 - 8);
  });

/** Pixels scaled to reals twice over, then the step under test. */
function program(seed: number, shape: Shape, output: Value, step: (input: number, output: number) => Step, inputs = 1): Program {
  const values: Value[] = [{ type: "u8", shape, name: "input" }];
  const steps: Step[] = [];
  for (let input = 0; input < inputs; input++) {
    const [scale, bias] = [reals(hash(seed, input), shape[2]), reals(hash(seed, input, 9), shape[2])];
    values.push({ type: "f32", shape, name: `real${input}` });
    steps.push({ op: "affine", input: input === 0 ? 0 : input, output: input + 1, scale, bias });
  }
  values.push(output, { type: "f32", shape: output.shape, name: "output" });
  const ones = new Float32Array(output.shape[2]).fill(1), zeros = new Float32Array(output.shape[2]).fill(-0);
  steps.push(step(inputs, inputs + 1), { op: "affine", input: inputs + 1, output: inputs + 2, scale: ones, bias: zeros });
  return { values, steps, output: inputs + 2 };
}

/** Compares every value by its bits. */
async function same(backend: Backend, made: Program, seed: number): Promise<void> {
  const images = randomImages(seed, made, 1 + seed % 3), taps = made.values.map((_, value) => value);
  await using session = await backend.prepare(made);
  const [got, wanted] = [await session.run(images, taps), await (await referenceBackend().prepare(made)).run(images, taps)];
  for (const tap of taps) {
    const [a, b] = [got, wanted].map(({ taps }) => new Uint8Array(taps.get(tap)!.data.slice().buffer));
    assertEquals(a, b, `seed ${seed}: ${made.values[tap]!.name}`);
  }
}

const sizes = (seed: number): Shape => [1 + hash(seed, 1) % 6, 1 + hash(seed, 2) % 6, 1 + hash(seed, 3) % 23];

Deno.test("cpuBackend() rounds affine and quantise steps to the bit", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 120; seed++) {
    const shape = sizes(seed), levels = 2 ** (1 + seed % 8) - 1;
    const step = seed % 4 === 0 ? 0.5 : 2 ** (seed % 5) * uniform(seed, 77);
    const output: Value = { type: "u8", shape, name: "codes" };
    await same(backend, program(seed, shape, output, (input, to) => ({ op: "quantize", input, output: to, step, levels })), seed);
  }
});

Deno.test("cpuBackend() adds, rectifies and joins to the bit", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 120; seed++) {
    const shape = sizes(seed), count = 1 + seed % 5, op = (["add", "relu", "concat"] as const)[seed % 3]!;
    const inputs = Array.from({ length: op === "relu" ? 1 : count }, (_, index) => 1 + index % 3);
    const channels = op === "concat" ? shape[2] * inputs.length : shape[2];
    const output: Value = { type: "f32", shape: [shape[0], shape[1], channels], name: op };
    await same(backend, program(seed, shape, output, (_, to) => ({ op, inputs, output: to }), 3), seed);
  }
});

Deno.test("cpuBackend() pools reals to the bit", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 120; seed++) {
    const shape = sizes(seed), op = seed % 2 === 0 ? "maxPool" as const : "averagePool" as const;
    const kernel = [1 + hash(seed, 4) % Math.min(shape[0], 3), 1 + hash(seed, 5) % shape[1]] as const;
    const stride = [1 + hash(seed, 6) % 2, 1 + hash(seed, 7) % 3] as const, padding = [kernel[0] >> 1, kernel[1] >> 1] as const;
    const extent = (axis: 0 | 1) => Math.floor((shape[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1;
    const output: Value = { type: "f32", shape: [extent(0), extent(1), shape[2]], name: op };
    await same(backend, program(seed, shape, output, (input, to) => ({ op, input, output: to, kernel, stride, padding })), seed);
  }
});

Deno.test("cpuBackend() scales integer sums to the bit, beyond 2^24 too", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 30; seed++) {
    const [height, width, channels] = sizes(seed), columns = 1 + hash(seed, 8) % 9;
    const weights = Int16Array.from({ length: channels * columns }, (_, at) => hash(seed, at, 5) % 65535 - 32767);
    const geometry = {
      kernel: [1, 1] as const,
      stride: [1, 1] as const,
      padding: [0, 0] as const,
      dilation: [1, 1] as const,
      groups: 1,
      inputShape: [height, width, channels] as const,
      outputShape: [height, width, columns] as const,
    };
    const [scale, bias] = [reals(seed, columns), reals(seed + 1, columns)];
    const made: Program = {
      values: [
        { type: "u8", shape: [height, width, channels], name: "input" },
        { type: "i32", shape: [height, width, columns], name: "sums" },
        { type: "f32", shape: [height, width, columns], name: "output" },
      ],
      steps: [{ op: "integer", input: 0, output: 1, geometry, weights, zero: 0 }, { op: "affine", input: 1, output: 2, scale, bias }],
      output: 2,
    };
    await same(backend, made, seed);
  }
});

Deno.test("cpuBackend() gives shares that sum to 1", async () => {
  await using backend = await cpuBackend({ threads: 1 });
  const shape: Shape = [1, 2, 10], output: Value = { type: "f32", shape, name: "softmax" };
  const made = program(5, shape, output, (input, to) => ({ op: "softmax", inputs: [input], output: to }));
  await using session = await backend.prepare(made);
  const { output: { data } } = await session.run(randomImages(1, made, 2));
  for (let at = 0; at < data.length; at += 10) {
    assertAlmostEquals(data.subarray(at, at + 10).reduce((sum, share) => sum + share, 0), 1, 1e-6);
  }
});

Deno.test("cpuBackend() rounds quotients near a half as a division in f64 does", async () => {
  await using backend = await cpuBackend({ threads: 1 });
  const shape = [1, 64, 16] as const, size = 1024;
  for (const [index, step] of [0.2, 1 / 3, 1e-30, 7e37, 0.013].entries()) {
    const levels = [15, 255, 7, 3, 255][index]!;
    // Codes scaled to halves of a step, moved by up to three units in the last place.
    const scale = Float32Array.from({ length: 16 }, (_, channel) => step / 2 * (1 + (channel % 7 - 3) * 2 ** -23));
    const values: Program["values"] = [
      { type: "u8", shape, name: "input" },
      { type: "f32", shape, name: "real" },
      { type: "u8", shape, name: "code" },
      { type: "f32", shape, name: "output" },
    ];
    const plain = { scale: new Float32Array(16).fill(1), bias: new Float32Array(16) };
    const program: Program = {
      values,
      steps: [
        { op: "affine", input: 0, output: 1, scale, bias: new Float32Array(16) },
        { op: "quantize", input: 1, output: 2, step, levels },
        { op: "affine", input: 2, output: 3, ...plain },
      ],
      output: 3,
    };
    const images = { shape: [1, ...shape], data: Uint8Array.from({ length: size }, (_, at) => at >> 2) };
    await using session = await backend.prepare(program);
    const [got, wanted] = [await session.run(images), await (await referenceBackend().prepare(program)).run(images)];
    assertEquals(got.output.data, wanted.output.data, `step ${step}`);
  }
});

Deno.test("cpuBackend() compares sums with thresholds exactly, at the ends of 16 bits and beyond", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 24; seed++) {
    const channels = [8, 16, 12, 5][seed % 4]!, levels = [1, 3, 15, 24, 30][seed % 5]!, shape = [3, 3, channels] as const;
    const weights = new Int16Array(channels * channels), wide = hash(seed, 7) % 3 === 0;
    // Sums of a single product: multiples of 1, 128, 257 or 32,767 either way.
    for (let channel = 0; channel < channels; channel++) {
      weights[channel * channels + channel] = [1, -1, 128, -128, 257, -257, 32767, -32767][hash(seed, channel) % 8]!;
    }
    const near = [
      -32766,
      -32765,
      -128,
      -1,
      0,
      1,
      127,
      128,
      257,
      32766,
      32767,
      ...(wide ? [-32768, -40000, 32768, 2 ** 31 - 1, -(2 ** 31) + 1] : []),
    ];
    const thresholds = Int32Array.from({ length: channels * levels }, (_, at) => near[hash(seed, at, 2) % near.length]!);
    for (let channel = 0; channel < channels; channel++) thresholds.subarray(channel * levels, (channel + 1) * levels).sort();
    const geometry = {
      kernel: [1, 1],
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      inputShape: shape,
      outputShape: shape,
    } as const;
    const made: Program = {
      values: (["u8", "i32", "u8", "f32"] as const).map((type, at) => ({ type, shape, name: `value ${at}` })),
      steps: [
        { op: "integer", input: 0, output: 1, geometry, weights, zero: 128 },
        {
          op: "threshold",
          input: 1,
          output: 2,
          thresholds,
          levels,
          sign: Int8Array.from({ length: channels }, (_, at) => hash(seed, at, 3) % 2 ? 1 : -1),
        },
        { op: "affine", input: 2, output: 3, scale: new Float32Array(channels).fill(1), bias: new Float32Array(channels) },
      ],
      output: 3,
    };
    const images = { shape: [5, ...shape], data: Uint8Array.from({ length: 45 * channels }, (_, at) => hash(seed, at, 4) & 255) };
    await using session = await backend.prepare(made);
    const [got, wanted] = [await session.run(images), await (await referenceBackend().prepare(made)).run(images)];
    assertEquals(got.output.data, wanted.output.data, `seed ${seed}: ${channels} channels, ${levels} levels`);
  }
});
