import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { ShapeError } from "../../../lib/errors.ts";
import type { Tensor, TypedArray } from "../../../lib/tensor.ts";
import type { CrossbarStep, Geometry, Program, Step, Value } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { randomCrossbarProgram, randomImages, randomProgram } from "../random_program.ts";

async function run(program: Program, images: Tensor<Uint8Array>, tap: number): Promise<TypedArray> {
  await using session = await referenceBackend().prepare(program);
  return (await session.run(images, [tap])).taps.get(tap)!.data;
}

/** Runs steps on one image; the values besides the input are given. Returns value 1 … last. */
async function single(
  shape: Value["shape"],
  pixels: readonly number[],
  values: readonly Omit<Value, "name">[],
  steps: readonly Step[],
): Promise<number[][]> {
  const all: Value[] = [{ type: "u8", shape, name: "input" }, ...values.map((value, index) => ({ ...value, name: `v${index + 1}` }))];
  const output = all.findLastIndex(({ type }) => type === "f32");
  await using session = await referenceBackend().prepare({ values: all, steps, output });
  const { taps } = await session.run({ shape: [1, ...shape], data: Uint8Array.from(pixels) }, [...all.keys()].slice(1));
  return [...taps.values()].map(({ data }) => [...data]);
}

const POINT: Geometry = {
  kernel: [1, 1],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
  inputShape: [1, 1, 2],
  outputShape: [1, 1, 2],
};

Deno.test("referenceBackend() crossbar with an identity table equals the integer convolution of its cells", async () => {
  for (let seed = 0; seed < 25; seed++) {
    const program = randomCrossbarProgram(seed);
    const step = program.steps[0] as CrossbarStep;
    assert(step.adc.kind === "table");
    const { min, max } = step.adc.table;
    const codes = Int32Array.from({ length: max - min + 1 }, (_, index) => index + min);
    const identity: CrossbarStep = { ...step, adc: { kind: "table", table: { min, max, codes } } };
    // weights in kernel order: Σ_k sliceWeights[k] · cells[k, row, n] + correction
    const { geometry, slices, sliceWeights, rowIndex, cells } = step;
    const rows = rowIndex.length, columns = geometry.outputShape[2] / geometry.groups;
    const weights = new Int16Array(geometry.groups * rows * columns);
    for (let group = 0; group < geometry.groups; group++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          let weight = step.correction;
          for (let k = 0; k < slices; k++) weight += sliceWeights[k]! * cells[((group * slices + k) * rows + row) * columns + column]!;
          weights[(group * rows + rowIndex[row]!) * columns + column] = weight;
        }
      }
    }
    const integer: Step = { op: "integer", input: 0, output: step.output, geometry, weights, zero: 0 };
    const images = randomImages(seed, program, 2);
    const got = await run({ ...program, steps: [identity, ...program.steps.slice(1)] }, images, step.output);
    const wanted = await run({ ...program, steps: [integer, ...program.steps.slice(1)] }, images, step.output);
    assertEquals(got, wanted, `seed ${seed}`);
  }
});

Deno.test("referenceBackend() integer convolution subtracts the zero, and padding contributes nothing", async () => {
  const geometry: Geometry = { ...POINT, kernel: [1, 3], padding: [0, 1], inputShape: [1, 3, 1], outputShape: [1, 3, 1] };
  const [sums] = await single([1, 3, 1], [5, 7, 10], [{ type: "i32", shape: [1, 3, 1] }, { type: "f32", shape: [1, 3, 1] }], [
    { op: "integer", input: 0, output: 1, geometry, weights: Int16Array.of(1, 10, 100), zero: 4 },
    { op: "affine", input: 1, output: 2, scale: Float32Array.of(1), bias: Float32Array.of(0) },
  ]);
  assertEquals(sums, [310, 631, 63]);
});

