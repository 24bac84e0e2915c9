// Batches of many positions, counted by tables of subset counts, against the oracle: every converter, cell pair, width, depth and thread count.

import { assert, assertEquals } from "@std/assert";
import { hash, uniform } from "../../../lib/random.ts";
import { ThreadPool } from "../../../lib/cpu/pool.ts";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import { prepareCrossbar } from "../../../lib/simulate/cpu/crossbar.ts";
import { CpuDevice } from "../../../lib/simulate/cpu/device.ts";
import { clipBounds, leastAbreast } from "../../../lib/simulate/cpu/saturate.ts";
import type { CrossbarStep, Program } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

/** A random crossbar of one-plane cells on 8×8 images. */
function binary(seed: number): { program: Program; step: CrossbarStep } {
  const draw = (at: number, low: number, high: number) => low + hash(seed, at) % (high - low + 1);
  const groups = draw(1, 0, 4) === 0 ? 2 : 1,
    inputs = groups * draw(2, 1, 20),
    columns = groups * draw(3, 1, draw(4, 0, 1) === 0 ? 20 : 70);
  const kernel = draw(5, 1, 3), rows = kernel * kernel * inputs / groups, slices = draw(6, 1, 8), inputBits = draw(7, 1, 8);
  const least = draw(8, -2, 1), factor = draw(9, 1, 3), height = Math.min(rows, [7, 16, 40, 128, 255][draw(10, 0, 4)]!);
  const tiles = [...Array.from({ length: Math.ceil(rows / height) }, (_, tile) => tile * height), rows];
  const cells = Int8Array.from({ length: slices * rows * columns }, (_, at) => uniform(seed, at, 1) < 0.5 ? least : least + factor);
  const low = Math.min(0, least) * height, high = Math.max(0, least + factor) * height;
  const [bottom, top] = [Math.floor(low / draw(11, 1, 4)), Math.ceil(high / draw(12, 1, 4))], slope = 1 + 3 * uniform(seed, 13);
  const codes = [
    (sum: number) => clamp(sum, bottom, top),
    (sum: number) => clamp(sum, 0, top),
    (sum: number) => clamp(Math.round(sum / slope), -20, 20),
    (sum: number) => (Math.round(5 * Math.sqrt(Math.abs(sum))) % 17) - 8,
  ];
  const code = codes[seed % 4]!;
  const side = 8, out = side - kernel + 1;
  const step: CrossbarStep = {
    op: "crossbar",
    input: 0,
    output: 1,
    geometry: {
      kernel: [kernel, kernel],
      stride: [1, 1],
      padding: [0, 0],
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
    rowIndex: Int32Array.from({ length: rows }, (_, row) => draw(15, 0, 1) === 0 ? row : rows - 1 - row),
    tiles,
    adc: { kind: "table", table: { min: low, max: high, codes: Int32Array.from({ length: high - low + 1 }, (_, at) => code(at + low)) } },
    correction: draw(16, -3, 3),
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
    for (let seed = 40 * threads; seed < 40 * threads + 24; seed++) {
      const { program, step } = binary(seed), [height, width, channels] = program.values[0]!.shape;
      {
        using device = new CpuDevice(pool);
        if ((await prepareCrossbar(device, step, "layer")).subset) subsets++;
      }
      // At least 256 positions per thread, some at a chunk's end.
      const batch = Math.ceil(256 * threads / 36) + seed % 3, shape = [batch, height, width, channels];
      const density = seed % 5 === 0 ? 0.1 : 1;
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
  assert(subsets > 36, `${subsets} by subsets`);
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
