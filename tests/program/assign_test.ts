import { assertAlmostEquals, assertEquals } from "@std/assert";
import { assign } from "../../lib/program/assign.ts";
import { uniform } from "../../lib/random.ts";

/** Least cost over all permutations. */
function least(cost: Float64Array, n: number, row = 0, used = 0): number {
  if (row === n) return 0;
  let best = Infinity;
  for (let place = 0; place < n; place++) {
    if ((used >> place) & 1) continue;
    best = Math.min(best, cost[row * n + place]! + least(cost, n, row + 1, used | 1 << place));
  }
  return best;
}

Deno.test("assign() finds the cheapest permutation", () => {
  for (let seed = 0; seed < 40; seed++) {
    const n = 1 + seed % 7;
    const cost = Float64Array.from({ length: n * n }, (_, at) => seed % 2 === 0 ? uniform(seed, at) : Math.floor(3 * uniform(seed, at)));
    const places = assign(cost, n);
    assertEquals(new Set(places).size, n);
    assertAlmostEquals(places.reduce((sum, place, row) => sum + cost[row * n + place]!, 0), least(cost, n), 1e-12);
  }
});
