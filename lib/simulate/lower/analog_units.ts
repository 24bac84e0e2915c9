// The cells of a layer's arrays as analog steps read them: as they physically stand, one unit per set of columns that are converted alike.

import { NumericError } from "../../errors.ts";
import { tapOf, tilesOf } from "../../map/activations.ts";
import type { MappedLayer } from "../../map/mapped.ts";
import type { Pattern } from "../../map/placement.ts";
import type { ArrayCells } from "../../program/array_cells.ts";
import type { Geometry } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";
import { activeOrigins, conversionUnits, unfolding } from "./units.ts";

/** Cells of one analog step before they become integers. */
export interface AnalogUnit {
  /** The step's window. */
  readonly geometry: Geometry;
  /** As in `AnalogStep`. */
  readonly rowIndex: Int32Array;
  /** As in `AnalogStep`. */
  readonly tiles: readonly number[];
  /** Lines per column. */
  readonly lines: number;
  /** `[groups][lines][rows][drives][columns per group]`, in cell levels. */
  readonly cells: Float32Array;
  /** Drive levels with cells of their own; absent where a digit counts as often as it says. */
  readonly drives?: number;
  /** Variance of a reading of each, in squared levels. */
  readonly variance?: Float32Array;
  /** `[groups][tiles][columns per group][2]`: the array that makes each sum, and the weight column there. */
  readonly homes: Int32Array;
  /** Where gathered rows come from and outputs go; absent if the step is the layer's own convolution. */
  readonly place?: {
    /** As in `GatherStep`. */
    readonly origins: Int32Array;
    /** As in `GatherStep`. */
    readonly rows: Int32Array;
    /** As in `ScatterPart`. */
    readonly pixels: Int32Array;
    /** As in `ScatterPart`. */
    readonly channels: Int32Array;
  };
}

/** Makes the cells of an array of the layer, by its number. */
export type CellSource = (array: number) => ArrayCells;

/**
 * Lays out a layer's cells: as one convolution where every weight stands in one cell and every cell holds a weight; otherwise pattern by pattern, with all
 * rows of the arrays, used by a column or not.
 */
export function analogUnits(layer: MappedLayer, source: CellSource): AnalogUnit[] {
  const { placement, arrays, sliced } = layer, { geometry } = placement;
  const plain = unfolding(geometry, conversionUnits(placement));
  const weights = sliced.slices.data.length / sliced.sliceWeights.length;
  const full = arrays.every(({ rows, columns, weights }) => weights === rows * columns);
  if (plain !== undefined && full && arrays.reduce((sum, { weights }) => sum + weights, 0) === weights) {
    return [convolution(layer, plain, source)];
  }
  return placement.patterns.flatMap((_, pattern) => patternUnits(layer, pattern, source));
}

/** Most cells of a step. */
const MOST_CELLS = 2 ** 30;

/** Room for `weights` cells of each drive level, like those of one array. */
function allocate(name: string, weights: number, { drives, variance }: ArrayCells): Pick<AnalogUnit, "cells" | "drives" | "variance"> {
  const size = weights * (drives ?? 1);
  if (size > MOST_CELLS) {
    throw new NumericError("lay out the cells of a layer", {
      where: name,
      got: `${size} cells, ${drives ?? 1} for each drive level of a word line`,
      wanted: `at most ${MOST_CELLS}`,
      hint: "Apply fewer bits at a time (simulate.digitBits).",
    });
  }
  return {
    cells: new Float32Array(size),
    ...(drives === undefined ? {} : { drives }),
    ...(variance === undefined ? {} : { variance: new Float32Array(size) }),
  };
}

