// Counts and walks the activations of a placement without expanding it to single cells: rows and columns at one position behave alike.

import type { Geometry } from "../simulate/program.ts";
import type { Pattern, Placement } from "./placement.ts";

/** One array of a pattern activated at one origin: one cycle. */
export interface Activation {
  /** The pattern it belongs to, and its number in the placement. */
  readonly pattern: Pattern;
  /** Number of the pattern. */
  readonly index: number;
  /** Number of the origin within the pattern. */
  readonly origin: number;
  /** Row tile of the array. */
  readonly rowTile: number;
  /** Column tile of the array. */
  readonly columnTile: number;
}

/** What a placement costs, per image except where noted. */
export interface PlacementCost {
  /** Array activations. */
  readonly cycles: number;
  /** Distinct arrays to program (weight layouts), once. */
  readonly arrays: number;
  /** Cells that hold a weight, over all arrays, once. */
  readonly cells: number;
  /** Columns converted: those with a cell in the activated array and an output inside the image. */
  readonly conversions: number;
  /** Additions of a partial sum to an output that already has one. */
  readonly accumulations: number;
}

/** Rows (or columns) of one tile at one position, group and block: all read (or make) the same place of the image. */
export interface Position {
  readonly dy: number;
  readonly dx: number;
  readonly group: number;
  readonly block: number;
  readonly count: number;
}

/** An array: what its rows and columns have in common. */
export interface Tile {
  readonly rowTile: number;
  readonly columnTile: number;
  readonly cells: number;
  readonly links: readonly (readonly [row: Position, column: Position])[];
  readonly columns: readonly Position[];
}

