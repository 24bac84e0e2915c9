// What converters see of a placement, freed of where things stand: which taps of a window share a conversion, and at which outputs they do.

import { inside, tapOf, type Tile, tilesOf } from "../../map/activations.ts";
import type { Pattern, Placement } from "../../map/placement.ts";
import type { Geometry } from "../program.ts";

/** Outputs whose conversions are alike: one crossbar step. */
export interface ConversionUnit {
  /** Groups of the convolution that take part. */
  readonly groups: readonly number[];
  /** Output channels of each of these groups, counted within the group, ascending. */
  readonly columns: Int32Array;
  /** Each is one conversion: rows summed before the converter, (kernel row · kernel width + kernel column) · channels per group + channel, ascending. */
  readonly tiles: readonly Int32Array[];
  /** Output pixels, line · width + column, ascending and all different. */
  readonly pixels: Int32Array;
}

/** Numbers lists so that equal ones get equal numbers. */
class Lists {
  readonly all: Int32Array[] = [];
  readonly #known = new Map<number, number[]>();

  number(list: Int32Array): number {
    let key = list.length;
    for (const item of list) key = Math.imul(key ^ item, 0x01000193) ^ (key >>> 15);
    const same = this.#known.get(key)?.find((index) => equal(this.all[index]!, list));
    if (same !== undefined) return same;
    const index = this.all.push(list) - 1;
    this.#known.set(key, [...this.#known.get(key) ?? [], index]);
    return index;
  }
}

