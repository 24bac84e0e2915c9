// Which weights to verify first: scores by second derivative, magnitude or chance, and the choice of the best weights, rows or arrays.

import { OptionError, ShapeError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { uniform } from "../random.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { SecondDerivatives } from "./second_derivatives.ts";
import { ALL_CELLS, type Scores, type Selection } from "./selection.ts";
import { largest, weightNames } from "./variation.ts";

/** Options of {@linkcode sensitivityScores}. */
export interface SensitivityOptions {
  /** How much of the gradient is added: normalised S + `gradient` · normalised ∂L/∂W. The original has 2; default 0, since noise has no sign. */
  readonly gradient?: number;
  /** Variance of the writing error at a weight of magnitude w ≤ 1 as a share of the layer's largest; multiplies scores. Default the same for all. */
  readonly variance?: (magnitude: number) => number;
}

const ACTION = "rank weights";

/**
 * SWIM's scores (Z. Yan et al., DAC 2022): |S| · max|W|², the loss that an error of the layer's full scale costs, with S = ∂²L/∂W². Errors scale with the layer's
 * largest weight, so that squaring it compares layers: S of the normalised weights W/max|W|.
 *
 * @param derivatives From `secondDerivatives`.
 * @throws {OptionError} if an option is unknown or out of range.
 * @throws {ShapeError} if derivatives are missing or do not fit.
 */
export function sensitivityScores(network: Network, derivatives: SecondDerivatives, options: SensitivityOptions = {}): Scores {
  checkOptions(ACTION, "sensitivityScores", options, ["gradient", "variance"]);
  const { gradient: share = 0, variance } = options;
  if (!Number.isFinite(share)) {
    throw new OptionError(ACTION, { where: "sensitivityScores.gradient", got: share, wanted: "a finite number" });
  }
  return scored(network, (name, weights) => {
    const second = fitting(name, derivatives.second[name], weights), gradient = fitting(name, derivatives.gradient[name], weights);
    const most = largest(weights) || 1;
    return (at) => {
      const score = Math.abs(second.data[at]! * most * most + share * gradient.data[at]! * most);
      return variance === undefined ? score : score * variance(Math.abs(weights.data[at]!) / most);
    };
  });
}

/** Scores |W| / max|W| of each layer. */
export function magnitudeScores(network: Network): Scores {
  return scored(network, (_, weights) => {
    const most = largest(weights) || 1;
    return (at) => Math.abs(weights.data[at]!) / most;
  });
}

/** Scores by chance. */
export function randomScores(network: Network, seed = 1): Scores {
  return scored(network, (_name, _weights, layer) => (at) => uniform(seed, layer, at));
}

function scored(
  network: Network,
  make: (name: string, weights: Tensor, layer: number) => (at: number) => number,
): Record<string, Tensor> {
  return Object.fromEntries(
    weightNames(network).map((name, layer): [string, Tensor] => {
      const weights = network.parameters[name]!, score = make(name, weights, layer), scores = new Float32Array(weights.data.length);
      for (let at = 0; at < scores.length; at++) scores[at] = score(at);
      return [name, tensor(scores, weights.shape)];
    }),
  );
}

function fitting(name: string, found: Tensor | undefined, { shape }: Tensor): Tensor {
  if (found?.shape.join() === shape.join()) return found;
  throw new ShapeError(ACTION, { where: name, got: found?.shape ?? "nothing", wanted: `a tensor of shape [${shape}]` });
}

/** Weights that are verified together: an array of group numbers from 0 on for each weight tensor. */
export type Groups = Readonly<Record<string, Uint32Array>>;

/** How much is verified, and in which pieces. */
export interface SelectOptions {
  /** Share of weights to verify, 0 to 1. Either this or `cycles`. */
  readonly share?: number;
  /** Pulses that verification may take, given `cost`. */
  readonly cycles?: number;
  /** Pulses that verifying one weight takes, on average or each; default 1. */
  readonly cost?: number | Readonly<Record<string, ArrayLike<number>>>;
  /** Whether single weights, or whole groups such as rows or arrays, are verified; a group's score is its weights' mean. Default single weights. */
  readonly groups?: Groups;
}

/**
 * The weights of the highest scores. Of equal scores the larger normalised magnitude comes first, then the lower position in the network. With groups, one
 * that would go beyond the budget ends the choice, except a share of 1, which takes all.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 * @throws {ShapeError} if scores do not fit the network.
 *
 * @example
 * ```ts
 * import { lenet, magnitudeScores, selectWeights } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const weights = lenet(), { cells, count } = selectWeights(weights, magnitudeScores(weights), { share: 0.1 });
 * assertEquals(count, Math.round(0.1 * 61470));
 * assertEquals(cells["fc3.weight"]!.length, 840);
 * ```
 */
export function selectWeights(network: Network, scores: Scores, options: SelectOptions): Selection {
  checkOptions(ACTION, "selectWeights", options, ["share", "cycles", "cost", "groups"]);
  const names = weightNames(network), starts = [0], { share, cycles, cost = 1, groups } = options;
  for (const name of names) starts.push(starts.at(-1)! + network.parameters[name]!.data.length);
  const total = starts.at(-1)!;
  if ((share === undefined) === (cycles === undefined)) {
    throw new OptionError(ACTION, { where: "selectWeights", got: { share, cycles }, wanted: "either share or cycles" });
  }
  if (share !== undefined && !(share >= 0 && share <= 1)) {
    throw new OptionError(ACTION, { where: "selectWeights.share", got: share, wanted: "a share from 0 to 1" });
  }
  if (cycles !== undefined && !(cycles >= 0)) {
    throw new OptionError(ACTION, { where: "selectWeights.cycles", got: cycles, wanted: "a number of pulses of at least 0" });
  }
  const score = new Float64Array(total), size = new Float64Array(total), price = new Float64Array(total).fill(1);
  names.forEach((name, layer) => {
    const weights = network.parameters[name]!, { data } = fitting(name, scores[name], weights), most = largest(weights) || 1;
    for (let at = 0; at < data.length; at++) {
      score[starts[layer]! + at] = data[at]!;
      size[starts[layer]! + at] = Math.abs(weights.data[at]!) / most;
      if (cycles !== undefined) price[starts[layer]! + at] = typeof cost === "number" ? cost : cost[name]![at]!;
    }
  });
  const budget = share === undefined ? cycles! : Math.round(share * total), chosen = new Uint8Array(total);
  const pieces = groups === undefined ? undefined : gather(names, starts, groups, score, size);
  const keys = pieces ?? { score, size }, order = ranking(keys.score, keys.size);
  let spent = 0;
  for (const piece of order) {
    const members = pieces === undefined ? [piece] : pieces.members[piece]!;
    const needs = members.reduce((sum, at) => sum + price[at]!, 0);
    if (spent + needs > budget + 1e-9) break;
    spent += needs;
    for (const at of members) chosen[at] = ALL_CELLS;
  }
  const cells = Object.fromEntries(names.map((name, layer) => [name, chosen.slice(starts[layer]!, starts[layer + 1]!)]));
  const count = chosen.reduce((sum, each) => sum + (each > 0 ? 1 : 0), 0);
  return { cells, count, total, share: total === 0 ? 0 : count / total };
}

/** Positions by score, then size, both from the largest, then position. */
function ranking(score: Float64Array, size: Float64Array): Uint32Array {
  const order = Uint32Array.from({ length: score.length }, (_, at) => at);
  return order.sort((a, b) => score[b]! - score[a]! || size[b]! - size[a]! || a - b);
}

function gather(names: readonly string[], starts: readonly number[], groups: Groups, score: Float64Array, size: Float64Array) {
  const members: number[][] = [];
  names.forEach((name, layer) => {
    const own = groups[name], count = starts[layer + 1]! - starts[layer]!, base = members.length;
    if (own?.length !== count) {
      throw new ShapeError(ACTION, { where: `groups.${name}`, got: own?.length ?? "nothing", wanted: `${count} group numbers` });
    }
    for (let at = 0; at < count; at++) (members[base + own[at]!] ??= []).push(starts[layer]! + at);
    for (let group = base; group < members.length; group++) members[group] ??= [];
  });
  const mean = (of: Float64Array) =>
    Float64Array.from(members, (list) => list.reduce((sum, at) => sum + of[at]!, 0) / Math.max(1, list.length));
  return { members, score: mean(score), size: mean(size) };
}

/**
 * Groups by word line or by array: weights of a layer as a matrix `[outputs][inputs]` on arrays of `rows` inputs by `columns` outputs, the usual placement.
 *
 * @param by "row": the weights of one input on one array. "array": all of one array.
 * @throws {OptionError} if rows or columns are no positive integers.
 */
export function arrayGroups(
  network: Network,
  by: "row" | "array",
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Groups {
  for (const [name, extent] of [["rows", rows], ["columns", columns]] as const) {
    if (Number.isInteger(extent) && extent >= 1) continue;
    throw new OptionError(ACTION, { where: `arrayGroups.${name}`, got: extent, wanted: "a positive integer" });
  }
  if (by !== "row" && by !== "array") throw new OptionError(ACTION, { where: "arrayGroups", got: by, wanted: '"row" or "array"' });
  return Object.fromEntries(
    weightNames(network).map((name): [string, Uint32Array] => {
      const { shape, data } = network.parameters[name]!, outputs = shape[0]!, inputs = data.length / outputs;
      const across = Math.ceil(outputs / columns);
      return [
        name,
        Uint32Array.from(data, (_, at) => {
          const input = at % inputs, output = Math.floor(at / inputs);
          return (by === "row" ? input : Math.floor(input / rows)) * across + Math.floor(output / columns);
        }),
      ];
    }),
  );
}
