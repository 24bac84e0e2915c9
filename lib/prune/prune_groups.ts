// Group pruning: the blocks of weights with the smallest norms become zeros, shapes stay.

import { Table } from "@cliffy/table";
import { GraphError, OptionError } from "../errors.ts";
import type { Conv, Linear, Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { matchesPattern } from "../quantize/layer_pattern.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { isWeighted } from "./atoms.ts";
import { checkBlock, type GroupBlock, groupNorms, type WeightGroups, weightGroups } from "./weight_groups.ts";

/** Options of {@linkcode pruneGroups}. */
export interface PruneGroupsOptions extends GroupBlock {
  /** Share of groups that become zero, from 0 to below 1. */
  readonly sparsity: number;
  /**
   * Where the share holds: "layer", the default, in each layer; "network" over all of them, by the root mean square of a group's weights against that of
   * its layer.
   */
  readonly scope?: "layer" | "network";
  /** Conv and linear layers, by name or pattern with `*`; default all. */
  readonly layers?: readonly string[];
}

/** Groups of one layer. */
export interface PrunedLayer {
  /** Name of the layer. */
  readonly name: string;
  /** Groups in all. */
  readonly groups: number;
  /** Groups that are not zero. */
  readonly kept: number;
}

/** Result of {@linkcode pruneGroups}. */
export interface GroupPruning {
  /** The network with zeros in the place of pruned groups; trained codes of changed weights are dropped. */
  readonly network: Network;
  /** The layers pruned, in order. */
  readonly layers: readonly PrunedLayer[];
  /** Share of their groups that are zero. */
  readonly sparsity: number;
  /** A text table for people. */
  table(): string;
}

const ACTION = "prune groups";

/**
 * The conv and linear layers that names or patterns stand for, in order.
 *
 * @param names Default all.
 * @throws {OptionError} if one matches none.
 */
export function weightedLayers(
  action: string,
  where: string,
  network: Pick<Network, "layers">,
  names?: readonly string[],
): (Conv | Linear)[] {
  const all = network.layers.filter(isWeighted);
  if (names === undefined) return all;
  if (!Array.isArray(names)) throw new OptionError(action, { where, got: names, wanted: "a list of layer names" });
  names.forEach((pattern, index) => {
    if (typeof pattern === "string" && all.some(({ name }) => matchesPattern(pattern, name))) return;
    const wanted = `one of ${all.map(({ name }) => name).join(", ")}, or a pattern with *`;
    throw new OptionError(action, { where: `${where}.${index}`, got: pattern, wanted });
  });
  return all.filter(({ name }) => names.some((pattern) => matchesPattern(pattern, name)));
}

/** The groups of a layer's weights. @throws {GraphError} if the network lacks them. */
export function layerGroups(network: Network, layer: Conv | Linear, block: GroupBlock): { weight: Tensor; groups: WeightGroups } {
  const name = `${layer.name}.weight`, weight = network.parameters[name];
  if (weight === undefined) throw new GraphError(ACTION, { where: name, got: "no such parameter", wanted: "the layer's weights" });
  return { weight, groups: weightGroups(weight.shape, block, layer.op === "conv" ? layer.groups : 1) };
}

/**
 * Zeroes the groups of weights with the smallest Euclidean norms (structured sparsity as of Wen et al., Learning Structured Sparsity in Deep Neural Networks,
 * 2016). Every layer keeps at least one group. Train on with the recipe's `holdZeros` of the same block.
 *
 * @throws {OptionError} if an option is unknown or out of range, or a name matches no layer.
 * @throws {GraphError} if weights are missing.
 *
 * @example
 * ```ts
 * import { lenet, pruneGroups } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { layers } = pruneGroups(lenet(), { rows: 16, columns: 16, sparsity: 0.75, layers: ["fc1", "fc2"] });
 * assertEquals(layers, [{ name: "fc1", groups: 200, kept: 50 }, { name: "fc2", groups: 48, kept: 12 }]);
 * ```
 */
export function pruneGroups(network: Network, options: PruneGroupsOptions): GroupPruning {
  checkOptions(ACTION, "pruneGroups", options, ["rows", "columns", "sparsity", "scope", "layers"]);
  const { sparsity, scope = "layer" } = options;
  checkBlock(ACTION, "pruneGroups", options);
  if (!(typeof sparsity === "number" && sparsity >= 0 && sparsity < 1)) {
    throw new OptionError(ACTION, { where: "pruneGroups.sparsity", got: sparsity, wanted: "a share from 0 to below 1" });
  }
  if (scope !== "layer" && scope !== "network") {
    throw new OptionError(ACTION, { where: "pruneGroups.scope", got: scope, wanted: '"layer" or "network"' });
  }
  const chosen = weightedLayers(ACTION, "pruneGroups.layers", network, options.layers).map((layer) => {
    const { weight, groups } = layerGroups(network, layer, options), norms = groupNorms(weight.data, groups);
    return { name: layer.name, weight, groups, norms };
  });
  const dropped = scope === "layer"
    ? chosen.map(({ norms, groups }) => smallest(norms, Math.round(sparsity * groups.count)))
    : overall(chosen, sparsity);
  const parameters = { ...network.parameters }, codes = { ...network.codes };
  const layers = chosen.map(({ name, weight, groups, norms }, number): PrunedLayer => {
    const gone = dropped[number]!, key = `${name}.weight`;
    if (gone.some((each, group) => each === 1 && norms[group]! > 0)) {
      const data = Float32Array.from(weight.data);
      for (let index = 0; index < data.length; index++) if (gone[groups.of[index]!] === 1) data[index] = 0;
      parameters[key] = tensor(data, weight.shape);
      delete codes[key];
    }
    let kept = 0;
    for (let group = 0; group < groups.count; group++) if (gone[group] === 0 && norms[group]! > 0) kept++;
    return { name, groups: groups.count, kept };
  });
  const total = layers.reduce((sum, { groups }) => sum + groups, 0), kept = layers.reduce((sum, each) => sum + each.kept, 0);
  const { codes: _, ...rest } = network;
  return {
    network: { ...rest, parameters, ...(Object.keys(codes).length === 0 ? {} : { codes }) },
    layers,
    sparsity: total === 0 ? 0 : 1 - kept / total,
    table: () =>
      new Table().header(["layer", "groups", "kept"]).body(layers.map((each) => [each.name, String(each.groups), String(each.kept)]))
        .border().toString(),
  };
}

/** Marks the `count` groups of the smallest norms, but not the last one. */
function smallest(norms: ArrayLike<number>, count: number): Uint8Array {
  const order = Array.from(norms, (_, group) => group).sort((a, b) => norms[a]! - norms[b]! || a - b), gone = new Uint8Array(order.length);
  for (const group of order.slice(0, Math.min(count, order.length - 1))) gone[group] = 1;
  return gone;
}

/** Marks the weakest groups of all layers together. */
function overall(chosen: readonly { readonly groups: WeightGroups; readonly norms: Float64Array }[], sparsity: number): Uint8Array[] {
  const gone = chosen.map(({ groups }) => new Uint8Array(groups.count)), left = chosen.map(({ groups }) => groups.count);
  const ranked = chosen.flatMap(({ groups: { sizes, of }, norms }, layer) => {
    const mean = Math.sqrt(norms.reduce((sum, norm) => sum + norm * norm, 0) / of.length) || 1;
    return Array.from(norms, (norm, group) => ({ layer, group, strength: norm / Math.sqrt(sizes[group]!) / mean }));
  }).sort((a, b) => a.strength - b.strength || a.layer - b.layer || a.group - b.group);
  let open = Math.round(sparsity * ranked.length);
  for (const { layer, group } of ranked) {
    if (open === 0) break;
    if (left[layer] === 1) continue;
    gone[layer]![group] = 1;
    left[layer]!--;
    open--;
  }
  return gone;
}
