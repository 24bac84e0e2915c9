// What mapping makes: for every layer, an order of rows, tiles of rows, and the list of arrays that hold them.

import type { SlicedLayer, SlicedNetwork } from "../decompose/sliced.ts";

/** How a layer's rows are laid over arrays. */
export type Algorithm = "im2col" | "kernel";

/** Order of unfolded rows: kernel row, kernel column, channel (channel fastest), or channel, kernel row, kernel column. */
export type RowOrder = "position" | "channel";

/**
 * What one array holds: the rows of one tile and a range of weight columns of one group, all slices of each.
 *
 * Physical columns, from the left: for each weight column its slices, least significant first, side by side (a balanced slice takes two columns,
 * positive then negative); after the last weight column one dummy column per distinct non-zero mid level, in order of first use by a slice.
 */
export interface ArrayPlacement {
  /** Row tile, index into {@linkcode MappedLayer.tiles}. */
  readonly tile: number;
  /** Group of the convolution; groups never share an array. */
  readonly group: number;
  /** Slices held, all of the layer's. */
  readonly slices: readonly number[];
  /** First weight column (output channel within the group), and how many. */
  readonly firstColumn: number;
  /** Weight columns held. */
  readonly columns: number;
  /** Rows in use: rows tiles[tile] … tiles[tile] + rows − 1 of the array order. */
  readonly rows: number;
  /** Physical columns in use, slices, pairs and dummy columns counted. */
  readonly physicalColumns: number;
}

/** One layer on arrays. */
export interface MappedLayer {
  /** What was placed. */
  readonly sliced: SlicedLayer;
  /** How rows were laid over arrays. */
  readonly algorithm: Algorithm;
  /** Array row order to input: (kernel row · kernel width + kernel column) · channels per group + channel. Every input occurs once. */
  readonly rowIndex: Int32Array;
  /** Row tile boundaries, `tiles + 1` of them: tile t holds rows tiles[t] … tiles[t + 1] − 1. */
  readonly tiles: readonly number[];
  /** By group, then tile, then column range. */
  readonly arrays: readonly ArrayPlacement[];
  /** Cells in use over cells of all arrays, 0 to 1. */
  readonly utilisation: number;
}

/** A sliced network placed on arrays of `rows` × `columns` cells. */
export interface MappedNetwork {
  /** Tells this object from those of other stages. */
  readonly kind: "mapped";
  /** What was placed. */
  readonly sliced: SlicedNetwork;
  /** Word lines of an array. */
  readonly rows: number;
  /** Physical columns of an array. */
  readonly columns: number;
  /** Layers that run on arrays, by name, in network order. */
  readonly layers: Readonly<Record<string, MappedLayer>>;
  /**
   * One layer by name.
   *
   * @throws {OptionError} if no array layer has that name; the message lists those that do.
   */
  layer(name: string): MappedLayer;
}

/** Row order and tiles an algorithm chose. */
export interface RowPlan {
  /** Array row order to input. */
  readonly rowIndex: Int32Array;
  /** Row tile boundaries. */
  readonly tiles: readonly number[];
}
