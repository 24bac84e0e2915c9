// Takes channels out of a network: everything made for them and everything that reads them, so that what remains is a valid smaller network.

import { OptionError } from "../errors.ts";
import type { Layer, Network, TrainedCodes } from "../network/graph.ts";
import { validate } from "../network/validate.ts";
import { type Tensor, tensor, type TypedArray } from "../tensor.ts";
import { channelAtoms, isDepthwise } from "./atoms.ts";
import { channelGroups } from "./groups.ts";

/** Channels to keep by group name: ascending indices into the group. Groups not named stay whole. */
export type KeptChannels = Readonly<Record<string, readonly number[]>>;

const ACTION = "remove channels";

/**
 * The network without the channels that `keep` leaves out: filters, biases and batch-norm entries of those that make and carry them, weights of
 * those that read them. Clipping levels stay; trained codes lose the same entries and so stay exactly the codes of what is left.
 * If nothing arrives from the removed channels at the layers that read them, then the result computes the same.
 *
 * @throws {OptionError} if a group is unknown, or the channels to keep are none, not ascending or out of range.
 * @throws {GraphError | ShapeError} if the network is malformed.
 *
 * @example
 * ```ts
 * import { lenet, removeChannels } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const small = removeChannels(lenet(), { conv1: [0, 2, 3, 5], fc2: Array.from({ length: 64 }, (_, index) => index) });
 * assertEquals(small.parameters["conv2.weight"]!.shape, [16, 4, 5, 5]);
 * assertEquals(small.parameters["fc3.weight"]!.shape, [10, 64]);
 * ```
 */
export function removeChannels(network: Network, keep: KeptChannels): Network {
  const removed = removedAtoms(network, keep);
  const { of } = channelAtoms(network);
  const staying = (value: string): number[] => {
    const atoms = of.get(value)!;
    return [...atoms.keys()].filter((channel) => !removed.has(atoms[channel]!));
  };
  const parameters: Record<string, Tensor> = { ...network.parameters };
  const codes: Record<string, TrainedCodes> = { ...network.codes };
  const narrow = (name: string, axis: number, kept: readonly number[]): void => {
    const parameter = parameters[name], coded = codes[name];
    if (parameter !== undefined) parameters[name] = take(parameter, axis, kept);
    if (coded !== undefined) codes[name] = { ...coded, codes: take(coded.codes, axis, kept) };
  };
  const layers = network.layers.map((layer): Layer => {
    if (layer.op !== "conv" && layer.op !== "linear" && layer.op !== "batchNorm") return layer;
    const inputs = staying(layer.inputs[0]!), outputs = staying(layer.name);
    const before = of.get(layer.inputs[0]!)!.length;
    for (const part of ["weight", "bias", "mean", "variance"]) narrow(`${layer.name}.${part}`, 0, outputs);
    if (layer.op === "batchNorm") return layer;
    if (layer.op === "linear") {
      narrow(`${layer.name}.weight`, 1, inputs);
      return { ...layer, features: outputs.length };
    }
    if (isDepthwise(layer, before)) return { ...layer, channels: outputs.length, groups: inputs.length };
    // All groups lose the channels at the same places, so the first group's hold for all.
    narrow(`${layer.name}.weight`, 1, inputs.filter((channel) => channel < before / layer.groups));
    return { ...layer, channels: outputs.length };
  });
  const { codes: _, ...rest } = network;
  const smaller: Network = { ...rest, layers, parameters, ...(network.codes === undefined ? {} : { codes }) };
  validate(smaller);
  return smaller;
}

function removedAtoms(network: Network, keep: KeptChannels): Set<number> {
  const groups = new Map(channelGroups(network).map((group) => [group.name, group]));
  const { of } = channelAtoms(network);
  const removed = new Set<number>();
  for (const [name, kept] of Object.entries(keep)) {
    const group = groups.get(name);
    if (group === undefined) {
      throw new OptionError(ACTION, { where: name, got: "no group of that name", wanted: `one of ${[...groups.keys()].join(", ")}` });
    }
    const fits = (channel: number, index: number) =>
      Number.isInteger(channel) && channel >= 0 && channel < group.channels && (index === 0 || channel > kept[index - 1]!);
    if (!Array.isArray(kept) || kept.length === 0 || !kept.every(fits)) {
      throw new OptionError(ACTION, { where: name, got: kept, wanted: `one or more ascending integers from 0 to ${group.channels - 1}` });
    }
    const stays = new Set(kept), { layer, positions } = group.producers[0]!, atoms = of.get(layer)!;
    positions.forEach(([first], channel) => {
      if (!stays.has(channel)) removed.add(atoms[first!]!);
    });
  }
  return removed;
}

/** The entries `kept` of one axis. */
function take<T extends TypedArray>({ shape, data }: Tensor<T>, axis: number, kept: readonly number[]): Tensor<T> {
  const extent = shape[axis]!;
  if (kept.length === extent) return { shape, data };
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1), outer = data.length / (inner * extent);
  const result = new (data.constructor as new (length: number) => T)(outer * kept.length * inner);
  let target = 0;
  for (let block = 0; block < outer; block++) {
    for (const index of kept) {
      result.set(data.subarray((block * extent + index) * inner, (block * extent + index + 1) * inner), target);
      target += inner;
    }
  }
  return tensor(result, shape.map((size, position) => position === axis ? kept.length : size));
}
