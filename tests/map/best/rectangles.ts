// What the tests of the rectangular families share: golden records, a dozen inline and all where the folder is there, and the proof of a mapper.

import { assert, assertEquals } from "@std/assert";
import { lowerBound } from "../../../lib/map/bound.ts";
import { placementCycles } from "../../../lib/map/activations.ts";
import type { Mapping, Problem } from "../../../lib/map/placement.ts";
import { prove } from "../../../lib/map/prove.ts";
import { problem, randomProblem } from "../problems.ts";

/** A square layer of stride 1 without padding, and the cycles known for it. */
export interface RectangleRecord {
  readonly layer: Problem;
  /** Uniform windows cut at elements. */
  readonly window: number;
  /** Gather or scatter per axis. */
  readonly product: number;
  /** Mixed gather windows. */
  readonly guillotine: number;
  /** Lower bound. */
  readonly bound: number;
  /** Image side. */
  readonly side: number;
}

const INLINE: readonly (readonly number[])[] = [
  [56, 3, 64, 64, 512, 512, 1134, 756, 1094, 730],
  [14, 3, 256, 256, 512, 512, 432, 432, 432, 360],
  [14, 3, 512, 512, 512, 512, 1296, 1296, 1296, 1296],
  [56, 3, 64, 64, 256, 512, 2268, 1512, 2188, 1460],
  [18, 3, 24, 32, 256, 512, 64, 54, 64, 31],
  [9, 3, 32, 64, 256, 512, 24, 20, 21, 14],
  [7, 3, 64, 64, 256, 512, 30, 21, 22, 15],
  [16, 5, 256, 48, 64, 64, 14400, 14400, 14400, 11120],
  [18, 1, 64, 24, 512, 512, 45, 45, 41, 41],
  [34, 3, 192, 24, 128, 256, 4598, 2312, 4304, 1734],
  [34, 5, 48, 8, 256, 256, 510, 340, 508, 217],
  [28, 3, 12, 48, 256, 512, 117, 104, 113, 64],
];

const record = ([I, K, IC, OC, R, C, window, product, guillotine, bound]: readonly number[]): RectangleRecord => ({
  layer: problem({ image: I!, kernel: K!, in: IC!, out: OC!, rows: R!, columns: C! }),
  window: window!,
  product: product!,
  guillotine: guillotine!,
  bound: bound!,
  side: I!,
});

/** All golden records, or the dozen where the folder is absent. */
export async function rectangleRecords(): Promise<RectangleRecord[]> {
  const file = new URL("../../../../shared/golden/mapping/beyond_vwsdk.json", import.meta.url);
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return INLINE.map(record);
    throw error;
  }
  type Raw = Record<"I" | "K" | "IC" | "OC" | "R" | "C" | "guillotine" | "LB", number> & Record<"elem" | "hybrid", [number, string]>;
  const { records } = JSON.parse(text) as { records: Raw[] };
  return records.map(({ I, K, IC, OC, R, C, elem, hybrid, guillotine, LB }) =>
    record([I, K, IC, OC, R, C, elem[0], hybrid[0], guillotine, LB])
  );
}

/** Executes what a mapper finds for many random layers: every multiply-accumulate once, as many activations as it says, none below the bound. */
export function proveMapper(
  map: (problem: Problem) => Mapping | undefined,
  seeds: number,
  options?: Parameters<typeof randomProblem>[1],
): void {
  for (let seed = 1; seed <= seeds; seed++) {
    const layer = randomProblem(seed, options), found = map(layer);
    assert(found !== undefined, `seed ${seed}`);
    const placement = found.place();
    assertEquals(prove(placement, seed).cycles, found.cycles, `seed ${seed}`);
    assertEquals(placementCycles(placement), found.cycles, `seed ${seed}`);
    assert(found.cycles >= lowerBound(layer).cycles, `seed ${seed}`);
  }
}
