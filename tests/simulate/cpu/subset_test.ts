// Batches of many positions, counted by tables of subset counts, against the oracle: every converter, cell pair, width, depth and thread count.

import { assert, assertEquals } from "@std/assert";
import { hash, uniform } from "../../../lib/random.ts";
import { ThreadPool } from "../../../lib/cpu/pool.ts";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import { prepareCrossbar } from "../../../lib/simulate/cpu/crossbar.ts";
import { CpuDevice } from "../../../lib/simulate/cpu/device.ts";
import { clipBounds, leastAbreast } from "../../../lib/simulate/cpu/saturate.ts";
import type { CrossbarStep, Program, Step } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { elements } from "../../../lib/tensor.ts";

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

/** A random crossbar of one-plane cells on 8×8 images. */
export function binary(seed: number): { program: Program; step: CrossbarStep } {
  const draw = (at: number, low: number, high: number) => low + hash(seed, at) % (high - low + 1);
  const groups = draw(1, 0, 4) === 0 ? 2 : 1,
    inputs = groups * (draw(17, 0, 1) === 0 ? draw(2, 1, 20) : 8 * draw(2, 1, 4)),
    columns = groups * draw(3, 1, draw(4, 0, 1) === 0 ? 20 : 70);
  const kernel = Math.min(3, draw(5, 1, 5)), rows = kernel * kernel * inputs / groups, slices = draw(6, 1, 8), inputBits = draw(7, 1, 8);
  const least = draw(8, -2, 1), factor = draw(9, 1, 3), height = Math.min(rows, [7, 16, 40, 64, 100, 128, 255][draw(10, 0, 6)]!);
  const tiles = [...Array.from({ length: Math.ceil(rows / height) }, (_, tile) => tile * height), rows];
  const cells = Int8Array.from({ length: slices * rows * columns }, (_, at) => uniform(seed, at, 1) < 0.5 ? least : least + factor);
  const low = Math.min(0, least) * height, high = Math.max(0, least + factor) * height;
  const [bottom, top] = [Math.floor(low / draw(11, 1, 4)), Math.ceil(high / draw(12, 1, 4))], slope = 1 + 3 * uniform(seed, 13);
  const codes = [
    (sum: number) => clamp(sum, bottom, top),
    (sum: number) => clamp(sum, 0, top) + 2,
    (sum: number) => clamp(Math.round(sum / slope), -20, 20),
    (sum: number) => (Math.round(5 * Math.sqrt(Math.abs(sum))) % 17) - 8,
  ];
  const code = codes[[0, 1, 2, 3, 0][seed % 5]!]!;
  // Arrays in natural order mostly, some reversed, some shuffled by pixel: planes are packed once per pixel or per window.
  const order = draw(15, 0, 5),
    shuffled = Array.from({ length: rows }, (_, row) => order > 1 ? row : order === 0 ? rows - 1 - row : (row + 8) % rows);
  const side = 8, padding = draw(18, 0, kernel - 1), stride = draw(19, 1, 2), out = Math.floor((side + 2 * padding - kernel) / stride) + 1;
  const step: CrossbarStep = {
    op: "crossbar",
    input: 0,
    output: 1,
    geometry: {
      kernel: [kernel, kernel],
      stride: [stride, stride],
      padding: [padding, padding],
      dilation: [1, 1],
      groups,
      inputShape: [side, side, inputs],
      outputShape: [out, out, columns],
    },
    cells,
    slices,
    sliceWeights: Array.from({ length: slices }, (_, slice) => (hash(seed, slice, 14) % 4 === 0 ? -1 : 1) * 2 ** slice),
    inputBits,
    digitBits: 1,
    rowIndex: Int32Array.from(shuffled),
    tiles,
    adc: { kind: "table", table: { min: low, max: high, codes: Int32Array.from({ length: high - low + 1 }, (_, at) => code(at + low)) } },
    correction: Math.max(0, draw(16, -3, 3)),
  };
  const shape = [out, out, columns] as const;
  const program: Program = {
    values: [
      { type: "u8", shape: [side, side, inputs], name: "input" },
      { type: "i32", shape, name: "sums" },
      { type: "f32", shape, name: "output" },
    ],
    steps: [step, { op: "affine", input: 1, output: 2, scale: new Float32Array(columns).fill(1), bias: new Float32Array(columns) }],
    output: 2,
  };
  return { program, step };
}

