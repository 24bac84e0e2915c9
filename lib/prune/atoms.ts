// Which channels of a network can only go together: a union over single channels, from which groups and removals are read.

import { type Conv, INPUT, type Layer, type Linear, type Network } from "../network/graph.ts";
import { inferShapes } from "../network/shapes.ts";

/** Every channel of every value belongs to one atom; removing an atom removes all of its channels. */
export interface ChannelAtoms {
  /** `[channels]` of each value (layer output, or the images): the atom each channel belongs to. */
  readonly of: ReadonlyMap<string, Int32Array>;
  /** Atoms that must stay: those of the images, of the network's output, and of what a softmax reads. */
  readonly fixed: ReadonlySet<number>;
}

/** Whether a convolution works on every channel alone: one input channel per group, more than one group. */
export function isDepthwise(layer: Conv, inputChannels: number): boolean {
  return layer.groups > 1 && layer.groups === inputChannels;
}

/** Whether a layer has a weight matrix. */
export function isWeighted(layer: Layer): layer is Conv | Linear {
  return layer.op === "conv" || layer.op === "linear";
}

/**
 * Atoms of a network. A sum ties its inputs channel by channel, a depthwise convolution its output to its input, a grouped convolution
 * the channels at the same place of each group (so that groups stay equal); a flatten repeats the channels of every position.
 *
 * @throws {GraphError | ShapeError} if the network is malformed.
 */
export function channelAtoms(network: Pick<Network, "input" | "layers">): ChannelAtoms {
  const shapes = inferShapes(network);
  const parent: number[] = [];
  const find = (atom: number): number => {
    while (parent[atom] !== atom) atom = parent[atom] = parent[parent[atom]!]!;
    return atom;
  };
  const tie = (a: number, b: number): void => {
    const [low, high] = [find(a), find(b)].sort((x, y) => x - y) as [number, number];
    parent[high] = low;
  };
  const fresh = (count: number): Int32Array => Int32Array.from({ length: count }, () => parent.push(parent.length) - 1);
  const tieGroups = (atoms: Int32Array, groups: number): void => {
    const each = atoms.length / groups;
    for (let channel = each; channel < atoms.length; channel++) tie(atoms[channel]!, atoms[channel % each]!);
  };

  const values = new Map<string, Int32Array>([[INPUT, fresh(network.input[2])]]);
  const pinned = [...values.get(INPUT)!];
  for (const layer of network.layers) {
    const inputs = layer.inputs.map((name) => values.get(name)!), source = inputs[0]!;
    const channels = shapes.get(layer.name)![2];
    values.set(layer.name, transfer(layer, inputs, channels, { fresh, tie, tieGroups }));
    if (layer.op === "softmax") pinned.push(...source);
  }
  pinned.push(...values.get(network.layers.at(-1)!.name)!);
  return {
    of: new Map([...values].map(([name, atoms]) => [name, atoms.map(find)])),
    fixed: new Set(pinned.map(find)),
  };
}

interface Ties {
  fresh(count: number): Int32Array;
  tie(a: number, b: number): void;
  tieGroups(atoms: Int32Array, groups: number): void;
}

function transfer(layer: Layer, inputs: readonly Int32Array[], channels: number, { fresh, tie, tieGroups }: Ties): Int32Array {
  const source = inputs[0]!, made = () => fresh(channels);
  switch (layer.op) {
    case "linear":
      return made();
    case "conv": {
      const output = made();
      if (isDepthwise(layer, source.length)) {
        const multiplier = channels / source.length;
        output.forEach((atom, channel) => tie(atom, source[Math.floor(channel / multiplier)]!));
      } else if (layer.groups > 1) {
        tieGroups(source, layer.groups);
        tieGroups(output, layer.groups);
      }
      return output;
    }
    case "add":
      for (const other of inputs.slice(1)) other.forEach((atom, channel) => tie(atom, source[channel]!));
      return source;
    case "concat":
      return Int32Array.from(inputs.flatMap((atoms) => [...atoms]));
    case "flatten":
      return Int32Array.from({ length: channels }, (_, index) => source[index % source.length]!);
    default:
      return source;
  }
}