function convolution(layer: MappedLayer, order: { rowIndex: Int32Array; tiles: number[] }, source: CellSource): AnalogUnit {
  const { placement: { geometry, patterns }, arrays, sliced } = layer,
    { kernel, stride, dilation, groups, inputShape, outputShape } = geometry;
  const lines = sliced.sliceWeights.length, rows = rowsOf(geometry), perGroup = outputShape[2] / groups, channels = inputShape[2] / groups;
  const rowAt = new Int32Array(rows);
  order.rowIndex.forEach((natural, at) => rowAt[natural] = at);
  const tiles = order.tiles.length - 1, homes = new Int32Array(2 * groups * tiles * perGroup);
  let kept: ReturnType<typeof allocate> | undefined;
  for (const [number, { pattern, firstRow, firstColumn }] of arrays.entries()) {
    const made = source(number), { rows: rowEntries, columns: columnEntries } = patterns[pattern]!, { drives = 1 } = made;
    kept ??= allocate(sliced.name, groups * lines * rows * perGroup, made);
    for (let column = 0; column < made.columns; column++) {
      const [oy, ox, out] = entry(columnEntries, firstColumn + column), group = Math.floor(out / perGroup);
      let tile = 0;
      for (let row = 0; row < made.rows; row++) {
        const [dy, dx, channel] = entry(rowEntries, firstRow + row);
        const ky = tapOf(dy, oy, stride[0], dilation[0], kernel[0]), kx = tapOf(dx, ox, stride[1], dilation[1], kernel[1]);
        const at = rowAt[(ky * kernel[1] + kx) * channels + channel % channels]!;
        while (at >= order.tiles[tile + 1]!) tile++;
        for (let line = 0; line < lines; line++) {
          const to = ((group * lines + line) * rows + at) * drives * perGroup + out % perGroup;
          copy(made, kept, (line * made.rows + row) * drives * made.columns + column, to, perGroup);
        }
      }
      homes.set([number, column], 2 * ((group * tiles + tile) * perGroup + out % perGroup));
    }
  }
  return { geometry, ...order, lines, homes, ...kept! };
}

/** Copies a cell with those of its other drive levels, each `columns` further in the target. */
function copy(from: ArrayCells, to: Pick<AnalogUnit, "cells" | "variance">, source: number, target: number, columns: number): void {
  const { drives = 1 } = from;
  for (let drive = 0, at = source, there = target; drive < drives; drive++, at += from.columns, there += columns) {
    to.cells[there] = from.cells[at]!;
    if (from.variance !== undefined) to.variance![there] = from.variance[at]!;
  }
}

function entry(list: Int32Array, at: number): readonly [number, number, number] {
  return [list[3 * at]!, list[3 * at + 1]!, list[3 * at + 2]!];
}

/** Columns of a pattern that are converted with the same row tiles, at the same origins, for outputs at the same place. */
interface ColumnSet {
  readonly dy: number;
  readonly dx: number;
  readonly rowTiles: readonly number[];
  readonly active: Uint8Array | undefined;
  readonly columns: number[];
}

function patternUnits(layer: MappedLayer, index: number, source: CellSource): AnalogUnit[] {
  const { placement, arrays, sliced } = layer, pattern = placement.patterns[index]!, lines = sliced.sliceWeights.length;
  const sets = columnSets(layer, pattern), made = new Map<number, ArrayCells>();
  const arrayAt = new Map(
    arrays.map((array, number) => [array, number] as const).filter(([array]) => array.pattern === index)
      .map(([{ tile, columnTile }, number]) => [`${tile},${columnTile}`, number]),
  );
  const tileOf = (column: number) => pattern.columnTiles.findIndex((end, at) => at > 0 && column < end) - 1;
  const units: AnalogUnit[] = [];
  for (const set of sets) {
    const placed = places(layer, pattern, set);
    if (placed === undefined) continue;
    const { place, geometry, tiles } = placed, count = tiles.at(-1)!, wide = set.columns.length;
    const homes = new Int32Array(2 * set.rowTiles.length * wide);
    let kept: ReturnType<typeof allocate> | undefined;
    for (const [position, rowTile] of set.rowTiles.entries()) {
      for (const [to, column] of set.columns.entries()) {
        const columnTile = tileOf(column), number = arrayAt.get(`${rowTile},${columnTile}`)!;
        const array = made.get(number) ?? source(number);
        const { drives = 1 } = array;
        made.set(number, array);
        kept ??= allocate(sliced.name, lines * count * wide, array);
        homes.set([number, column - pattern.columnTiles[columnTile]!], 2 * (position * wide + to));
        for (let line = 0; line < lines; line++) {
          for (let row = 0; row < array.rows; row++) {
            const from = (line * array.rows + row) * drives * array.columns + column - pattern.columnTiles[columnTile]!;
            copy(array, kept, from, (line * count + tiles[position]! + row) * drives * wide + to, wide);
          }
        }
      }
    }
    units.push({ geometry, tiles, lines, rowIndex: Int32Array.from({ length: count }, (_, row) => row), homes, place, ...kept! });
  }
  return units;
}

