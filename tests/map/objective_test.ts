// Weighted choices and fronts: what they promise holds against every candidate they were chosen from.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { placementCost } from "../../lib/map/activations.ts";
import { bestMapping } from "../../lib/map/best.ts";
import { paretoMappings, weightedMapping } from "../../lib/map/objective.ts";
import { prove } from "../../lib/map/prove.ts";
import { problem } from "./problems.ts";

const LAYER = problem({ image: 12, kernel: 3, padding: 1, in: 16, out: 12, rows: 64, columns: 48 });

Deno.test("paretoMappings() has no mapping that another beats, and ends at the fewest cycles and the fewest arrays", () => {
  const front = paretoMappings(LAYER);
  const names = ["cycles", "arrays", "accumulations"] as const;
  for (const one of front) {
    prove(one.mapping.place());
    assert(front.every((other) => other === one || names.some((name) => other.cost[name] > one.cost[name])));
  }
  assertEquals(front[0]!.cost.cycles, bestMapping(LAYER).cycles);
  assert(front.length > 1);
  assertEquals(Math.min(...front.map(({ cost }) => cost.arrays)), weightedMapping(LAYER, { arrays: 1 }).cost.arrays);
});

Deno.test("weightedMapping() minimises what it is told to", () => {
  assertEquals(weightedMapping(LAYER, { cycles: 1 }).cost.cycles, bestMapping(LAYER).cycles);
  const few = weightedMapping(LAYER, { cycles: 1, arrays: 1e6 });
  assertEquals(placementCost(few.mapping.place()), few.cost);
  assert(few.cost.arrays <= weightedMapping(LAYER, { cycles: 1 }).cost.arrays);
});

Deno.test("weightedMapping() and paretoMappings() refuse weights and costs that mean nothing", () => {
  assertThrows(() => weightedMapping(LAYER, {}), OptionError, "one of them positive");
  assertThrows(() => weightedMapping(LAYER, { cycles: -1 }), OptionError, "0 or more");
  assertThrows(() => weightedMapping(LAYER, { energy: 1 } as never), OptionError, "objective.energy");
  assertThrows(() => paretoMappings(LAYER, []), OptionError, "cycles, arrays");
});
