// The arrays of a placed layer: one per row tile and column tile of every pattern, with what stands in each.

import type { SlicedLayer } from "../decompose/sliced.ts";
import { tilesOf } from "./activations.ts";
import { columnLayout } from "./layout.ts";
import type { ArrayPlacement } from "./mapped.ts";
import type { Placement } from "./placement.ts";

/** Lists arrays by pattern, then row tile, then column tile. Where idle activations are skipped, arrays without a weight are left out. */
export function arraysOf(layer: SlicedLayer, placement: Placement): ArrayPlacement[] {
  const { perWeight, references } = columnLayout(layer);
  const slices = layer.sliceWeights.map((_, slice) => slice);
  return placement.patterns.flatMap((pattern, index) =>
    tilesOf(placement, pattern).filter(({ cells }) => cells > 0 || !placement.skipsIdle).map(({ rowTile, columnTile, cells }) => {
      const firstRow = pattern.rowTiles[rowTile]!, firstColumn = pattern.columnTiles[columnTile]!;
      const columns = pattern.columnTiles[columnTile + 1]! - firstColumn;
      return {
        pattern: index,
        tile: rowTile,
        columnTile,
        slices,
        firstRow,
        rows: pattern.rowTiles[rowTile + 1]! - firstRow,
        firstColumn,
        columns,
        physicalColumns: columns * perWeight + references,
        weights: cells,
      };
    })
  );
}

/** Cells that hold a slice of a weight or a dummy or unit level, over all cells of the arrays, 0 to 1. */
export function utilisationOf(layer: SlicedLayer, arrays: readonly ArrayPlacement[], rows: number, columns: number): number {
  const { perWeight, references } = columnLayout(layer);
  const used = arrays.reduce((sum, array) => sum + array.weights * perWeight + array.rows * references, 0);
  return used / (arrays.length * rows * columns);
}
