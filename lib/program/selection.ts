// Which weights are verified: plain data that a ranking makes and the noise model or the arrays use.

import type { Tensor } from "../tensor.ts";

/** In {@linkcode Selection.cells}: all cells of the weight, however many it has. */
export const ALL_CELLS = 255;

/** Weights to verify. */
export interface Selection {
  /**
   * How many cells of each weight are verified, the most significant first: 0 for none, {@linkcode ALL_CELLS} for all; by parameter name, in the weights' order.
   */
  readonly cells: Readonly<Record<string, Uint8Array>>;
  /** Weights with a verified cell. */
  readonly count: number;
  /** Weights in all. */
  readonly total: number;
  /** Share of all cells that is verified; that of weights where whole weights are. */
  readonly share: number;
}

/** Scores of weights by parameter name, in the shapes of the network; the largest are verified first. */
export type Scores = Readonly<Record<string, Tensor>>;
