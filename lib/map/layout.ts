// Where a weight's cells stand among the physical columns of one array: the single definition placement and executor share.

import type { SlicedLayer } from "../decompose/sliced.ts";

/** Column arrangement of a layer, the same in each of its arrays. */
export interface ColumnLayout {
  /** Physical columns of one weight column: slices, times 2 for balanced pairs. */
  readonly perWeight: number;
  /** 2 for balanced pairs, else 1. */
  readonly pair: 1 | 2;
  /** Levels of the dummy columns, which follow the weight columns. */
  readonly dummies: readonly number[];
  /** Dummy column each slice uses, index into `dummies`; −1 for none. */
  readonly dummyOf: readonly number[];
}

/**
 * Arranges slices side by side, with one dummy column per distinct non-zero mid level.
 *
 * Slice k of the array's weight column j stands in physical column j · perWeight + k · pair, its negative cell in the next one.
 */
export function columnLayout(layer: SlicedLayer): ColumnLayout {
  const pair = layer.negative === undefined ? 1 : 2;
  const dummies = [...new Set(layer.mid.filter((level) => level !== 0))];
  return { perWeight: layer.sliceWeights.length * pair, pair, dummies, dummyOf: layer.mid.map((level) => dummies.indexOf(level)) };
}
