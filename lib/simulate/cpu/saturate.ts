// Converters that only clip: which conversions provably cannot, so that one exact product does everything and the look-up only the rest.

import type { AdcKernel, Reach } from "./adc.ts";
import { combinedCells, digitCount, type SlicePlanes } from "./cells.ts";
import { packPairs } from "./gemm.ts";
import { rowCount } from "./window.ts";
import { PAIRS } from "../../../kernels/simulate/integer_gemm.ts";
import type { CrossbarStep } from "../program.ts";

/** A limit no Σ digit exceeds. */
export const ALWAYS_SAFE = 2 ** 31 - 1;
/** Time of a conversion redone relative to the plain look-up of it. */
const REDO = 1.15;
/** Time of testing a conversion's limit, in the same unit. */
const TEST = 0.04;

/** A crossbar step as an exact product, in the row layout of the look-up. */
export interface ExactProduct {
  /** Weights of each group as integerGemm packs them. */
  readonly packed: readonly (Int8Array | Int16Array)[];
  /** Whether the weights are i8. */
  readonly narrow: boolean;
  /** Registers of columns. */
  readonly vectors: number;
  /** Column blocks. */
  readonly blocks: number;
  /** Turns of the inner loop until i16 sums must be widened. */
  readonly flush: number;
}

/** Rows and columns of the look-up's buffers. */
export interface Layout {
  /** Columns, spare ones included, a multiple of 16. */
  readonly columns: number;
  /** Columns of a block of the look-up. */
  readonly width: number;
  /** Slices counted side by side. */
  readonly abreast: number;
  /** Rows of each tile, spare ones included: the least multiple of `multiple`. */
  readonly tileRows: Int32Array;
  readonly multiple: number;
}

/** All cells of a step as one product, Σ x times the digital correction included; undefined where weights do not fit i16. */
export function exactProduct(step: CrossbarStep, { columns, tileRows }: Pick<Layout, "columns" | "tileRows">): ExactProduct | undefined {
  const combined = combinedCells(step, 1, step.correction);
  if (combined === undefined) return undefined;
  const rows = rowCount(step.geometry), own = step.geometry.outputShape[2] / step.geometry.groups;
  const height = tileRows.reduce((sum, each) => sum + each, 0), most = 2 ** step.inputBits - 1;
  const largest = combined.reduce((best, weight) => Math.max(best, Math.abs(weight)), 0);
  const flush = Math.floor(32767 / Math.max(1, largest * most * 2 * PAIRS));
  const narrow = largest <= 127 && most <= 127 && flush >= 2;
  const vectors = narrow && columns % 32 !== 0 ? 2 : 4, width = vectors * (narrow ? 8 : 4);
  const packed = Array.from({ length: step.geometry.groups }, (_, group) => {
    const spread = new Int16Array(height * columns);
    let start = 0;
    tileRows.forEach((each, tile) => {
      for (let row = step.tiles[tile]!; row < step.tiles[tile + 1]!; row++) {
        const from = (group * rows + step.rowIndex[row]!) * own;
        spread.set(combined.subarray(from, from + own), (start + row - step.tiles[tile]!) * columns);
      }
      start += each;
    });
    return packPairs(spread, height, columns, width, narrow);
  });
  return { packed, narrow, vectors, blocks: columns / width, flush: narrow ? flush : height };
}

/**
 * Largest Σ digit with which no column of a block can leave the clip range, for `[block][slice][tile]` of a group. A tile whose cells cannot reach
 * the ends with any input is always safe.
 */
export function safeLimits(
  step: CrossbarStep,
  group: number,
  { low, high }: Pick<AdcKernel, "low" | "high">,
  layout: Pick<Layout, "columns" | "width">,
): Int32Array {
  const rows = rowCount(step.geometry), columns = step.geometry.outputShape[2] / step.geometry.groups;
  const digit = 2 ** Math.min(step.digitBits, step.inputBits) - 1, tiles = step.tiles.length - 1;
  const blocks = layout.columns / layout.width, limits = new Int32Array(blocks * step.slices * tiles);
  for (let slice = 0; slice < step.slices; slice++) {
    for (let tile = 0; tile < tiles; tile++) {
      for (let block = 0; block < blocks; block++) {
        const first = Math.min(block * layout.width, columns - 1), last = Math.min((block + 1) * layout.width, columns);
        const reach = blockReach(step, (group * step.slices + slice) * rows, tile, first, last);
        const safe = reach.high * digit <= high && reach.low * digit >= low;
        const up = reach.most > 0 ? Math.floor(high / reach.most) : ALWAYS_SAFE;
        const down = reach.least < 0 ? Math.floor(low / reach.least) : ALWAYS_SAFE;
        limits[(block * step.slices + slice) * tiles + tile] = low > 0 || high < 0 ? -1 : safe ? ALWAYS_SAFE : Math.min(up, down);
      }
    }
  }
  return limits;
}

