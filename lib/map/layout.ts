// Where a weight's cells stand among the physical columns of one array: the single definition placement and executor share.

import type { SlicedLayer } from "../decompose/sliced.ts";

/** Column arrangement of a layer, the same in each of its arrays. */
export interface ColumnLayout {
  /** Physical columns of one weight column: slices but for unit columns, times 2 for pairs subtracted in the array. */
  readonly perWeight: number;
  /** 2 for pairs subtracted in the array, else 1. */
  readonly pair: 1 | 2;
  /** Levels of the unit columns, which follow the weight columns. */
  readonly units: readonly number[];
  /** Unit column each slice is, index into `units`; −1 for a slice of weights. */
  readonly unitOf: readonly number[];
  /** Levels of the dummy columns, the last ones. */
  readonly dummies: readonly number[];
  /** Dummy column each slice uses, index into `dummies`; −1 for none. */
  readonly dummyOf: readonly number[];
  /** Columns an array has beside those of weights: unit and dummy columns. */
  readonly references: number;
}

/**
 * Arranges slices side by side, with one unit column per distinct level of unit slices and one dummy column per distinct non-zero mid level.
 *
 * Slice k of the array's weight column j stands in physical column j · perWeight + k · pair, its negative cell in the next one.
 */
export function columnLayout(layer: SlicedLayer): ColumnLayout {
  const pair = layer.negative === undefined ? 1 : 2;
  const count = layer.sliceWeights.length, own = count - (layer.units ?? 0), size = layer.slices.data.length / count;
  const levels = layer.sliceWeights.map((_, slice) => slice < own ? -1 : layer.slices.data[slice * size]!);
  const units = [...new Set(levels.slice(own))];
  const dummies = [...new Set(layer.mid.filter((level) => level !== 0))];
  return {
    perWeight: own * pair,
    pair,
    units,
    unitOf: levels.map((level, slice) => slice < own ? -1 : units.indexOf(level)),
    dummies,
    dummyOf: layer.mid.map((level) => dummies.indexOf(level)),
    references: units.length + dummies.length,
  };
}

/**
 * Physical column of an array in which a slice of a weight column stands, or the unit column it is.
 *
 * @param width Physical columns of the array.
 */
export function physicalColumn(layout: ColumnLayout, width: number, column: number, slice: number): number {
  const unit = layout.unitOf[slice]!;
  return unit < 0 ? column * layout.perWeight + slice * layout.pair : width - layout.references + unit;
}
