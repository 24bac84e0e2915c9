// Row streams: at or below the prototypes, at or above the bound, and every placement executed.

import { assert, assertEquals } from "@std/assert";
import { rowStreamMapping } from "../../../lib/map/best/row_stream.ts";
import { placementCycles } from "../../../lib/map/activations.ts";
import { prove } from "../../../lib/map/prove.ts";
import { problem, randomProblem } from "../problems.ts";
import { goldenRecords, problemOf, records } from "./records.ts";

Deno.test("rowStreamMapping() is at or below the prototype's streams", async () => {
  for (const record of await goldenRecords() ?? records) {
    const found = rowStreamMapping(problemOf(record));
    assert(found !== undefined, JSON.stringify(record));
    assert(found.cycles <= (record.rows ?? Infinity) && found.cycles >= record.bound, `${JSON.stringify(record)}: ${found.cycles}`);
  }
});

Deno.test("rowStreamMapping() places what it counts, every multiply-accumulate once", () => {
  let placed = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const found = rowStreamMapping(randomProblem(seed));
    if (found === undefined) continue;
    placed++;
    const placement = found.place();
    assertEquals(prove(placement, seed).cycles, found.cycles);
    assertEquals(placementCycles(placement), found.cycles);
  }
  assert(placed > 290, `${placed} of 300 placed`);
});

Deno.test("rowStreamMapping() streams depthwise layers channel after channel", () => {
  const layer = problem({ image: 7, kernel: 3, padding: 1, in: 20, out: 20, groups: 20, rows: 64, columns: 64 });
  const found = rowStreamMapping(layer)!;
  prove(found.place());
  // A window of 6 × 6 pixels and 4 × 4 outputs for one channel at a time takes 4 activations each; pixels alone would fill 980 / 64 = 15.3.
  assert(found.cycles <= 25, `${found.cycles}`);
});

Deno.test("rowStreamMapping() drives no pixel that no output reads", () => {
  // 1 × 1, stride 2: a quarter of the pixels, all of their inputs, nothing else.
  const layer = problem({ image: 16, kernel: 1, stride: 2, in: 96, out: 8, rows: 128, columns: 64 });
  assertEquals(rowStreamMapping(layer)!.cycles, 64 * 96 / 128);
});

Deno.test("rowStreamMapping() takes a linear layer", () => {
  const layer = problem({ image: 1, kernel: 1, in: 300, out: 100, rows: 128, columns: 64 });
  assertEquals(rowStreamMapping(layer)!.cycles, 6);
});

Deno.test("rowStreamMapping() keeps what looks alike in one pattern", () => {
  const placement = rowStreamMapping(problem({ image: 28, kernel: 3, padding: 1, in: 64, out: 64, rows: 512, columns: 512 }))!.place();
  assert(placement.patterns.length < 40, `${placement.patterns.length}`);
});