/** Positions of each tile of a pattern's rows or columns. */
function positions(entries: Int32Array, tiles: readonly number[], perGroup: number, blocks: Uint16Array | undefined): Position[][] {
  return tiles.slice(1).map((end, tile) => {
    const found = new Map<string, { dy: number; dx: number; group: number; block: number; count: number }>();
    for (let at = tiles[tile]!; at < end; at++) {
      const dy = entries[3 * at]!, dx = entries[3 * at + 1]!;
      const group = Math.floor(entries[3 * at + 2]! / perGroup), block = blocks?.[at] ?? 0;
      const key = `${dy},${dx},${group},${block}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { dy, dx, group, block, count: 1 });
      else known.count++;
    }
    return [...found.values()];
  });
}

/** Tap of the kernel along one axis that joins a row and a column; −1 if none. */
export function tapOf(row: number, column: number, stride: number, dilation: number, kernel: number): number {
  const distance = row - column * stride;
  if (distance < 0 || distance % dilation !== 0) return -1;
  const tap = distance / dilation;
  return tap < kernel ? tap : -1;
}

/** Arrays of a pattern, row tile by row tile. */
export function tilesOf({ geometry }: Placement, pattern: Pattern): Tile[] {
  const { stride, dilation, kernel, groups, inputShape, outputShape } = geometry;
  const rows = positions(pattern.rows, pattern.rowTiles, inputShape[2] / groups, pattern.blocks?.rows);
  const columns = positions(pattern.columns, pattern.columnTiles, outputShape[2] / groups, pattern.blocks?.columns);
  const places = new Map<string, { tile: number; position: Position }[]>();
  for (const [tile, list] of columns.entries()) {
    for (const position of list) {
      const key = placeKey(position, position.dy, position.dx), known = places.get(key);
      if (known === undefined) places.set(key, [{ tile, position }]);
      else known.push({ tile, position });
    }
  }
  return rows.flatMap((rowPositions, rowTile) => {
    const links: (readonly [Position, Position])[][] = columns.map(() => []);
    // A row has few taps, so few columns to look for, however many groups and blocks share the array.
    for (const row of rowPositions) {
      for (let ky = 0; ky < kernel[0]; ky++) {
        const dy = (row.dy - ky * dilation[0]) / stride[0];
        if (!Number.isInteger(dy)) continue;
        for (let kx = 0; kx < kernel[1]; kx++) {
          const dx = (row.dx - kx * dilation[1]) / stride[1];
          if (!Number.isInteger(dx)) continue;
          for (const { tile, position } of places.get(placeKey(row, dy, dx)) ?? []) links[tile]!.push([row, position]);
        }
      }
    }
    return columns.map((columnPositions, columnTile): Tile => {
      const joined = links[columnTile]!, linked = new Set(joined.map(([, column]) => column));
      return {
        rowTile,
        columnTile,
        cells: joined.reduce((sum, [row, column]) => sum + row.count * column.count, 0),
        links: joined,
        columns: columnPositions.filter((column) => linked.has(column)),
      };
    });
  });
}

/** Where a column of `position`'s group and block at (dy, dx) is found. */
function placeKey({ group, block }: Position, dy: number, dx: number): string {
  return `${group},${block},${dy + 0},${dx + 0}`;
}

/** Tells at which origins a row position reads a pixel and a column position makes an output. */
export function inside({ geometry }: Placement): {
  row(position: Position, y: number, x: number): boolean;
  column(position: Position, y: number, x: number): boolean;
} {
  const { stride, padding, inputShape, outputShape } = geometry;
  const [sy, sx] = stride, [py, px] = padding, [height, width] = inputShape, [outHeight, outWidth] = outputShape;
  return {
    row: ({ dy, dx }: Position, y: number, x: number): boolean => {
      const v = y * sy - py + dy, h = x * sx - px + dx;
      return v >= 0 && v < height && h >= 0 && h < width;
    },
    column: ({ dy, dx }: Position, y: number, x: number): boolean => {
      const v = y + dy, h = x + dx;
      return v >= 0 && v < outHeight && h >= 0 && h < outWidth;
    },
  };
}

/** Calls `visit` for every activation, in order of time. */
function walk(
  placement: Placement,
  visit: (pattern: Pattern, index: number, origin: number, tile: Tile) => void,
  begin?: (tiles: readonly Tile[]) => void,
): void {
  const { row, column } = inside(placement);
  for (const [index, pattern] of placement.patterns.entries()) {
    const tiles = tilesOf(placement, pattern);
    begin?.(tiles);
    const used = placement.skipsIdle ? tiles.filter(({ links }) => links.length > 0) : tiles;
    for (let origin = 0; 2 * origin < pattern.origins.length; origin++) {
      const y = pattern.origins[2 * origin]!, x = pattern.origins[2 * origin + 1]!;
      for (const tile of used) {
        if (placement.skipsIdle && !tile.links.some(([from, to]) => column(to, y, x) && row(from, y, x))) continue;
        visit(pattern, index, origin, tile);
      }
    }
  }
}

/** Every activation of a placement, in order of time. */
export function activations(placement: Placement): Activation[] {
  const all: Activation[] = [];
  walk(placement, (pattern, index, origin, { rowTile, columnTile }) => all.push({ pattern, index, origin, rowTile, columnTile }));
  return all;
}

/** Array activations per image. */
export function placementCycles(placement: Placement): number {
  if (!placement.skipsIdle) {
    return placement.patterns.reduce(
      (sum, { origins, rowTiles, columnTiles }) => sum + origins.length / 2 * (rowTiles.length - 1) * (columnTiles.length - 1),
      0,
    );
  }
  let cycles = 0;
  walk(placement, () => cycles++);
  return cycles;
}

/** Cycles, arrays, cells and conversions of a placement. */
export function placementCost(placement: Placement): PlacementCost {
  const { column } = inside(placement);
  let cycles = 0, arrays = 0, cells = 0, conversions = 0;
  walk(placement, (pattern, _index, origin, tile) => {
    const y = pattern.origins[2 * origin]!, x = pattern.origins[2 * origin + 1]!;
    cycles++;
    for (const position of tile.columns) if (column(position, y, x)) conversions += position.count;
  }, (tiles) => {
    for (const tile of tiles) {
      if (placement.skipsIdle && tile.links.length === 0) continue;
      arrays++;
      cells += tile.cells;
    }
  });
  return { cycles, arrays, cells, conversions, accumulations: conversions - reached(placement) };
}

/** Outputs that read at least one pixel of the image. */
function reached({ geometry }: Placement): number {
  const { outputShape } = geometry;
  const along = (axis: 0 | 1) => taps(geometry, axis).filter((count) => count > 0).length;
  return along(0) * along(1) * outputShape[2];
}

/** Taps inside the image of each output along one axis. */
function taps({ kernel, stride, padding, dilation, inputShape, outputShape }: Geometry, axis: 0 | 1): number[] {
  return Array.from({ length: outputShape[axis] }, (_, output) => {
    let count = 0;
    for (let tap = 0; tap < kernel[axis]; tap++) {
      const pixel = output * stride[axis] - padding[axis] + tap * dilation[axis];
      if (pixel >= 0 && pixel < inputShape[axis]) count++;
    }
    return count;
  });
}

/** Multiply-accumulates of a layer per image, padded positions not counted. */
export function macs({ geometry }: Pick<Placement, "geometry">): number {
  const along = (axis: 0 | 1) => taps(geometry, axis).reduce((sum, count) => sum + count, 0);
  return along(0) * along(1) * (geometry.inputShape[2] / geometry.groups) * geometry.outputShape[2];
}
