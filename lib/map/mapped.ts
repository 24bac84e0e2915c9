// What mapping makes: for every layer a placement, its cycles, and the list of arrays that hold it.

import type { SlicedLayer, SlicedNetwork } from "../decompose/sliced.ts";
import type { Mapping, Placement, Problem } from "./placement.ts";

/** Mappers by name: all rows unfolded and cut, each kernel position apart, the published methods, and Bitline's own. */
export const ALGORITHMS = ["im2col", "kernel", "smd", "sdk", "vw-sdk", "vwc-sdk", "best"] as const;

/** How a layer is laid over arrays. "vwc-sdk" is VW-SDK on logical columns, unpruned. */
export type Algorithm = (typeof ALGORITHMS)[number];

/** A mapper of your own: from a layer and its arrays to a placement. */
export type Mapper = (problem: Problem) => Mapping;

/** Order of unfolded rows: kernel row, kernel column, channel (channel fastest), or channel, kernel row, kernel column. */
export type RowOrder = "position" | "channel";

/**
 * What one array holds: a row tile and a column tile of one pattern of the placement, all slices of each weight.
 *
 * Physical columns, from the left: for each weight column its slices, least significant first, side by side (a pair takes two columns, positive then
 * negative); after the last weight column one unit column per distinct level of unit slices, then one dummy column per distinct non-zero mid level,
 * each in order of first use by a slice.
 * Where a row and a column share no weight, the cells stand at the mid levels of their slices and so add nothing.
 */
export interface ArrayPlacement {
  /** Pattern, index into `placement.patterns`. */
  readonly pattern: number;
  /** Row tile of the pattern. */
  readonly tile: number;
  /** Column tile of the pattern. */
  readonly columnTile: number;
  /** Slices held, all of the layer's. */
  readonly slices: readonly number[];
  /** First row in use, index into the pattern's rows. */
  readonly firstRow: number;
  /** Rows in use. */
  readonly rows: number;
  /** First weight column, index into the pattern's columns. */
  readonly firstColumn: number;
  /** Weight columns held. */
  readonly columns: number;
  /** Physical columns in use, slices, pairs and dummy columns counted. */
  readonly physicalColumns: number;
  /** Pairs of a row and a weight column that hold a weight. */
  readonly weights: number;
}

/** One layer on arrays. */
export interface MappedLayer {
  /** What was placed. */
  readonly sliced: SlicedLayer;
  /** Method of the mapping chosen: "im2col", "vw-sdk", "guillotine" … */
  readonly method: string;
  /** Parameters of the choice, as plain data. */
  readonly detail: Mapping["detail"];
  /** Which weight sits in which cell, which input drives which row when, and where each sum goes. */
  readonly placement: Placement;
  /** Array activations per image. */
  readonly cycles: number;
  /** By pattern, then row tile, then column tile. */
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
  /** Mapper asked for; the name "custom" for one of the user's. */
  readonly algorithm: Algorithm | "custom";
  /** Layers that run on arrays, by name, in network order. */
  readonly layers: Readonly<Record<string, MappedLayer>>;
  /**
   * One layer by name.
   *
   * @throws {OptionError} if no array layer has that name; the message lists those that do.
   */
  layer(name: string): MappedLayer;
}
