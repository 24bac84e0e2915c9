// im2col: one output position per activation, the unfolded kernel cut wherever an array is full.

import type { Mapping, Problem } from "../placement.ts";
import { type Layer, layerOf, placeWindows, type Tiles, tilesOf } from "./window.ts";

/**
 * im2col, the mapping every other is compared with: Oh · Ow · ⌈K² · IC / R⌉ · ⌈OC / C′⌉ cycles.
 *
 * Each kernel is a column, its taps the rows; rows may be cut inside a channel. Cycle formula and comparison as in J. Rhe, S. Moon, J. H. Ko,
 * “VW-SDK: Efficient Convolutional Weight Mapping Using Variable Windows for Processing-In-Memory Architectures”, DATE 2022.
 * Groups are not in the paper: where two or more fit one array (K² · IC/g rows, OC/g columns each) they stand block-diagonally and take
 * ⌈groups / packed⌉ activations per position, else every group takes the cycles of a layer of its own.
 *
 * `detail`: rowTiles, columnTiles (of one group), packed (groups per array).
 *
 * @throws {MappingError} if an array has no rows or no columns.
 *
 * @example
 * ```ts
 * import { im2colMapping } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const window = { kernel: [3, 3], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
 * const geometry = { ...window, inputShape: [18, 18, 32], outputShape: [16, 16, 32] } as const;
 * assertEquals(im2colMapping({ geometry, rows: 256, columns: 512 }).cycles, 512); // 256 positions × ⌈288 / 256⌉
 * ```
 */
export function im2colMapping(problem: Problem): Mapping {
  const layer = layerOf(problem, "im2col");
  const tiles = im2colTiles(layer);
  const { rowTiles, columnTiles, packed } = tiles;
  return {
    method: "im2col",
    cycles: layer.positions * tiles.perWindow,
    detail: { rowTiles, columnTiles, packed },
    place: () => placeWindows(layer, { outputs: [1, 1], packed }),
  };
}

/** Arrays of im2col, from which the other methods start. */
export function im2colTiles(layer: Layer): Tiles {
  const { problem, area, inputs, outputs } = layer;
  const rows = area * inputs;
  return tilesOf(layer, rows, outputs, Math.ceil(rows / problem.rows), Math.ceil(outputs / problem.columns));
}
