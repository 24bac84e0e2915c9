// Gather and scatter per axis: the golden figures, layers on which it meets the bound, and every placement executed.

import { assert, assertEquals } from "@std/assert";
import { productMapping } from "../../../lib/map/best/product.ts";
import { lowerBound } from "../../../lib/map/bound.ts";
import { problem } from "../problems.ts";
import { proveMapper, rectangleRecords } from "./rectangles.ts";

Deno.test("productMapping() is at or below the golden hybrids", async () => {
  for (const { layer, product, bound } of await rectangleRecords()) {
    const { cycles } = productMapping(layer)!;
    assert(cycles <= product && cycles >= bound, `${JSON.stringify(layer)}: ${cycles}, golden ${product}`);
  }
});

Deno.test("productMapping() places what it counts, every multiply-accumulate once", () => {
  proveMapper(productMapping, 300);
  proveMapper(productMapping, 100, { stride: 3, dilation: 3, padding: 3, groups: 5 });
});

Deno.test("productMapping() meets the bound where gather alone does not", () => {
  const layer = problem({ image: 56, kernel: 3, in: 64, out: 64, rows: 256, columns: 512 });
  assertEquals(productMapping(layer)!.cycles, 1460);
  assertEquals(lowerBound(layer).cycles, 1460);
});

Deno.test("productMapping() drives only pixels that are read", () => {
  // 1 × 1, stride 2: 25 pixels of 81.
  const found = productMapping(problem({ image: 9, kernel: 1, stride: 2, in: 4, out: 3, rows: 10, columns: 60 }))!;
  assertEquals(found.cycles, 10);
});
