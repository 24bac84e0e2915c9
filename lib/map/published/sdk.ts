// SDK: square windows of shifted and duplicated kernels on the arrays im2col takes.

import type { Mapping, Problem } from "../placement.ts";
import { im2colTiles } from "./im2col.ts";
import { layerOf, placeWindows, tilesOf, windowSizes } from "./window.ts";

/**
 * Shift and duplicate kernel: windows of d × d outputs that share their pixels.
 *
 * Y. Zhang et al., “Efficient and Robust RRAM-Based Convolutional Weight Mapping With Shifted and Duplicated Kernel”, IEEE TCAD 40(2), 2021.
 * With AR = ⌈K² · IC / R⌉ and AC = ⌈OC / C′⌉ as im2col has them, d grows while (K + (d − 1) · s)² · IC ≤ R · AR and d² · OC ≤ C′ · AC;
 * ⌈Oh / d⌉ · ⌈Ow / d⌉ · AR · AC cycles, the larger d where two take as many. Rows and columns are cut wherever an array is full.
 * Groups are not in the paper: the conditions are those of one group, and groups are packed as in {@linkcode im2colMapping}, d by d.
 *
 * `detail`: dup (d), pwRow and pwCol (pixels of a window, horizontally and vertically), rowTiles (AR), columnTiles (AC), packed (groups per array).
 *
 * @throws {MappingError} if an array has no rows or no columns.
 *
 * @example
 * ```ts
 * import { sdkMapping } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const window = { kernel: [3, 3], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
 * const geometry = { ...window, inputShape: [56, 56, 64], outputShape: [54, 54, 64] } as const;
 * const { cycles, detail } = sdkMapping({ geometry, rows: 512, columns: 256 });
 * assertEquals([cycles, detail.dup, detail.pwRow], [1458, 2, 4]);
 * ```
 */
export function sdkMapping(problem: Problem): Mapping {
  const layer = layerOf(problem, "SDK");
  const { axes: [vertical, horizontal], inputs, outputs } = layer;
  const { rowTiles, columnTiles, packed, perWindow } = im2colTiles(layer);
  const most = Math.max(vertical.outputs, horizontal.outputs);
  const tall = windowSizes(vertical, most), wide = windowSizes(horizontal, most);
  let best = { cycles: layer.positions * perWindow, dup: 1, packed };
  for (let dup = 2; dup <= most; dup++) {
    const rows = tall[dup]! * wide[dup]! * inputs, columns = dup * dup * outputs;
    if (rows > problem.rows * rowTiles || columns > problem.columns * columnTiles) break;
    const tiles = tilesOf(layer, rows, columns, rowTiles, columnTiles);
    const cycles = Math.ceil(vertical.outputs / dup) * Math.ceil(horizontal.outputs / dup) * tiles.perWindow;
    if (cycles <= best.cycles) best = { cycles, dup, packed: tiles.packed };
  }
  const { cycles, dup } = best;
  return {
    method: "sdk",
    cycles,
    detail: { dup, pwRow: wide[dup]!, pwCol: tall[dup]!, rowTiles, columnTiles, packed: best.packed },
    place: () => placeWindows(layer, { outputs: [dup, dup], packed: best.packed }),
  };
}
