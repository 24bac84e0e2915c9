// The lower bound: at least the golden one, never above a mapping that was found and can be executed.

import { assert, assertEquals } from "@std/assert";
import { lowerBound } from "../../lib/map/bound.ts";
import { guillotineMapping } from "../../lib/map/best/guillotine.ts";
import { productMapping } from "../../lib/map/best/product.ts";
import { windowMapping } from "../../lib/map/best/window.ts";
import { rectangleRecords } from "./best/rectangles.ts";
import { problem, randomProblem } from "./problems.ts";

Deno.test("lowerBound() is at or above the golden bound", async () => {
  for (const { layer, bound } of await rectangleRecords()) {
    assert(lowerBound(layer).cycles >= bound, `${JSON.stringify(layer)}: ${lowerBound(layer).cycles}, golden ${bound}`);
  }
});

Deno.test("lowerBound() never exceeds the best mapping found", () => {
  let met = 0;
  const layers = 1500;
  for (let seed = 1; seed <= layers; seed++) {
    const layer = randomProblem(seed, { stride: 3, dilation: 3, groups: 4, image: 8 });
    const { cycles, parts } = lowerBound(layer);
    const found = Math.min(...[windowMapping, productMapping, guillotineMapping].map((map) => map(layer)!.cycles));
    assert(cycles <= found, `seed ${seed}: bound ${JSON.stringify(parts)}, found ${found}`);
    assertEquals(cycles, Math.max(...Object.values(parts)));
    if (cycles === found) met++;
  }
  assert(met > layers / 2, `${met} of ${layers} proved optimal`);
});

Deno.test("lowerBound() counts whole windows and whole footprints", () => {
  // 10 pixels and 10 outputs fit, but only one output at a time has its 9 pixels there: 1 + 9 / 2 outputs per activation instead of 10.
  const { cycles, parts } = lowerBound(problem({ image: 34, kernel: 3, in: 24, out: 48, rows: 240, columns: 480 }));
  assertEquals(parts.outputs, Math.ceil(32 * 32 / 10));
  assertEquals(parts.windows, Math.ceil(32 * 32 * 2 / 11));
  assertEquals(cycles, Math.max(parts.windows, parts.footprints));
});

Deno.test("lowerBound() leaves out what padding and stride leave out", () => {
  const one = { in: 1, out: 1, rows: 1, columns: 1 };
  // One cell: as many activations as multiply-accumulates. Corners have 4 of 9 taps, edges 6.
  assertEquals(lowerBound(problem({ image: 3, kernel: 3, padding: 1, ...one })).cycles, 4 * 4 + 4 * 6 + 9);
  assertEquals(lowerBound(problem({ image: 9, kernel: 1, stride: 2, ...one })).cycles, 25);
  assertEquals(lowerBound(problem({ image: 5, kernel: 2, dilation: 4, ...one })).cycles, 4);
  assertEquals(lowerBound(problem({ image: 1, kernel: 1, in: 6, out: 4, groups: 2, rows: 1, columns: 1 })).cycles, 2 * 3 * 2);
});
