// Chip → tile → processing element → array: how many of each a layer takes, and how many copies of it balance the pipeline.

import type { LayerWork } from "./work.ts";
import type { ResolvedEstimate } from "./options.ts";

/** Where a layer stands on the chip. */
export interface LayerTiles {
  /** Name of the layer. */
  readonly name: string;
  /** Whether its tiles hold one processing element per kernel position, or a square of them. */
  readonly kind: "kernel" | "square";
  /** Tiles, all copies counted. */
  readonly tiles: number;
  /** Tiles of one set, which share the copies that fill them. */
  readonly tilesPerSet: number;
  /** Sets of tiles side by side. */
  readonly sets: number;
  /** Copies of the layer within a set. */
  readonly copiesPerSet: number;
  /** Copies of the layer on the chip. */
  readonly copies: number;
  /** Processing elements of a tile. */
  readonly pesPerTile: number;
  /** Arrays of the layer's tiles, used or not. */
  readonly arrays: number;
  /** Arrays that hold weights, all copies counted. */
  readonly usedArrays: number;
  /** Cells that hold weights over cells of its tiles, 0 to 1. */
  readonly utilisation: number;
  /** Tiles that a window's inputs go to and outputs come from, side by side: column tiles of a set. */
  readonly across: number;
  /** Tiles down a set: row tiles. */
  readonly down: number;
}

/** All layers on the chip. */
export interface Floorplan {
  /** Arrays down and across a processing element. */
  readonly pe: number;
  /** Processing elements down and across a square tile. */
  readonly tile: number;
  /** In network order. */
  readonly layers: readonly LayerTiles[];
  /** Tiles. */
  readonly tiles: number;
  /** Arrays. */
  readonly arrays: number;
  /** Tiles across and down the chip. */
  readonly grid: readonly [across: number, down: number];
  /** Cells that hold weights over all cells, 0 to 1. */
  readonly utilisation: number;
}

/**
 * Lays layers out.
 *
 * A layer by kernel position takes tiles of one processing element per position, any other square tiles. A layer too small for its tile fills it
 * with copies of itself. In a pipelined schedule further sets of tiles are added to layers with larger images: their copies are bounded by the ratio
 * of the layer's output image to the smallest one of more than one position, and the sets by `speedUp`.
 *
 * @param rows Word lines of an array.
 * @param columns Physical columns of an array.
 */
export function floorplan(
  works: readonly LayerWork[],
  { hierarchy, schedule, speedUp }: Pick<ResolvedEstimate, "hierarchy" | "schedule" | "speedUp">,
  rows: number,
  columns: number,
): Floorplan {
  const sizes = hierarchy.pe === undefined ? elementSizes(works, rows) : [hierarchy.pe];
  const plans = sizes.map((pe) => lay(works, { pe, tile: hierarchy.tile, schedule, speedUp }, rows, columns));
  return plans.reduce((best, plan) => filled(plan) > filled(best) * (1 + 1e-9) ? plan : best);
}

/** Utilisation of the layers by kernel position, whose tiles follow the size of the processing element; of all layers where there is none. */
function filled({ layers }: Floorplan): number {
  const kernel = layers.filter(({ kind }) => kind === "kernel");
  return utilisationOf(kernel.length === 0 ? layers : kernel);
}

function utilisationOf(layers: readonly LayerTiles[]): number {
  const arrays = layers.reduce((sum, layer) => sum + layer.arrays, 0);
  return layers.reduce((sum, layer) => sum + layer.utilisation * layer.arrays, 0) / arrays;
}

/** Sizes of a processing element worth trying, in arrays, largest first: from two up to the channels of the widest layer by kernel position. */
function elementSizes(works: readonly LayerWork[], rows: number): number[] {
  const channels = works.filter(({ layout }) => layout === "kernel").map(({ blocks, positions }) => blocks[0]!.rows / positions);
  const power = channels.length === 0 ? 2 : Math.max(1, Math.ceil(Math.log2(Math.max(...channels) / rows)));
  return Array.from({ length: power }, (_, step) => 2 ** (power - step));
}

interface Sizes extends Pick<ResolvedEstimate, "schedule" | "speedUp"> {
  readonly pe: number;
  readonly tile: number;
}

function lay(works: readonly LayerWork[], { pe, tile, schedule, speedUp }: Sizes, rows: number, columns: number): Floorplan {
  const images = works.map(imageOf).filter((places) => places > 1);
  const smallest = images.length === 0 ? 1 : Math.min(...images);
  const layers = works.map((work): LayerTiles => {
    const { name, layout, positions, blocks, cells } = work, places = imageOf(work), kernel = layout === "kernel";
    const side = kernel ? pe : pe * tile, pesPerTile = kernel ? positions : tile * tile;
    const only = blocks.length === 1 && blocks[0]!.count === 1 ? blocks[0]! : undefined;
    let across = 1, down = 1, copiesPerSet = 1;
    if (only === undefined) {
      // Groups and patterns stand wherever there is room.
      const arrays = arraysOf(work) / positions;
      across = Math.ceil(arrays / side ** 2);
      copiesPerSet = Math.max(1, Math.floor(side ** 2 / arrays));
    } else {
      const high = only.rowTiles / positions, wide = only.columnTiles;
      [down, across] = [Math.ceil(high / side), Math.ceil(wide / side)];
      copiesPerSet = Math.max(1, Math.floor(side / high)) * Math.max(1, Math.floor(side / wide));
    }
    const bound = Math.floor(places / smallest / copiesPerSet);
    const sets = schedule === "pipelined" && places > 1 ? Math.max(1, Math.min(speedUp, bound)) : 1;
    const tilesPerSet = across * down, tiles = sets * tilesPerSet, arrays = tiles * pesPerTile * pe * pe, copies = sets * copiesPerSet;
    const usedArrays = copies * arraysOf(work);
    return {
      name,
      kind: kernel ? "kernel" : "square",
      ...{ tiles, tilesPerSet, sets, copiesPerSet, copies, pesPerTile, arrays, usedArrays },
      utilisation: copies * cells / (arrays * rows * columns),
      ...{ across, down },
    };
  });
  const tiles = layers.reduce((sum, layer) => sum + layer.tiles, 0), arrays = layers.reduce((sum, layer) => sum + layer.arrays, 0);
  const wide = Math.ceil(Math.sqrt(tiles));
  return {
    ...{ pe, tile, layers, tiles, arrays },
    grid: [wide, Math.ceil(tiles / wide)],
    utilisation: utilisationOf(layers),
  };
}

/** Arrays of one copy of a layer. */
function arraysOf({ blocks }: LayerWork): number {
  return blocks.reduce((sum, { count, rowTiles, columnTiles }) => sum + count * rowTiles * columnTiles, 0);
}

/** Places of a layer's output image. */
function imageOf({ outputSize, outputsPerWindow }: LayerWork): number {
  return Math.max(1, Math.round(outputSize / outputsPerWindow));
}