function equal(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** Columns of a column tile that make the same output of the same group. */
interface ColumnClass {
  readonly dy: number;
  readonly dx: number;
  readonly group: number;
  readonly block: number;
  readonly channels: number[];
}

/**
 * Sorts the conversions of a placement.
 *
 * A column is converted when its array is activated, shares a weight with one of its rows and its output lies in the image. Partial sums depend on the
 * rows that share a conversion alone, so columns at different places of an array, and of different arrays, become one unit where these are the same.
 */
export function conversionUnits(placement: Placement): ConversionUnit[] {
  const tiles = new Lists(), pixels = new Lists(), channels = new Lists();
  /** Conversions by rows, group and channels. */
  const found = new Map<string, { tile: number; group: number; channels: number; pixels: number[] }>();
  for (const pattern of placement.patterns) {
    for (const { tile, group, list, places } of patternConversions(placement, pattern)) {
      const [tileNumber, channelNumber] = [tiles.number(tile), channels.number(list)];
      const key = `${tileNumber},${group},${channelNumber}`, known = found.get(key);
      if (known === undefined) found.set(key, { tile: tileNumber, group, channels: channelNumber, pixels: [pixels.number(places)] });
      else known.pixels.push(pixels.number(places));
    }
  }
  /** Tiles by group, channels and pixels. */
  const stacks = new Map<string, { group: number; channels: number; pixels: number; tiles: number[] }>();
  for (const { tile, group, channels: list, pixels: parts } of found.values()) {
    for (const number of join(pixels, parts)) {
      const key = `${group},${list},${number}`, known = stacks.get(key);
      if (known === undefined) stacks.set(key, { group, channels: list, pixels: number, tiles: [tile] });
      else known.tiles.push(tile);
    }
  }
  /** Channels by group, then groups by channels, of the same tiles and pixels. */
  const units = new Map<string, { tiles: number[]; pixels: number; groups: Map<number, number[]> }>();
  for (const { group, channels: list, pixels: places, tiles: stack } of stacks.values()) {
    const sorted = stack.sort((a, b) => a - b), key = `${places}:${sorted}`;
    const known = units.get(key) ?? { tiles: sorted, pixels: places, groups: new Map<number, number[]>() };
    known.groups.set(group, [...known.groups.get(group) ?? [], ...channels.all[list]!]);
    units.set(key, known);
  }
  return [...units.values()].flatMap((unit) => {
    const byColumns = new Map<number, number[]>();
    for (const [group, list] of unit.groups) {
      const number = channels.number(Int32Array.from(list).sort());
      byColumns.set(number, [...byColumns.get(number) ?? [], group]);
    }
    return [...byColumns].map(([number, groups]): ConversionUnit => ({
      groups: groups.sort((a, b) => a - b),
      columns: channels.all[number]!,
      tiles: unit.tiles.map((tile) => tiles.all[tile]!),
      pixels: pixels.all[unit.pixels]!,
    }));
  });
}

/** Row order and tiles of a plain unfolding of the whole layer, if that is what the units amount to. */
export function unfolding({ kernel, groups, inputShape, outputShape }: Geometry, units: readonly ConversionUnit[]): {
  rowIndex: Int32Array;
  tiles: number[];
} | undefined {
  const [unit] = units;
  if (unit === undefined || units.length > 1 || unit.groups.length !== groups) return undefined;
  if (unit.columns.length !== outputShape[2] / groups || unit.pixels.length !== outputShape[0] * outputShape[1]) return undefined;
  const rows = kernel[0] * kernel[1] * inputShape[2] / groups;
  const rowIndex = Int32Array.from(unit.tiles.flatMap((tile) => [...tile]));
  if (rowIndex.length !== rows || new Set(rowIndex).size !== rows) return undefined;
  const tiles = [0];
  for (const tile of unit.tiles) tiles.push(tiles.at(-1)! + tile.length);
  return { rowIndex, tiles };
}

/** Lists of pixels joined into as few as possible in which none occurs twice. */
function join(lists: Lists, parts: readonly number[]): number[] {
  if (parts.length === 1) return [...parts];
  const rounds: number[][] = [];
  const times = new Map<number, number>();
  for (const part of parts) {
    for (const pixel of lists.all[part]!) {
      const time = times.get(pixel) ?? 0;
      (rounds[time] ??= []).push(pixel);
      times.set(pixel, time + 1);
    }
  }
  return rounds.map((round) => lists.number(Int32Array.from(round).sort()));
}

interface Conversions {
  readonly tile: Int32Array;
  readonly group: number;
  readonly list: Int32Array;
  readonly places: Int32Array;
}

function* patternConversions(placement: Placement, pattern: Pattern): Generator<Conversions> {
  const { kernel, stride, dilation, groups, inputShape, outputShape } = placement.geometry;
  const channels = inputShape[2] / groups, arrays = tilesOf(placement, pattern), columnTiles = pattern.columnTiles.length - 1;
  const active = arrays.map((array) => activeOrigins(placement, pattern, array));
  for (let columnTile = 0; columnTile < columnTiles; columnTile++) {
    for (const column of columnClasses(pattern, columnTile, outputShape[2] / groups)) {
      const list = Int32Array.from(column.channels);
      const always = outputsOf(placement, pattern, column, undefined);
      for (let rowTile = 0; rowTile + 1 < pattern.rowTiles.length; rowTile++) {
        const rows: number[] = [];
        for (let row = pattern.rowTiles[rowTile]!; row < pattern.rowTiles[rowTile + 1]!; row++) {
          const channel = pattern.rows[3 * row + 2]!;
          if (Math.floor(channel / channels) !== column.group || (pattern.blocks?.rows[row] ?? 0) !== column.block) continue;
          const ky = tapOf(pattern.rows[3 * row]!, column.dy, stride[0], dilation[0], kernel[0]);
          const kx = tapOf(pattern.rows[3 * row + 1]!, column.dx, stride[1], dilation[1], kernel[1]);
          if (ky >= 0 && kx >= 0) rows.push((ky * kernel[1] + kx) * channels + channel % channels);
        }
        const origins = active[rowTile * columnTiles + columnTile];
        const places = origins === undefined ? always : outputsOf(placement, pattern, column, origins);
        if (rows.length > 0 && places.length > 0) yield { tile: Int32Array.from(rows).sort(), group: column.group, list, places };
      }
    }
  }
}

/** Origins at which an array is activated; undefined for all. */
export function activeOrigins(placement: Placement, { origins }: Pattern, { links }: Tile): Uint8Array | undefined {
  if (!placement.skipsIdle) return undefined;
  const { row, column } = inside(placement);
  const active = new Uint8Array(origins.length / 2);
  for (let origin = 0; origin < active.length; origin++) {
    const y = origins[2 * origin]!, x = origins[2 * origin + 1]!;
    active[origin] = Number(links.some(([from, to]) => column(to, y, x) && row(from, y, x)));
  }
  return active.every((flag) => flag === 1) ? undefined : active;
}

function columnClasses({ columns, columnTiles, blocks }: Pattern, columnTile: number, perGroup: number): ColumnClass[] {
  const found = new Map<string, ColumnClass>();
  for (let at = columnTiles[columnTile]!; at < columnTiles[columnTile + 1]!; at++) {
    const dy = columns[3 * at]!, dx = columns[3 * at + 1]!, channel = columns[3 * at + 2]!;
    const group = Math.floor(channel / perGroup), block = blocks?.columns[at] ?? 0, key = `${dy},${dx},${group},${block}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { dy, dx, group, block, channels: [channel % perGroup] });
    else known.channels.push(channel % perGroup);
  }
  return [...found.values()].map((each) => ({ ...each, channels: each.channels.sort((a, b) => a - b) }));
}

/** Output pixels a class makes at the origins given, ascending. */
function outputsOf(
  { geometry: { outputShape: [height, width] } }: Placement,
  { origins }: Pattern,
  { dy, dx }: ColumnClass,
  active: Uint8Array | undefined,
): Int32Array {
  const pixels: number[] = [];
  for (let origin = 0; 2 * origin < origins.length; origin++) {
    const y = origins[2 * origin]! + dy, x = origins[2 * origin + 1]! + dx;
    if (active?.[origin] !== 0 && y >= 0 && y < height && x >= 0 && x < width) pixels.push(y * width + x);
  }
  return Int32Array.from(pixels).sort();
}
