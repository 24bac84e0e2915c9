// Column streams: at or below the prototypes, at or above the bound, and every placement executed.

import { assert, assertEquals } from "@std/assert";
import { columnStreamMapping } from "../../../lib/map/best/column_stream.ts";
import { placementCycles } from "../../../lib/map/activations.ts";
import { prove } from "../../../lib/map/prove.ts";
import { randomProblem } from "../problems.ts";
import { goldenRecords, problemOf, records } from "./records.ts";

Deno.test("columnStreamMapping() is at or below the prototype's streams", async () => {
  for (const record of await goldenRecords() ?? records) {
    const found = columnStreamMapping(problemOf(record));
    assert(found !== undefined, JSON.stringify(record));
    assert(found.cycles <= (record.columns ?? Infinity) && found.cycles >= record.bound, `${JSON.stringify(record)}: ${found.cycles}`);
  }
});

Deno.test("columnStreamMapping() places what it counts, every multiply-accumulate once", () => {
  let placed = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const found = columnStreamMapping(randomProblem(seed));
    if (found === undefined) continue;
    placed++;
    const placement = found.place();
    assertEquals(prove(placement, seed).cycles, found.cycles);
    assertEquals(placementCycles(placement), found.cycles);
  }
  assert(placed > 290, `${placed} of 300 placed`);
});
