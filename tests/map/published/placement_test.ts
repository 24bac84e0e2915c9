// Placements of the published methods, executed: every multiply-accumulate once, in as many cycles as the formula says.

import { assert, assertEquals } from "@std/assert";
import { placementCost, placementCycles } from "../../../lib/map/activations.ts";
import { prove } from "../../../lib/map/prove.ts";
import { im2colMapping } from "../../../lib/map/published/im2col.ts";
import { sdkMapping } from "../../../lib/map/published/sdk.ts";
import { smdMapping } from "../../../lib/map/published/smd.ts";
import { vwSdkMapping } from "../../../lib/map/published/vw_sdk.ts";
import { problem, randomProblem } from "../problems.ts";

const METHODS = { im2col: im2colMapping, smd: smdMapping, sdk: sdkMapping, vwSdk: vwSdkMapping };

for (const [name, method] of Object.entries(METHODS)) {
  Deno.test(`${name}Mapping() places every weight once on random layers`, () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomProblem(seed, { stride: 3, groups: 5 });
      const layer = { ...random, rows: seed % 3 === 0 ? 3 * random.rows : random.rows };
      const mapping = method(layer);
      const placement = mapping.place();
      assertEquals(placementCycles(placement), mapping.cycles, `${name}, seed ${seed}`);
      try {
        assertEquals(prove(placement, seed).cycles, mapping.cycles);
      } catch (cause) {
        throw new Error(`${name}, seed ${seed}`, { cause });
      }
    }
  });
}

Deno.test("smdMapping(), sdkMapping() and vwSdkMapping() take no more cycles than im2col", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const layer = randomProblem(seed);
    const start = im2colMapping(layer).cycles;
    for (const method of [smdMapping, sdkMapping, vwSdkMapping]) assert(method(layer).cycles <= start, `seed ${seed}`);
  }
});

Deno.test("groups that fit side by side share an array", () => {
  const layer = problem({ image: 6, kernel: 3, padding: 1, in: 8, out: 8, groups: 8, rows: 30, columns: 16 });
  const start = im2colMapping(layer);
  assertEquals([start.cycles, start.detail.packed], [36 * 3, 3]); // ⌊30 / 9⌋ groups in an array, ⌈8 / 3⌉ arrays
  assertEquals(start.place().patterns.map(({ rowTiles }) => rowTiles), [[0, 27], [0, 27], [0, 18]]);
  const single = im2colMapping({ ...layer, rows: 8 });
  assertEquals([single.cycles, single.detail.packed], [36 * 8 * 2, 1]);
  const wide = vwSdkMapping({ ...layer, rows: 48 });
  assertEquals([wide.cycles, wide.detail["outCol"], wide.detail["outRow"], wide.detail["packed"]], [6 * 4, 1, 6, 2]);
  prove(wide.place());
});

Deno.test("smdMapping() wraps runs of positions round the edge where no rectangle is as fast", () => {
  const layer = problem({ image: 7, kernel: 3, in: 1, out: 1, rows: 27, columns: 27 });
  const { cycles, detail, place } = smdMapping(layer);
  assertEquals([cycles, detail.dup], [9, 3]); // 25 positions, 3 at a time
  assertEquals(place().patterns.length, 3);
  prove(place());
  const even = smdMapping(problem({ image: 8, kernel: 3, in: 1, out: 1, rows: 36, columns: 27 })).place();
  assertEquals(even.patterns.length, 1); // 2 × 2 of 6 × 6
  assertEquals(placementCost(even).arrays, 1);
});

Deno.test("vwSdkMapping() counts the distinct pixels of dilated windows", () => {
  const layer = problem({ image: 9, kernel: 2, dilation: 4, in: 1, out: 1, rows: 16, columns: 4 });
  const { cycles, detail, place } = vwSdkMapping(layer);
  assertEquals([cycles, detail["outRow"], detail["outCol"], detail["pwRow"], detail["pwCol"]], [9, 2, 2, 4, 4]); // ⌈5 / 2⌉² windows
  prove(place());
});
