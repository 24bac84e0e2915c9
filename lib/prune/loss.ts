// What pruning costs a network, in numbers that add up over layers and groups.

import { type ChannelModel, macsAt, type ModelLayer, weightsAt } from "./model.ts";

/**
 * What a loss is a share of: all weights, all multiply-accumulates, all prunable channels, or all norms (every group counts alike, a channel by its
 * share of the group's norms, the smallest going first).
 */
export type LossMeasure = "weights" | "macs" | "channels" | "norms";

/** A loss as a sum over layers and groups. */
export interface LossTerms {
  /** What there is to lose. */
  readonly all: number;
  /** What layer `index` loses with these channel counts. */
  byLayer(index: number, counts: readonly number[]): number;
  /** What a group loses by having only `count` channels. */
  byGroup(group: number, count: number): number;
}

/** The terms of a measure; `norms` (`[groups][channels]`) are needed for measure "norms" only. */
export function lossOf({ groups, layers }: ChannelModel, measure: LossMeasure, norms: readonly ArrayLike<number>[] = []): LossTerms {
  const full = groups.map(({ channels }) => channels);
  const none = () => 0;
  if (measure === "channels") {
    return { all: full.reduce((sum, count) => sum + count, 0), byLayer: none, byGroup: (group, count) => full[group]! - count };
  }
  if (measure === "norms") {
    const lost = norms.map((values) => {
      const ascending = Float64Array.from(values).sort(), total = ascending.reduce((sum, value) => sum + value, 0) || 1;
      let sum = 0;
      return [0, ...ascending.map((value) => (sum += value) / total)];
    });
    return { all: groups.length, byLayer: none, byGroup: (group, count) => lost[group]![full[group]! - count]! };
  }
  const sizeOf = (layer: ModelLayer, counts: readonly number[]) => measure === "macs" ? macsAt(layer, counts) : weightsAt(layer, counts);
  const sizes = layers.map((layer) => sizeOf(layer, full));
  return {
    all: sizes.reduce((sum, size) => sum + size, 0),
    byLayer: (index, counts) => sizes[index]! - sizeOf(layers[index]!, counts),
    byGroup: none,
  };
}
