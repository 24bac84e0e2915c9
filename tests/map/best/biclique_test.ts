// Biclique covers: (Kh·Kw + 1) / 4 activations per output where two pixels and two outputs fit, executed.

import { assert, assertEquals } from "@std/assert";
import { bicliqueMapping } from "../../../lib/map/best/biclique.ts";
import { placementCycles } from "../../../lib/map/activations.ts";
import { prove } from "../../../lib/map/prove.ts";
import { problem } from "../problems.ts";
import { goldenRecords, problemOf } from "./records.ts";

Deno.test("bicliqueMapping() takes 2.5 activations per output of a 3 × 3 layer", async () => {
  assertEquals(bicliqueMapping(problem({ image: 14, kernel: 3, in: 256, out: 256, rows: 512, columns: 512 }))!.cycles, 360);
  assertEquals(bicliqueMapping(problem({ image: 56, kernel: 3, in: 64, out: 64, rows: 128, columns: 128 }))!.cycles, 7290);
  for (const record of await goldenRecords() ?? []) {
    if (record.biclique !== undefined) assertEquals(bicliqueMapping(problemOf(record))!.cycles, record.biclique);
  }
});

Deno.test("bicliqueMapping() does nothing that only meets padding", () => {
  // ⌈taps / 2⌉ column slots per output, two to an activation: 12² outputs of 5, 4·12 of 3, 4 of 2.
  const layer = problem({ image: 14, kernel: 3, padding: 1, in: 3, out: 5, rows: 6, columns: 10 });
  assertEquals(bicliqueMapping(layer)!.cycles, (144 * 5 + 48 * 3 + 4 * 2) / 2);
});

Deno.test("bicliqueMapping() places what it counts, every multiply-accumulate once", () => {
  for (const image of [4, 5, 7, [6, 9]] as const) {
    for (const kernel of [3, [1, 3], [3, 1], [3, 5]] as const) {
      for (const padding of [0, 1, 2]) {
        for (const [rows, columns] of [[7, 9], [9, 8], [12, 13]] as const) {
          const least = typeof kernel === "number" ? kernel : Math.max(...kernel);
          if (typeof image === "number" && image + 2 * padding <= least) continue;
          const layer = problem({ image, kernel, padding, in: 3, out: 4, rows, columns });
          const found = bicliqueMapping(layer);
          if (found === undefined) continue;
          const placement = found.place();
          assertEquals(prove(placement).cycles, found.cycles);
          assertEquals(placementCycles(placement), found.cycles);
        }
      }
    }
  }
});

Deno.test("bicliqueMapping() declines what it is not for", () => {
  const layer = { image: 8, kernel: 3, in: 4, out: 4, rows: 8, columns: 8 };
  assert(bicliqueMapping(problem(layer)) !== undefined);
  for (
    const change of [{ kernel: 2 }, { kernel: 1 }, { stride: 2 }, { dilation: 2 }, { groups: 2 }, { rows: 7 }, { columns: 7 }, { image: 3 }]
  ) {
    assertEquals(bicliqueMapping(problem({ ...layer, ...change })), undefined);
  }
});
