// Clip-only converters: an exact product plus a redo of what can clip must give what clipping every conversion gives.

import { assert, assertEquals } from "@std/assert";
import { hash, uniform } from "../../../lib/random.ts";
import { ThreadPool } from "../../../lib/cpu/pool.ts";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import { reachOf, slicePlanes } from "../../../lib/simulate/cpu/cells.ts";
import { prepareCrossbar } from "../../../lib/simulate/cpu/crossbar.ts";
import { CpuDevice } from "../../../lib/simulate/cpu/device.ts";
import { ALWAYS_SAFE, safeLimits, unsafeShares, worthwhileShare } from "../../../lib/simulate/cpu/saturate.ts";
import type { CrossbarStep, Program } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { randomCrossbarProgram, randomImages } from "../random_program.ts";

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

/** A random crossbar whose converter clips sums to a random part of what they can reach. */
function clipping(seed: number): { program: Program; step: CrossbarStep } {
  const made = randomCrossbarProgram(seed), { adc: _, ...rest } = made.steps[0] as CrossbarStep;
  const adc = { kind: "table" as const, table: { min: 0, max: 0, codes: new Int32Array(1) } };
  const { low: min, high: max } = reachOf({ ...rest, adc });
  const high = Math.min(1500, Math.floor(max * uniform(seed, 21))), low = Math.max(-1500, Math.ceil(min * uniform(seed, 22)));
  const base = hash(seed, 23) % 3 === 0 ? 5 : 0, shift = hash(seed, 24) % 8 === 0 ? Math.floor(high / 2) : 0;
  const codes = Int32Array.from({ length: max - min + 1 }, (_, index) => clamp(index + min, low + shift, high) + base);
  const step: CrossbarStep = { ...rest, adc: { kind: "table", table: { min, max, codes } } };
  return { program: { ...made, steps: [step, ...made.steps.slice(1)] }, step };
}

Deno.test("cpuBackend() corrects exact products where converters clip, for inputs of any density", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  using pool = await ThreadPool.create({ threads: 1 });
  let corrected = 0;
  for (let seed = 0; seed < 100; seed++) {
    const { program, step } = clipping(seed), density = [0.02, 0.1, 0.3, 1][seed % 4]!;
    {
      using device = new CpuDevice(pool);
      if ((await prepareCrossbar(device, step, "layer")).corrected) corrected++;
    }
    const images = randomImages(seed, program, 2);
    const data = images.data.map((code, at) => uniform(seed, at, 5) < density ? code : 0);
    await using session = await backend.prepare(program);
    const [got, wanted] = [
      await session.run({ ...images, data }, [1]),
      await (await referenceBackend().prepare(program)).run({ ...images, data }, [1]),
    ];
    assertEquals(got.taps.get(1), wanted.taps.get(1), `seed ${seed}`);
  }
  assert(corrected > 30, `${corrected} corrected`);
});

Deno.test("safeLimits() never calls a conversion safe that clips", () => {
  for (let seed = 0; seed < 60; seed++) {
    const { step } = clipping(seed), { geometry, slices, cells, tiles } = step;
    const columns = geometry.outputShape[2] / geometry.groups, rows = tiles.at(-1)!, width = 16 * (1 + seed % 3);
    const layout = { width, columns: Math.ceil(columns / width) * width, tileRows: new Int32Array(tiles.length - 1) };
    const [low, high] = [-(hash(seed, 1) % 40), hash(seed, 2) % 60], group = geometry.groups - 1;
    const limits = safeLimits(step, group, { low, high }, layout);
    for (let draw = 0; draw < 40; draw++) {
      const tile = hash(seed, draw, 3) % (tiles.length - 1), slice = hash(seed, draw, 4) % slices, column = hash(seed, draw, 5) % columns;
      const top = 2 ** Math.min(step.digitBits, step.inputBits) - 1;
      let [x, sum] = [0, 0];
      for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
        const digit = uniform(seed, draw, row) < (draw % 5) / 4 ? top : 0;
        x += digit;
        sum += digit * cells[((group * slices + slice) * rows + row) * columns + column]!;
      }
      const limit = limits[(Math.floor(column / width) * slices + slice) * (tiles.length - 1) + tile]!;
      if (x <= limit) assert(sum >= low && sum <= high, `seed ${seed}: ${sum} for limit ${limit}`);
    }
  }
});

Deno.test("unsafeShares() counts what a digit sum makes unsafe, plane by plane", () => {
  const step = { ...clipping(3).step, tiles: [0, 20, 50] }, tiles = 2, planes = slicePlanes(step);
  const limits = new Int32Array(step.slices * tiles).fill(ALWAYS_SAFE);
  limits.fill(4, 0, tiles);
  const share = planes[0]!.planes / planes.reduce((sum, slice) => sum + slice.planes, 0);
  for (const shares of unsafeShares(step, planes, [limits])) {
    assertEquals([shares[0], shares[4], shares[5], shares.at(-1)], [0, 0, share, share]);
  }
});

Deno.test("worthwhileShare() falls with the work a product saves", () => {
  const step = { ...clipping(1).step, inputBits: 4, digitBits: 1 };
  const slices = (count: number) => Array.from({ length: count }, () => ({ least: 0, factor: 1, planes: 1 }));
  const [many, few, none] = [4, 2, 1].map((count) => worthwhileShare(step, slices(count), true)) as [number, number, number];
  assert(many > few && few > none, `${[many, few, none]}`);
  assert(worthwhileShare({ ...step, inputBits: 1 }, slices(1), false) <= 0);
  assert(many < 1);
});
