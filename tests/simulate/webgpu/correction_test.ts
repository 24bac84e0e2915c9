// Clip-only converters as an exact product and a redo: the same bits as the plain way, each way alone. Skipped without an adapter.

import { assert, assertEquals } from "@std/assert";
import { hash, uniform } from "../../../lib/random.ts";
import { reachOf } from "../../../lib/simulate/cpu/cells.ts";
import type { AdcTable, CrossbarStep, Program } from "../../../lib/simulate/program.ts";
import { referenceBackend } from "../../../lib/simulate/reference/backend.ts";
import { clipRange, correctableShare } from "../../../lib/simulate/webgpu/correction.ts";
import { prepareSession } from "../../../lib/simulate/webgpu/session.ts";
import type { TilePicker } from "../../../lib/simulate/webgpu/tiles.ts";
import { randomCrossbarProgram, randomImages } from "../random_program.ts";
import { deviceIfAny, lossless } from "./agree.ts";

const device = await deviceIfAny();
const SHAPE = { lanesX: 4, lanesY: 4, rows: 2, columns: 1 };

/** A random crossbar whose converter clips sums to a part of what they can reach. */
function clipping(seed: number): Program {
  const made = randomCrossbarProgram(seed), { adc: _, ...rest } = made.steps[0] as CrossbarStep;
  const { low: min, high: max } = reachOf({ ...rest, adc: { kind: "table", table: { min: 0, max: 0, codes: new Int32Array(1) } } });
  const high = Math.min(1500, Math.floor(max * uniform(seed, 31))), low = Math.max(-1500, Math.ceil(min * uniform(seed, 32)));
  const base = hash(seed, 33) % 3 === 0 ? 5 : 0;
  const codes = Int32Array.from({ length: max - min + 1 }, (_, index) => Math.min(Math.max(index + min, low), high) + base);
  const step: CrossbarStep = { ...rest, adc: { kind: "table", table: { min, max, codes } } };
  return { ...made, steps: [step, ...made.steps.slice(1)] };
}

/** Corrects up to `share` of the tiles; launches of the class `idle` do nothing. Notes the classes asked for. */
function picker(correctShare: number, idle: string, classes = new Set<string>()): TilePicker {
  return {
    correctShare,
    pick: async (_, { key, choices, make }) => {
      const kind = key.split(" ")[0]!, launches = await make(choices.includes("direct") ? "direct" : SHAPE);
      classes.add(kind);
      return kind === idle ? launches.map((launch) => ({ ...launch, groups: () => 0 })) : launches;
    },
  };
}

Deno.test("clipRange() finds what a table clips to, and nothing where it does more", () => {
  const table = (code: (d: number) => number): AdcTable => ({
    min: -20,
    max: 40,
    codes: Int32Array.from({ length: 61 }, (_, at) => code(at - 20)),
  });
  const clamp = (low: number, high: number, base: number) => table((d) => Math.min(Math.max(d, low), high) + base);
  assertEquals(clipRange(clamp(-4, 31, 2), { low: -20, high: 40 }), { low: -4, high: 31, base: 2 });
  assertEquals(clipRange(clamp(-4, 31, 0), { low: 0, high: 40 }), { low: 0, high: 31, base: 0 });
  assertEquals(clipRange(clamp(-4, 31, 0), { low: 35, high: 40 }), undefined);
  assertEquals(clipRange(table((d) => Math.min(d >> 1, 7)), { low: -20, high: 40 }), undefined);
  assertEquals(clipRange(table((d) => d === 3 ? 4 : Math.min(d, 9)), { low: -20, high: 40 }), undefined);
});

Deno.test("correctableShare() grows with the work that a product saves", () => {
  for (const software of [false, true]) {
    assert(correctableShare(64, software) > correctableShare(16, software));
    assert(correctableShare(1, software) <= 0 && correctableShare(1024, software) < 1);
  }
});

Deno.test({
  name: "prepareSession() corrects exact products where converters clip, the product and the plain way each sufficing",
  ignore: device === undefined,
  fn: async () => {
    let [clipped, corrected] = [0, 0];
    for (let seed = 0; seed < 12; seed++) {
      const program = clipping(seed), images = randomImages(seed, program, 2), density = [0.05, 0.3, 1][seed % 3]!;
      const sparse = { ...images, data: images.data.map((code, at) => uniform(seed, at, 5) < density ? code : 0) };
      const oracle = async (each: Program) => (await (await referenceBackend().prepare(each)).run(sparse, [1])).taps.get(1)!;
      const expected = await oracle(program), step = program.steps[0] as CrossbarStep, classes = new Set<string>();
      const agree = async (share: number, idle: string) => {
        await using session = await prepareSession(device!, program, { tiles: picker(share, idle, classes) });
        assertEquals((await session.run(sparse, [1])).taps.get(1), expected, `seed ${seed}, share ${share}, without ${idle}`);
      };
      await agree(0.3, "");
      if (classes.size < 2) continue; // Lossless, or no product of i16 weights.
      corrected++;
      await agree(1, "crossbar");
      const { base } = clipRange((step.adc as { table: AdcTable }).table, reachOf(step))!;
      const exact = await oracle(lossless(program, 1, base));
      if (exact.data.every((sum, at) => sum === expected.data[at])) continue;
      clipped++;
      await agree(1e-9, "product");
    }
    assert(clipped > 2 && corrected > 4, `${clipped} clip, ${corrected} corrected`);
  },
});

Deno.test.afterAll(async () => await device?.[Symbol.asyncDispose]());