/** Where a set's rows come from and its outputs go; undefined if all of them lie outside the image. */
function places({ placement: { geometry } }: MappedLayer, pattern: Pattern, { dy, dx, rowTiles, active, columns }: ColumnSet) {
  const { stride, padding, outputShape: [height, width] } = geometry;
  const origins: number[] = [], pixels: number[] = [], rows: number[] = [], tiles = [0];
  for (let origin = 0; 2 * origin < pattern.origins.length; origin++) {
    const y = pattern.origins[2 * origin]!, x = pattern.origins[2 * origin + 1]!, v = y + dy, h = x + dx;
    if (active?.[origin] === 0 || v < 0 || v >= height || h < 0 || h >= width) continue;
    origins.push(y * stride[0] - padding[0], x * stride[1] - padding[1]);
    pixels.push(v * width + h);
  }
  if (pixels.length === 0) return undefined;
  for (const tile of rowTiles) {
    for (let row = pattern.rowTiles[tile]!; row < pattern.rowTiles[tile + 1]!; row++) rows.push(...entry(pattern.rows, row));
    tiles.push(rows.length / 3);
  }
  const unfolded: Geometry = {
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    inputShape: [1, pixels.length, rows.length / 3],
    outputShape: [1, pixels.length, columns.length],
  };
  return {
    geometry: unfolded,
    tiles,
    place: {
      origins: Int32Array.from(origins),
      rows: Int32Array.from(rows),
      pixels: Int32Array.from(pixels),
      channels: Int32Array.from(columns, (column) => pattern.columns[3 * column + 2]!),
    },
  };
}

/**
 * A column is converted with a row tile if it shares a weight with one of its rows and the array is activated; blocks of columns stay apart, as two may
 * add to the same output.
 */
function columnSets({ placement }: MappedLayer, pattern: Pattern): ColumnSet[] {
  const perGroup = placement.geometry.outputShape[2] / placement.geometry.groups;
  const found = new Map<string, ColumnSet>(), { blocks, columnTiles } = pattern;
  const arrays = tilesOf(placement, pattern).map((tile) => ({ ...tile, active: activeOrigins(placement, pattern, tile) }));
  for (let columnTile = 0; columnTile + 1 < columnTiles.length; columnTile++) {
    const stack = arrays.filter((array) => array.columnTile === columnTile);
    for (let column = columnTiles[columnTile]!; column < columnTiles[columnTile + 1]!; column++) {
      const [dy, dx, out] = entry(pattern.columns, column), group = Math.floor(out / perGroup), block = blocks?.columns[column] ?? 0;
      const joined = stack.filter(({ columns }) =>
        columns.some((each) => each.dy === dy && each.dx === dx && each.group === group && each.block === block)
      );
      const byOrigins = new Map<string, { rowTiles: number[]; active: Uint8Array | undefined }>();
      for (const { rowTile, active } of joined) {
        const key = active === undefined ? "all" : active.join(""), known = byOrigins.get(key);
        if (known === undefined) byOrigins.set(key, { rowTiles: [rowTile], active });
        else known.rowTiles.push(rowTile);
      }
      for (const [origins, { rowTiles, active }] of byOrigins) {
        const key = `${dy},${dx},${block}:${rowTiles}:${origins}`, known = found.get(key);
        if (known === undefined) found.set(key, { dy, dx, rowTiles, active, columns: [column] });
        else known.columns.push(column);
      }
    }
  }
  return [...found.values()];
}