Deno.test("cpuBackend() counts many positions by subsets as the reference does one by one", async () => {
  using pool = await ThreadPool.create({ threads: 1 });
  let subsets = 0;
  for (const threads of [1, 2, 3]) {
    await using backend = await cpuBackend({ threads });
    for (let seed = 40 * threads; seed < 40 * threads + 12; seed++) {
      const { program, step } = binary(seed), [height, width, channels] = program.values[0]!.shape;
      const positions = step.geometry.outputShape[0] * step.geometry.outputShape[1];
      {
        using device = new CpuDevice(pool);
        if ((await prepareCrossbar(device, step, "layer")).subset) subsets++;
      }
      // At least 256 positions per thread, some at a chunk's end.
      const batch = Math.ceil(256 * threads / positions) + seed % 3, shape = [batch, height, width, channels];
      const density = [0.05, 0.2, 1][seed % 3]!;
      const data = Uint8Array.from(
        { length: batch * height * width * channels },
        (_, at) => uniform(seed, at, 2) < density ? hash(seed, at, 3) & (2 ** step.inputBits - 1) : 0,
      );
      await using session = await backend.prepare(program);
      const oracle = await referenceBackend().prepare(program);
      const [got, wanted] = [await session.run({ shape, data }, [1]), await oracle.run({ shape, data }, [1])];
      assertEquals(got.taps.get(1), wanted.taps.get(1), `seed ${seed}, ${threads} threads`);
      // One image has too few positions for tables.
      const one = await session.run({ shape: [1, ...shape.slice(1)], data: data.subarray(0, data.length / batch) });
      assertEquals(one.output.data, wanted.output.data.subarray(0, wanted.output.data.length / batch), `seed ${seed}, one image`);
    }
  }
  assert(subsets > 18, `${subsets} by subsets`);
});

/** A step of ±1 cells in tiles of 128 and 16 rows over 16 channels, clipped to `top`: the short tile never clips. */
function tailed(top: number): { program: Program; step: CrossbarStep } {
  const { program, step } = binary(1), shape = [8, 8, 16] as const, rows = 144;
  const table = { min: -128, max: 128, codes: Int32Array.from({ length: 257 }, (_, at) => clamp(at - 128, -top, top)) };
  const layer: CrossbarStep = {
    ...step,
    geometry: { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1, inputShape: shape, outputShape: shape },
    cells: Int8Array.from({ length: 4 * rows * 16 }, (_, at) => hash(1, at) % 2 === 0 ? 1 : -1),
    slices: 4,
    sliceWeights: [1, 2, 4, -8],
    inputBits: 4,
    rowIndex: Int32Array.from({ length: rows }, (_, row) => row),
    tiles: [0, 128, rows],
    adc: { kind: "table", table },
    correction: 0,
  };
  const values = program.values.map((value) => ({ ...value, shape }));
  return {
    program: {
      ...program,
      values,
      steps: [layer, { ...program.steps[1]!, scale: new Float32Array(16).fill(1), bias: new Float32Array(16) } as Step],
    },
    step: layer,
  };
}

Deno.test("cpuBackend() multiplies short tiles and counts tall ones, or corrects a product where few inputs are large", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (const [top, density] of [[20, 1], [20, 0.4], [28, 0.3], [10, 0.2], [63, 1]] as const) {
    const { program } = tailed(top), shape = [9, 8, 8, 16];
    const data = Uint8Array.from({ length: elements(shape) }, (_, at) => uniform(2, at) < density ? hash(3, at) & 15 : 0);
    await using session = await backend.prepare(program);
    const [got, wanted] = [
      await session.run({ shape, data }, [1]),
      await (await referenceBackend().prepare(program)).run({ shape, data }, [1]),
    ];
    assertEquals(got.taps.get(1), wanted.taps.get(1), `clipped at ${top}, ${density} of the inputs`);
  }
});

Deno.test("clipBounds() keeps exactly the counts that no clipping cuts", () => {
  const adc = { form: "clip", scale: 1, offset: 0, multiplier: 0, base: 0, bound: 0 } as const;
  for (const [low, high, least, factor] of [[-28, 35, -1, 2], [0, 63, 0, 1], [-9, 4, -3, 3], [-2, 2, 1, 1]] as const) {
    const bounds = clipBounds({ ...adc, low, high }, { least, factor, planes: 1 });
    for (let x = 0; x < 256; x++) {
      for (let count = 0; count <= x; count++) {
        const sum = factor * count + least * x, within = count <= bounds[2 * x]! && count >= bounds[2 * x + 1]!;
        assertEquals(within, sum >= low && sum <= high, `${count} of ${x}`);
      }
    }
  }
});

Deno.test("leastAbreast() gives slices side by side their smallest limit", () => {
  assertEquals([...leastAbreast(Int32Array.of(5, 1, 3, 4, 9, 8, 2, 7), 2, 2)], [3, 1, 3, 1, 2, 7, 2, 7]);
  assertEquals([...leastAbreast(Int32Array.of(5, 1, 3), 1, 1)], [5, 1, 3]);
});
