// Windows cut at elements: the golden figures, and every placement executed.

import { assert, assertEquals } from "@std/assert";
import { windowMapping } from "../../../lib/map/best/window.ts";
import { placementCost } from "../../../lib/map/activations.ts";
import { prove } from "../../../lib/map/prove.ts";
import { problem } from "../problems.ts";
import { proveMapper, rectangleRecords } from "./rectangles.ts";

Deno.test("windowMapping() is at or below the golden element-granular windows", async () => {
  for (const { layer, window, bound } of await rectangleRecords()) {
    const { cycles } = windowMapping(layer)!;
    assert(cycles <= window && cycles >= bound, `${JSON.stringify(layer)}: ${cycles}, golden ${window}`);
  }
});

Deno.test("windowMapping() places what it counts, every multiply-accumulate once", () => {
  proveMapper(windowMapping, 300);
  proveMapper(windowMapping, 100, { stride: 3, dilation: 3, padding: 3, groups: 5 });
});

Deno.test("windowMapping() uses one set of arrays for the whole layer", () => {
  const found = windowMapping(problem({ image: 14, kernel: 3, in: 256, out: 256, rows: 512, columns: 512 }))!;
  assertEquals(found.cycles, 12 * 6 * 6);
  const { patterns } = found.place();
  assertEquals(patterns.length, 1);
  assertEquals(placementCost(found.place()).arrays, 6);
});

Deno.test("windowMapping() lays groups side by side", () => {
  // 16 groups of 9 rows and 1 column: all on one array.
  const found = windowMapping(problem({ image: 5, kernel: 3, in: 16, out: 16, groups: 16, rows: 144, columns: 16 }))!;
  assertEquals(found.cycles, 9);
  // One group alone fills a third of the rows: windows of 3 outputs, 15 rows, would need 5 arrays for 16 groups if none straddled two.
  const dense = windowMapping(problem({ image: 5, kernel: 3, in: 16, out: 16, groups: 16, rows: 50, columns: 50 }))!;
  prove(dense.place());
  assert(dense.cycles <= 3 * 3 * 16 / 5 + 1, `${dense.cycles}`);
});
