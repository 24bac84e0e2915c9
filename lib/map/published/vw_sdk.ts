// VW-SDK: rectangular windows over part of the channels, searched over every height and width.

import type { Mapping, Problem } from "../placement.ts";
import { im2colMapping } from "./im2col.ts";
import { type Layer, layerOf, placeWindows, tilesOf, windowSizes } from "./window.ts";

/** The window found. */
interface Best {
  readonly cycles: number;
  readonly outputs: readonly [high: number, wide: number];
  /** Input and output channels of a tile. */
  readonly inputTile: number;
  readonly outputTile: number;
  readonly rowTiles: number;
  readonly columnTiles: number;
  readonly packed: number;
}

/**
 * Variable-window SDK: windows of j × i outputs, pixels PWh × PWw = (K + (j − 1) · s) × (K + (i − 1) · s), over whole channels.
 *
 * J. Rhe, S. Moon, J. H. Ko, “VW-SDK: Efficient Convolutional Weight Mapping Using Variable Windows for Processing-In-Memory Architectures”, DATE 2022.
 * ICt = ⌊R / (PWh · PWw)⌋ input and OCt = ⌊C′ / (i · j)⌋ output channels fit an array: AR = ⌈IC / ICt⌉, AC = ⌈OC / OCt⌉, and
 * ⌈Oh / j⌉ · ⌈Ow / i⌉ · AR · AC cycles. The search starts from im2col and takes a window only if it needs strictly fewer cycles, the first in order of j,
 * then i; the full height and width are scanned too.
 * Groups are not in the paper: channels are those of one group, and groups are packed as in {@linkcode im2colMapping}, window by window.
 * With dilation a window's pixels are the distinct ones it reads.
 *
 * `detail`: pwRow and pwCol (pixels of the window, horizontally and vertically), outRow and outCol (outputs, likewise), rowTiles (AR),
 * columnTiles (AC), packed (groups per array), and inputTile and outputTile (ICt and OCt, at most the channels there are), or
 * `fallback: "im2col"` where no window is better.
 *
 * @throws {MappingError} if an array has no rows or no columns.
 *
 * @example
 * ```ts
 * import { vwSdkMapping } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const window = { kernel: [3, 3], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
 * const geometry = { ...window, inputShape: [14, 14, 256], outputShape: [12, 12, 256] } as const;
 * const { cycles, detail } = vwSdkMapping({ geometry, rows: 512, columns: 512 });
 * assertEquals([cycles, detail.pwRow, detail.pwCol, detail.inputTile], [504, 4, 3, 42]);
 * ```
 */
export function vwSdkMapping(problem: Problem): Mapping {
  const layer = layerOf(problem, "VW-SDK");
  const start = im2colMapping(problem);
  const { axes: [vertical, horizontal] } = layer;
  const tall = windowSizes(vertical), wide = windowSizes(horizontal);
  const best = search(layer, tall, wide, start.cycles);
  if (best === undefined) {
    const window = { pwRow: horizontal.kernel, pwCol: vertical.kernel, outRow: 1, outCol: 1 };
    return { ...start, method: "vw-sdk", detail: { ...window, ...start.detail, fallback: "im2col" } };
  }
  const { cycles, outputs, inputTile, outputTile, rowTiles, columnTiles, packed } = best;
  const [outCol, outRow] = outputs;
  const window = { pwRow: wide[outRow]!, pwCol: tall[outCol]!, outRow, outCol };
  return {
    method: "vw-sdk",
    cycles,
    detail: { ...window, inputTile, outputTile, rowTiles, columnTiles, packed },
    place: () => placeWindows(layer, packed > 1 ? { outputs, packed } : { outputs, packed, inputTile, outputTile }),
  };
}

function search(layer: Layer, tall: Int32Array, wide: Int32Array, start: number): Best | undefined {
  const { problem, inputs, outputs, axes: [vertical, horizontal] } = layer;
  let best: Best | undefined, least = start;
  for (let high = 1; high <= vertical.outputs; high++) {
    for (let across = 1; across <= horizontal.outputs; across++) {
      const pixels = tall[high]! * wide[across]!, places = high * across;
      const inputTile = Math.min(inputs, Math.floor(problem.rows / pixels)),
        outputTile = Math.min(outputs, Math.floor(problem.columns / places));
      if (inputTile < 1 || outputTile < 1) break;
      const tiles = tilesOf(layer, pixels * inputs, places * outputs, Math.ceil(inputs / inputTile), Math.ceil(outputs / outputTile));
      const cycles = Math.ceil(vertical.outputs / high) * Math.ceil(horizontal.outputs / across) * tiles.perWindow;
      if (cycles >= least) continue;
      least = cycles;
      best = { cycles, outputs: [high, across], inputTile, outputTile, ...tiles };
    }
  }
  return best;
}
