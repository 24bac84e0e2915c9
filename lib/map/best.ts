// Bitline's mapper: the fewest cycles over every family it knows, published methods included, so it is never worse than any of them.

import { bicliqueMapping } from "./best/biclique.ts";
import { columnStreamMapping } from "./best/column_stream.ts";
import { guillotineMapping } from "./best/guillotine.ts";
import { mixedStreamMapping } from "./best/mixed_stream.ts";
import { productMapping } from "./best/product.ts";
import { rowStreamMapping } from "./best/row_stream.ts";
import { windowMapping } from "./best/window.ts";
import { tilesOf } from "./activations.ts";
import { lowerBound } from "./bound.ts";
import { checkArray } from "./check_array.ts";
import type { Mapping, Placement, Problem } from "./placement.ts";
import { im2colMapping } from "./published/im2col.ts";
import { sdkMapping } from "./published/sdk.ts";
import { smdMapping } from "./published/smd.ts";
import { vwSdkMapping } from "./published/vw_sdk.ts";

/** In order of preference among equals: few arrays and little digital addition first. */
const FAMILIES: readonly ((problem: Problem) => Mapping | undefined)[] = [
  im2colMapping,
  smdMapping,
  sdkMapping,
  vwSdkMapping,
  windowMapping,
  guillotineMapping,
  productMapping,
  bicliqueMapping,
  columnStreamMapping,
  rowStreamMapping,
  mixedStreamMapping,
];

/**
 * The mapping of a layer with the fewest cycles known: element-granular windows, mixed border windows, gather and scatter per axis, streaming, biclique
 * covers and the published methods, of full arrays only where the problem asks for it. Families are tried until one reaches the proved lower bound; among equals the simpler one stays.
 *
 * @throws {MappingError} if an array has no rows or columns.
 *
 * @example
 * ```ts
 * import { bestMapping, lowerBound, publishedLayers, vwSdkMapping } from "@bitline/bitline";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const problem = { geometry: publishedLayers("ResNet-18")[1]!.geometry, rows: 512, columns: 512 }; // 64 → 64, 3 × 3, 56²
 * assertEquals(vwSdkMapping(problem).cycles, 1458);
 * assert(bestMapping(problem).cycles <= 756);
 * assert(bestMapping(problem).cycles >= lowerBound(problem).cycles);
 * ```
 */
export function bestMapping(problem: Problem): Mapping {
  checkArray("map a layer", { rows: problem.rows, columns: problem.columns }, "An array smaller than one weight holds nothing.");
  const bound = lowerBound(problem).cycles;
  let best: Mapping | undefined;
  for (const family of FAMILIES) {
    const found = family(problem);
    if (found === undefined || best !== undefined && found.cycles >= best.cycles) continue;
    if (problem.full !== true || isFull(found.place())) best = found;
    if (best !== undefined && best.cycles <= bound) break;
  }
  return best!;
}

/** Whether every row and column of each array share a weight. */
function isFull(placement: Placement): boolean {
  return placement.patterns.every((pattern) =>
    tilesOf(placement, pattern).every(({ rowTile, columnTile, cells }) => {
      const rows = pattern.rowTiles[rowTile + 1]! - pattern.rowTiles[rowTile]!;
      return cells === rows * (pattern.columnTiles[columnTile + 1]! - pattern.columnTiles[columnTile]!);
    })
  );
}

/** What every family finds for a layer, for a look at the trade between cycles, arrays and digital additions. */
export function mappingCandidates(problem: Problem): Mapping[] {
  return FAMILIES.map((family) => family(problem)).filter((mapping) => mapping !== undefined);
}
