// The dependency graph of channels: for every set of channels that can be pruned, who makes it, who carries it and who reads it.

import type { Network } from "../network/graph.ts";
import { channelAtoms, isDepthwise, isWeighted } from "./atoms.ts";

/** Where the channels of a group stand in a layer. */
export interface ChannelUse {
  /** Name of the layer. */
  readonly layer: string;
  /**
   * `[channels][repeats]`: indices, in the layer's output (of a producer or carrier) or input (of a consumer), of each channel of the group.
   * Behind a concat they start at an offset; behind a flatten there is one per pixel; at a grouped convolution one per group.
   */
  readonly positions: readonly (readonly number[])[];
}

/** Channels that are pruned together, one index of the group at a time. */
export interface ChannelGroup {
  /** Name of the first layer that makes them. */
  readonly name: string;
  /** Number of channels. */
  readonly channels: number;
  /** Conv and linear layers whose filters make these channels; several where a sum ties them. */
  readonly producers: readonly ChannelUse[];
  /** Batch norms and depthwise convolutions, which have parameters for each of them. */
  readonly carriers: readonly ChannelUse[];
  /** Conv and linear layers that read them. */
  readonly consumers: readonly ChannelUse[];
}

/**
 * Groups of channels that can be pruned, in order of their first producer. Channels of the images and of the network's output are in none.
 *
 * @throws {GraphError | ShapeError} if the network is malformed.
 *
 * @example
 * ```ts
 * import { channelGroups, lenet } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const groups = channelGroups(lenet());
 * assertEquals(groups.map(({ name, channels }) => [name, channels]), [["conv1", 6], ["conv2", 16], ["fc1", 120], ["fc2", 84]]);
 * // After a flatten of 5 × 5 pixels every channel of conv2 is read 25 times.
 * assertEquals(groups[1]!.consumers[0]!.positions[3]!.slice(0, 3), [3, 19, 35]);
 * ```
 */
export function channelGroups(network: Network): readonly ChannelGroup[] {
  const { of, fixed } = channelAtoms(network);
  type Role = "producers" | "carriers" | "consumers";
  interface Entry {
    readonly uses: Map<string, { readonly role: Role; readonly layer: string; readonly positions: number[] }>;
  }
  const entries = new Map<number, Entry>();
  const note = (role: Role, layer: string, atoms: Int32Array): void => {
    atoms.forEach((atom, position) => {
      if (fixed.has(atom)) return;
      const entry: Entry = entries.get(atom) ?? { uses: new Map() };
      entries.set(atom, entry);
      const key = `${role} ${layer}`, use = entry.uses.get(key);
      if (use === undefined) entry.uses.set(key, { role, layer, positions: [position] });
      else use.positions.push(position);
    });
  };
  for (const layer of network.layers) {
    const input = of.get(layer.inputs[0]!)!, output = of.get(layer.name)!;
    if (layer.op === "batchNorm" || (layer.op === "conv" && isDepthwise(layer, input.length))) note("carriers", layer.name, output);
    else if (isWeighted(layer)) {
      note("consumers", layer.name, input);
      note("producers", layer.name, output);
    }
  }
  // Atoms with the same uses, each as often, are the channels of one group.
  const alike = new Map<string, Entry[]>();
  for (const [, entry] of [...entries].sort(([a], [b]) => a - b)) {
    const signature = [...entry.uses].map(([key, { positions }]) => `${key} ${positions.length}`).sort().join("\n");
    alike.set(signature, [...alike.get(signature) ?? [], entry]);
  }
  const order = new Map(network.layers.map(({ name }, index) => [name, index]));
  const groups = [...alike.values()].map((members): ChannelGroup => {
    const uses = (role: Role): ChannelUse[] =>
      [...members[0]!.uses].filter(([, use]) => use.role === role)
        .sort(([, a], [, b]) => order.get(a.layer)! - order.get(b.layer)!)
        .map(([key, { layer }]) => ({ layer, positions: members.map((member) => member.uses.get(key)!.positions) }));
    const producers = uses("producers");
    return { name: producers[0]!.layer, channels: members.length, producers, carriers: uses("carriers"), consumers: uses("consumers") };
  }).sort((a, b) => order.get(a.name)! - order.get(b.name)! || a.producers[0]!.positions[0]![0]! - b.producers[0]!.positions[0]![0]!);
  return named(groups);
}

/** One layer can make several groups (where only some of its channels are added to another's); those after the first get a number. */
function named(groups: readonly ChannelGroup[]): readonly ChannelGroup[] {
  const seen = new Map<string, number>();
  return groups.map((group) => {
    const count = (seen.get(group.name) ?? 0) + 1;
    seen.set(group.name, count);
    return count === 1 ? group : { ...group, name: `${group.name}#${count}` };
  });
}
