// Mixed windows: the golden figures and far below, and every placement executed.

import { assert, assertEquals } from "@std/assert";
import { guillotineMapping } from "../../../lib/map/best/guillotine.ts";
import { placementCycles } from "../../../lib/map/activations.ts";
import { problem } from "../problems.ts";
import { proveMapper, rectangleRecords } from "./rectangles.ts";

Deno.test("guillotineMapping() is at or below the golden guillotine and hybrid partitions", async () => {
  for (const { layer, guillotine, product, bound, side } of await rectangleRecords()) {
    if (side > 56 && layer.rows !== 512) continue;
    const { cycles } = guillotineMapping(layer)!;
    // Beyond 150 pixels cuts before a pixel are not tried.
    const known = side > 150 ? guillotine : Math.min(guillotine, product);
    assert(cycles <= known && cycles >= bound, `${JSON.stringify(layer)}: ${cycles}, golden ${known}`);
  }
});

Deno.test("guillotineMapping() places what it counts, every multiply-accumulate once", () => {
  proveMapper(guillotineMapping, 300);
  proveMapper(guillotineMapping, 100, { stride: 3, dilation: 3, padding: 3, groups: 5 });
});

Deno.test("guillotineMapping() finds covers of 2.5 activations per output where an array holds two pixels and two outputs", () => {
  assertEquals(guillotineMapping(problem({ image: 14, kernel: 3, in: 8, out: 8, rows: 16, columns: 16 }))!.cycles, 360);
});

Deno.test("guillotineMapping() spares rows of padding", () => {
  // A window of all 9 outputs has 9 pixels inside the image, not 25.
  const found = guillotineMapping(problem({ image: 3, kernel: 3, padding: 1, in: 4, out: 2, rows: 36, columns: 18 }))!;
  assertEquals(found.cycles, 1);
});

Deno.test("guillotineMapping() covers residue classes of dilated layers on their own", () => {
  const found = guillotineMapping(problem({ image: 8, kernel: 2, dilation: 2, in: 4, out: 4, rows: 16, columns: 4 }))!;
  assertEquals(found.detail.planes, 4);
  assertEquals(placementCycles(found.place()), found.cycles);
  assertEquals(found.cycles, 36);
});
