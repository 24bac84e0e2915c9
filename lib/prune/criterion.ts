// Which channels go first: those whose filters have the smallest L1 norm, summed over all layers that make the channel.

import { GraphError, OptionError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import type { ChannelGroup } from "./groups.ts";

/**
 * Σ|w| of the filters that make each channel of a group, over all its producers, `[channels]`
 * (Li et al., Pruning Filters for Efficient ConvNets, 2017).
 *
 * @throws {GraphError} if the network lacks a producer's weights.
 *
 * @example
 * ```ts
 * import { channelGroups, channelNorms, lenet } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const network = lenet(), [conv1] = channelGroups(network);
 * assertEquals(channelNorms(network, conv1!).length, 6);
 * ```
 */
export function channelNorms(network: Network, group: ChannelGroup): Float64Array {
  const norms = new Float64Array(group.channels);
  for (const { layer, positions } of group.producers) {
    const weight = network.parameters[`${layer}.weight`];
    if (weight === undefined) throw new GraphError("rank channels", { where: `${layer}.weight`, got: "no such parameter" });
    const size = weight.data.length / weight.shape[0]!;
    positions.forEach((rows, channel) => {
      for (const row of rows) {
        for (let i = row * size; i < (row + 1) * size; i++) norms[channel]! += Math.abs(weight.data[i]!);
      }
    });
  }
  return norms;
}

/**
 * The `count` channels of a group with the largest norms ({@linkcode channelNorms}), ascending by index. Of equal ones the first stay.
 *
 * @throws {OptionError} if `count` is not an integer from 1 to the group's channels.
 */
export function largestChannels(network: Network, group: ChannelGroup, count: number): number[] {
  if (!Number.isInteger(count) || count < 1 || count > group.channels) {
    throw new OptionError("rank channels", { where: group.name, got: count, wanted: `an integer from 1 to ${group.channels}` });
  }
  const norms = channelNorms(network, group);
  return [...norms.keys()].sort((a, b) => norms[b]! - norms[a]! || a - b).slice(0, count).sort((a, b) => a - b);
}
