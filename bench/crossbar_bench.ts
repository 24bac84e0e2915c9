// The crossbar kernels on one VGG7 layer: 1024 positions, 1152 rows, 128 columns, 4-bit inputs and weights, 1-bit cells, 128 rows per array.
//
// deno bench -A bench/crossbar_bench.ts     times, relative to the lossless product
// deno run -A bench/crossbar_bench.ts [threads]   Gb/s (10⁹ one-bit multiply-accumulates), best of several runs

import { hash } from "../lib/random.ts";
import type { Session } from "../lib/simulate/backend.ts";
import { cpuBackend } from "../lib/simulate/cpu/backend.ts";
import type { AdcTable, CrossbarStep, Program } from "../lib/simulate/program.ts";
import type { Tensor } from "../lib/tensor.ts";

const [SIDE, CHANNELS, TILE, SLICES, INPUT_BITS] = [32, 128, 128, 4, 4];
const ROWS = 9 * CHANNELS;
/** One-bit multiply-accumulates of one image, in 10⁹. */
const GIGABITS = SIDE * SIDE * ROWS * CHANNELS * SLICES * INPUT_BITS / 1e9;

/** One converter of the comparison. */
interface Case {
  readonly name: string;
  /** Cells 0 and 1, or −1 and 1 where a dummy column is subtracted. */
  readonly signed: boolean;
  readonly code: (sum: number) => number;
}

const even = (value: number) => Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

/** Every case has a 6-bit ADC, but for the lossless one. */
export const CASES: readonly Case[] = [
  { name: "lossless, one integer product", signed: false, code: (sum) => sum },
  { name: "clip at 63", signed: false, code: (sum) => Math.min(sum, 63) },
  { name: "dummy column, step 1", signed: true, code: (sum) => clamp(sum, -32, 31) },
  { name: "dummy column, step 2, half to even", signed: true, code: (sum) => clamp(even(sum / 2), -32, 31) },
  { name: "dummy column, any step", signed: true, code: (sum) => clamp(even(sum / 2.37), -32, 31) },
  {
    name: "dummy column, arbitrary table",
    signed: true,
    code: (sum) => clamp(Math.sign(sum) * even(2.7 * Math.sqrt(Math.abs(sum))), -32, 31),
  },
];

/** A program of one crossbar layer, its sums brought to f32. */
export function layer({ signed, code }: Case): Program {
  const cells = Int8Array.from({ length: SLICES * ROWS * CHANNELS }, (_, at) => signed ? 2 * (hash(1, at) & 1) - 1 : hash(1, at) & 1);
  const min = signed ? -TILE : 0, codes = Int32Array.from({ length: TILE - min + 1 }, (_, index) => code(index + min));
  const table: AdcTable = { min, max: TILE, codes };
  const step: CrossbarStep = {
    op: "crossbar",
    input: 0,
    output: 1,
    geometry: {
      kernel: [3, 3],
      stride: [1, 1],
      padding: [1, 1],
      dilation: [1, 1],
      groups: 1,
      inputShape: [SIDE, SIDE, CHANNELS],
      outputShape: [SIDE, SIDE, CHANNELS],
    },
    cells,
    slices: SLICES,
    sliceWeights: [1, 2, 4, 8],
    inputBits: INPUT_BITS,
    digitBits: 1,
    rowIndex: Int32Array.from({ length: ROWS }, (_, row) => row),
    tiles: Array.from({ length: ROWS / TILE + 1 }, (_, tile) => tile * TILE),
    adc: { kind: "table", table },
    correction: 0,
  };
  return {
    values: [
      { type: "u8", shape: [SIDE, SIDE, CHANNELS], name: "input" },
      { type: "i32", shape: [SIDE, SIDE, CHANNELS], name: "sums" },
      { type: "u8", shape: [SIDE, SIDE, CHANNELS], name: "codes" },
      { type: "u8", shape: [1, 1, CHANNELS], name: "pooled" },
      { type: "f32", shape: [1, 1, CHANNELS], name: "output" },
    ],
    steps: [
      step,
      { op: "threshold", input: 1, output: 2, thresholds: new Int32Array(CHANNELS), levels: 1, sign: new Int8Array(CHANNELS).fill(1) },
      { op: "maxPool", input: 2, output: 3, kernel: [SIDE, SIDE], stride: [SIDE, SIDE], padding: [0, 0] },
      { op: "affine", input: 3, output: 4, scale: new Float32Array(CHANNELS).fill(1), bias: new Float32Array(CHANNELS) },
    ],
    output: 4,
  };
}

/** Random 4-bit codes. */
export function codes(batch: number): Tensor<Uint8Array> {
  return {
    shape: [batch, SIDE, SIDE, CHANNELS],
    data: Uint8Array.from({ length: batch * SIDE * SIDE * CHANNELS }, (_, at) => hash(2, at) & 15),
  };
}

if (import.meta.main) {
  const threads = Deno.args[0] === undefined ? {} : { threads: Number(Deno.args[0]) };
  await using backend = await cpuBackend(threads);
  const images = codes(4);
  console.log(backend.description);
  let product = 0;
  for (const entry of CASES) {
    await using session = await backend.prepare(layer(entry));
    let best = Infinity;
    for (let run = 0; run < 24; run++) {
      const start = performance.now();
      await session.run(images);
      best = Math.min(best, performance.now() - start);
    }
    const rate = GIGABITS * images.shape[0]! / (best / 1000);
    product ||= rate;
    console.log(
      `${entry.name.padEnd(40)} ${(best / images.shape[0]!).toFixed(2).padStart(7)} ms/layer ${rate.toFixed(0).padStart(6)} Gb/s  ${
        (rate / product).toFixed(2)
      } × lossless`,
    );
  }
} else {
  const backend = await cpuBackend();
  const images = codes(1);
  for (const entry of CASES) {
    let session: Session | undefined;
    Deno.bench({
      name: entry.name,
      group: `${GIGABITS.toFixed(2)} Gb`,
      baseline: entry === CASES[0],
      fn: async () => {
        await (session ??= await backend.prepare(layer(entry))).run(images);
      },
    });
  }
}
