// The proof itself: right placements pass, every kind of wrong one is caught.

import { assertEquals, assertThrows } from "@std/assert";
import { activations, macs, placementCost, placementCycles } from "../../lib/map/activations.ts";
import { MappingError } from "../../lib/errors.ts";
import type { Pattern, Placement } from "../../lib/map/placement.ts";
import { prove } from "../../lib/map/prove.ts";
import { problem } from "./problems.ts";

/** A 3 × 3 layer, 2 → 2 channels, on windows of 1 × 2 outputs. */
function window(change: (pattern: Pattern) => Pattern = (pattern) => pattern, skipsIdle = false, padding = 0): Placement {
  const { geometry } = problem({ image: 6, kernel: 3, padding, in: 2, out: 2, rows: 24, columns: 4 });
  const rows: number[] = [], columns: number[] = [], origins: number[] = [];
  for (let dy = 0; dy < 3; dy++) for (let dx = 0; dx < 4; dx++) for (let c = 0; c < 2; c++) rows.push(dy, dx, c);
  for (let dx = 0; dx < 2; dx++) for (let o = 0; o < 2; o++) columns.push(0, dx, o);
  for (let y = 0; y < geometry.outputShape[0]; y++) for (let x = 0; x < geometry.outputShape[1]; x += 2) origins.push(y, x);
  const pattern: Pattern = {
    rows: Int32Array.from(rows),
    columns: Int32Array.from(columns),
    rowTiles: [0, 8, 16, 24],
    columnTiles: [0, 4],
    origins: Int32Array.from(origins),
  };
  return { geometry, rows: 24, columns: 4, skipsIdle, patterns: [change(pattern)] };
}

Deno.test("prove() passes a window placement and counts its activations", () => {
  const placement = window();
  assertEquals(prove(placement), { cycles: 8 * 3, macs: 16 * 9 * 4 });
  assertEquals(macs(placement), 16 * 9 * 4);
  assertEquals(placementCycles(placement), 24);
  assertEquals(placementCost(placement), { cycles: 24, arrays: 3, cells: 2 * 9 * 4, conversions: 24 * 4, accumulations: 24 * 4 - 32 });
  assertEquals(activations(placement).length, 24);
});

Deno.test("placementCycles() leaves out activations that only meet padding", () => {
  // The top row's windows have nothing under their first kernel row, the bottom row's nothing under the last.
  assertEquals(placementCycles(window(undefined, false, 1)), 6 * 3 * 3);
  assertEquals(placementCycles(window(undefined, true, 1)), 6 * 3 * 3 - 2 * 3);
  prove(window(undefined, true, 1));
});

Deno.test("prove() refuses what is left out, done twice, or too large", () => {
  assertThrows(
    () => prove(window((pattern) => ({ ...pattern, origins: pattern.origins.slice(2) }))),
    MappingError,
    "output (0, 0), channel 0",
  );
  const twice = window((pattern) => ({ ...pattern, origins: Int32Array.of(...pattern.origins, 0, 0) }));
  assertThrows(() => prove(twice), MappingError, "multiply-accumulates");
  assertThrows(() => prove(window((pattern) => ({ ...pattern, rowTiles: [0, 25, 24] }))), MappingError, "pattern 0");
  const blocks = { rows: new Uint16Array(24).fill(1), columns: new Uint16Array(4) };
  assertThrows(() => prove(window((pattern) => ({ ...pattern, blocks }))), MappingError, "after 0");
});
