// The one form every mapping takes: which weight sits in which cell, which input drives which row when, and where each sum goes.

import type { Geometry } from "../simulate/program.ts";

/**
 * Rows and columns that are activated together, at one or more places of the image.
 *
 * With stride s, padding p and dilation d, at origin (Y, X) row (dy, dx, c) reads pixel (Y·s − p + dy, X·s − p + dx) of channel c, nothing if that lies
 * outside the image, and column (dy, dx, o) adds to output (Y + dy, X + dx) of channel o, nowhere if that lies outside. The cell of a row and a column holds
 * weight [o, c, ky, kx] with ky = (row.dy − column.dy·s) / d, kx likewise, if those are taps of the kernel, both channels are of one group, and row and
 * column are of one block; else it is unused and adds nothing.
 *
 * Row tile a and column tile b are one array; every origin activates all arrays of the pattern, one after the other, an activation being one cycle.
 */
export interface Pattern {
  /** `[rows][3]`: dy, dx in pixels (may be negative), input channel (of the whole layer, not of its group). */
  readonly rows: Int32Array;
  /** `[columns][3]`: dy, dx in outputs, output channel. */
  readonly columns: Int32Array;
  /** Tile a holds rows rowTiles[a] … rowTiles[a + 1] − 1. */
  readonly rowTiles: readonly number[];
  /** Tile b holds columns columnTiles[b] … columnTiles[b + 1] − 1. */
  readonly columnTiles: readonly number[];
  /** Block of each row and of each column; without them all are of one block. */
  readonly blocks?: { readonly rows: Uint16Array; readonly columns: Uint16Array };
  /** `[origins][2]`: output row and column of each activation's origin. */
  readonly origins: Int32Array;
}

/** One layer on arrays of `rows` word lines and `columns` logical columns (each holds the slices of one weight column). */
export interface Placement {
  /** The layer's window; a linear layer is a 1 × 1 convolution of a 1 × 1 image. */
  readonly geometry: Geometry;
  /** Most rows of an activation. */
  readonly rows: number;
  /** Most logical columns of an activation. */
  readonly columns: number;
  /**
   * Whether activations that no cell, pixel and output have in common are left out. Published mappings count them.
   */
  readonly skipsIdle: boolean;
  /** In order of activation. */
  readonly patterns: readonly Pattern[];
}

/** A layer and the arrays it is to be mapped on. */
export interface Problem {
  /** The layer's window. */
  readonly geometry: Geometry;
  /** Word lines of an array. */
  readonly rows: number;
  /** Logical columns of an array: ⌊(physical columns − dummy columns) / cells per weight⌋. */
  readonly columns: number;
  /**
   * Whether every row and column of an array must share a weight, as where one column is subtracted from all others after conversion. Then "im2col"
   * packs no groups into one array and "best" leaves out what does not comply. Default false.
   */
  readonly full?: boolean;
}

/** What a mapper found for one layer. */
export interface Mapping {
  /** Name of the method: "im2col", "vw-sdk", "guillotine" … */
  readonly method: string;
  /** Array activations per image. */
  readonly cycles: number;
  /** Parameters of the choice, as plain data. */
  readonly detail: Readonly<Record<string, number | string>>;
  /** Builds the placement; its {@linkcode placementCycles} equal `cycles`. */
  place(): Placement;
}