/** Gives slices counted side by side the least of their limits, `[block][slice][tile]` in and out. */
export function leastAbreast(limits: Int32Array, tiles: number, abreast: number): Int32Array {
  return limits.map((_, at) => {
    const tile = at % tiles, slice = (at - tile) / tiles, first = slice - slice % abreast;
    let least = ALWAYS_SAFE;
    for (let other = first; other < first + abreast; other++) least = Math.min(least, limits[other * tiles + tile]!);
    return least;
  });
}

/** The most and the least count of ones that a clip-only converter leaves as they are, two bytes for each X = Σ digit up to 255. */
export function clipBounds({ low, high, offset }: AdcKernel, { least, factor }: SlicePlanes): Uint8Array {
  const bounds = new Uint8Array(512);
  for (let x = 0; x < 256; x++) {
    const most = Math.floor((high - offset - least * x) / factor), fewest = Math.ceil((low - offset - least * x) / factor);
    // Where all counts are clipped, no count lies within.
    const none = most < 0 || fewest > 255;
    bounds[2 * x] = none ? 0 : Math.min(most, 255);
    bounds[2 * x + 1] = none ? 255 : Math.max(fewest, 0);
  }
  return bounds;
}

/** Extremes of a block's columns over a tile: sums of cells, and single cells. */
function blockReach(
  { cells, tiles, geometry }: CrossbarStep,
  plane: number,
  tile: number,
  first: number,
  last: number,
): Reach & { readonly least: number; readonly most: number } {
  const columns = geometry.outputShape[2] / geometry.groups;
  let [low, high, least, most] = [0, 0, 0, 0];
  for (let column = first; column < last; column++) {
    let [negative, positive] = [0, 0];
    for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
      const cell = cells[(plane + row) * columns + column]!;
      if (cell < 0) [negative, least] = [negative + cell, Math.min(least, cell)];
      else [positive, most] = [positive + cell, Math.max(most, cell)];
    }
    [low, high] = [Math.min(low, negative), Math.max(high, positive)];
  }
  return { low, high, least, most };
}

/**
 * Counts of ones in any bit of a tile that are safe for all slices of a block, `[block][tile][4]` from `[block][slice][tile]`; four alike, as counts of
 * four bits are compared at once.
 */
export function safeCounts({ slices, tiles, digitBits }: CrossbarStep, limits: Int32Array): Uint16Array {
  const count = tiles.length - 1, total = 2 ** digitBits - 1;
  return Uint16Array.from({ length: limits.length / slices * 4 }, (_, at) => {
    const tile = (at >> 2) % count, block = Math.floor((at >> 2) / count);
    let least = 65535 * total;
    for (let slice = 0; slice < slices; slice++) least = Math.min(least, limits[(block * slices + slice) * count + tile]!);
    return Math.floor(least / total);
  });
}

/** Share of a tile's look-ups that a given Σ digit makes unsafe, for each tile from 0 to its largest Σ digit. */
export function unsafeShares(step: CrossbarStep, planes: readonly SlicePlanes[], limits: readonly Int32Array[]): Float64Array[] {
  const tiles = step.tiles.length - 1, digit = 2 ** step.digitBits - 1;
  const blocks = limits[0]!.length / step.slices / tiles;
  const total = limits.length * blocks * planes.reduce((sum, slice) => sum + slice.planes, 0);
  return Array.from({ length: tiles }, (_, tile) => {
    const shares = new Float64Array((step.tiles[tile + 1]! - step.tiles[tile]!) * digit + 1);
    for (const each of limits) {
      for (let plane = 0; plane < blocks * step.slices; plane++) {
        const from = each[plane * tiles + tile]! + 1;
        if (from < shares.length) shares[from]! += planes[plane % step.slices]!.planes / total;
      }
    }
    for (let sum = 1; sum < shares.length; sum++) shares[sum]! += shares[sum - 1]!;
    return shares;
  });
}

/**
 * Largest share of look-ups to be redone with which the exact product beats a way that takes `plain` of the time of the plain look-up, default 1; at
 * most 0 if it never does.
 */
export function worthwhileShare(step: CrossbarStep, planes: readonly SlicePlanes[], narrow: boolean, plain: number = 1): number {
  const lookups = digitCount(step) * step.digitBits * planes.reduce((sum, slice) => sum + slice.planes, 0) / 32;
  return (plain - TEST - (narrow ? 0.14 : 0.28) / lookups) / REDO;
}