Deno.test("referenceBackend() dynamic range follows the extremes of each conversion", async () => {
  const step: CrossbarStep = {
    op: "crossbar",
    input: 0,
    output: 1,
    geometry: { ...POINT, inputShape: [1, 1, 4], outputShape: [1, 1, 4] },
    cells: Int8Array.of(0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1),
    slices: 1,
    sliceWeights: [2],
    inputBits: 1,
    digitBits: 1,
    rowIndex: Int32Array.of(0, 1, 2, 3),
    tiles: [0, 4],
    adc: { kind: "dynamic", levels: 2, unit: 0.5 },
    correction: 10,
  };
  // d · unit = 0, ½, 1, 2: lo 0, step 1, codes rint(0, ½, 1, 2) capped at 1, half to even
  const [real] = await single([1, 1, 4], [1, 1, 1, 1], [{ type: "f32", shape: [1, 1, 4] }], [step]);
  assertEquals(real, [40, 40, 42, 42]);
});

Deno.test("referenceBackend() executes thresholds, affine, quantise and element steps as documented", async () => {
  const shape = [1, 1, 2] as const;
  const f32 = { type: "f32", shape } as const;
  const [sums, codes, real, rectified, quantised, sum, joined, shares] = await single(shape, [2, 5], [
    { type: "i32", shape },
    { type: "u8", shape },
    f32,
    f32,
    { type: "u8", shape },
    f32,
    { type: "f32", shape: [1, 1, 4] },
    f32,
  ], [
    { op: "integer", input: 0, output: 1, geometry: POINT, weights: Int16Array.of(1, 0, 0, 1), zero: 0 },
    { op: "threshold", input: 1, output: 2, thresholds: Int32Array.of(1, 2, 3, -9, -5, -4), levels: 3, sign: Int8Array.of(1, -1) },
    { op: "affine", input: 1, output: 3, scale: Float32Array.of(0.25, -1), bias: Float32Array.of(0, 1) },
    { op: "relu", inputs: [3], output: 4 },
    { op: "quantize", input: 3, output: 5, step: 1, levels: 3 },
    { op: "add", inputs: [3, 4, 4], output: 6 },
    { op: "concat", inputs: [3, 4], output: 7 },
    { op: "softmax", inputs: [3], output: 8 },
  ]);
  assertEquals(sums, [2, 5]);
  assertEquals(codes, [2, 2]);
  assertEquals(real, [0.5, -4]);
  assertEquals(rectified, [0.5, 0]);
  assertEquals(quantised, [0, 0]);
  assertEquals(sum, [1.5, -4]);
  assertEquals(joined, [0.5, -4, 0.5, 0]);
  assertAlmostEquals(shares![0]!, 1 / (1 + Math.exp(-4.5)), 1e-6);
});

Deno.test("referenceBackend() leaves padding out of pools", async () => {
  const pool = { kernel: [2, 2], stride: [2, 2], padding: [1, 1] } as const;
  const one = { scale: Float32Array.of(1), bias: Float32Array.of(0) };
  const [largest, real, mean] = await single([3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9], [
    { type: "u8", shape: [2, 2, 1] },
    { type: "f32", shape: [3, 3, 1] },
    { type: "f32", shape: [2, 2, 1] },
  ], [
    { op: "maxPool", input: 0, output: 1, ...pool },
    { op: "affine", input: 0, output: 2, ...one },
    { op: "averagePool", input: 2, output: 3, ...pool },
  ]);
  assertEquals(largest, [1, 3, 7, 9]);
  assertEquals(real!.length, 9);
  assertEquals(mean, [1, 2.5, 5.5, 7]);
});

Deno.test("referenceBackend() gives the same result image by image and as a batch", async () => {
  for (let seed = 0; seed < 10; seed++) {
    const program = randomProgram(seed);
    const images = randomImages(seed, program, 3);
    const whole = await run(program, images, program.output);
    const size = images.data.length / 3;
    const parts = [];
    for (let image = 0; image < 3; image++) {
      const data = images.data.slice(image * size, (image + 1) * size);
      parts.push(...await run(program, { shape: [1, ...images.shape.slice(1)], data }, program.output));
    }
    assertEquals([...whole], parts);
    assert(whole.every(Number.isFinite));
  }
});

Deno.test("referenceBackend() refuses images of another shape and unknown taps", async () => {
  const program = randomCrossbarProgram(1);
  await using session = await referenceBackend().prepare(program);
  await assertRejects(() => session.run({ shape: [1, 1, 1, 1], data: new Uint8Array(1) }), ShapeError, "images");
  await assertRejects(() => session.run(randomImages(1, program, 1), [99]), ShapeError, "taps");
});
