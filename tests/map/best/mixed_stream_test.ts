// Mixed streams: never worse than either kind alone on the layers below, and every placement executed.

import { assert, assertEquals } from "@std/assert";
import { columnStreamMapping } from "../../../lib/map/best/column_stream.ts";
import { mixedStreamMapping } from "../../../lib/map/best/mixed_stream.ts";
import { rowStreamMapping } from "../../../lib/map/best/row_stream.ts";
import { placementCycles } from "../../../lib/map/activations.ts";
import { prove } from "../../../lib/map/prove.ts";
import { randomProblem } from "../problems.ts";
import { problemOf, records } from "./records.ts";

Deno.test("mixedStreamMapping() is at or below both single kinds on known layers", () => {
  for (const record of records) {
    const layer = problemOf(record), found = mixedStreamMapping(layer)!;
    const single = Math.min(rowStreamMapping(layer)!.cycles, columnStreamMapping(layer)!.cycles);
    assert(found.cycles <= single && found.cycles >= record.bound, `${JSON.stringify(record)}: ${found.cycles}, ${single}`);
  }
});

Deno.test("mixedStreamMapping() places what it counts, every multiply-accumulate once", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const found = mixedStreamMapping(randomProblem(seed));
    if (found === undefined) continue;
    const placement = found.place();
    assertEquals(prove(placement, seed).cycles, found.cycles);
    assertEquals(placementCycles(placement), found.cycles);
  }
});
