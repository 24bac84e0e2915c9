// Which cells to verify first: the error of a cell counts by its significance, so that budgets go to the high bits of many weights.

import { OptionError, ShapeError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { ALL_CELLS, type Scores, type Selection } from "./selection.ts";
import { largest, weightNames } from "./variation.ts";

/** How many cells are verified. */
export interface SelectCellsOptions {
  /** Share of all cells to verify, 0 to 1. */
  readonly share: number;
  /** Bits of a weight in cells; default 8. */
  readonly bits?: number;
  /** Bits of a cell; default 1. */
  readonly cellBits?: number;
}

const ACTION = "rank cells";

/**
 * The cells of the highest scores, where cell i = 1 … N/m of a weight has the weight's score times 4^(−i·m): what its variance adds to that of the weight.
 *
 * With the same pulses this takes more of the expected loss away than verifying whole weights: the first of eight 1-bit cells holds three quarters of a
 * weight's variance. Of equal scores the larger normalised magnitude comes first, then the lower position in the network.
 *
 * @param scores Linear in the expected loss: those of `sensitivityScores`.
 * @throws {OptionError} if an option is unknown or out of range.
 * @throws {ShapeError} if scores do not fit the network.
 *
 * @example
 * ```ts
 * import { lenet, magnitudeScores, selectCells } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const weights = lenet(), { cells, count } = selectCells(weights, magnitudeScores(weights), { share: 0.1 });
 * assert(count > 0.2 * 61470); // few cells of many weights
 * assert(cells["fc1.weight"]!.every((depth) => depth <= 8));
 * ```
 */
export function selectCells(network: Network, scores: Scores, options: SelectCellsOptions): Selection {
  checkOptions(ACTION, "selectCells", options, ["share", "bits", "cellBits"]);
  const { share, bits = 8, cellBits = 1 } = options, depth = bits / cellBits;
  if (!(share >= 0 && share <= 1)) throw new OptionError(ACTION, { where: "selectCells.share", got: share, wanted: "a share from 0 to 1" });
  if (!Number.isInteger(depth) || depth < 1 || depth > 16 || !Number.isInteger(cellBits) || cellBits < 1) {
    throw new OptionError(ACTION, { where: "selectCells.bits", got: [bits, cellBits], wanted: "bits in 1 to 16 cells of whole bits" });
  }
  const names = weightNames(network), starts = [0];
  for (const name of names) starts.push(starts.at(-1)! + network.parameters[name]!.data.length);
  const total = starts.at(-1)!, budget = Math.round(share * total * depth), keys = new Float64Array(total * depth);
  names.forEach((name, layer) => {
    const { shape, data } = network.parameters[name]!, found = scores[name];
    if (found?.shape.join() !== shape.join()) {
      throw new ShapeError(ACTION, { where: name, got: found?.shape ?? "nothing", wanted: `a tensor of shape [${shape}]` });
    }
    for (let at = 0; at < data.length; at++) {
      for (let cell = 0; cell < depth; cell++) keys[(starts[layer]! + at) * depth + cell] = found.data[at]! * 4 ** (-(cell + 1) * cellBits);
    }
  });
  const least = budget === 0 ? Infinity : keys.toSorted()[keys.length - budget]!, chosen = new Uint8Array(total);
  let left = budget;
  const ties: number[] = [];
  for (let key = 0; key < keys.length; key++) {
    if (keys[key]! > least) {
      chosen[Math.floor(key / depth)]!++;
      left--;
    } else if (keys[key] === least) ties.push(key);
  }
  const size = new Float64Array(ties.length > left ? total : 0);
  if (size.length > 0) {
    names.forEach((name, layer) => {
      const weights = network.parameters[name]!, most = largest(weights) || 1;
      for (let at = 0; at < weights.data.length; at++) size[starts[layer]! + at] = Math.abs(weights.data[at]!) / most;
    });
    ties.sort((a, b) => size[Math.floor(b / depth)]! - size[Math.floor(a / depth)]! || a - b);
  }
  for (const key of ties.slice(0, left)) chosen[Math.floor(key / depth)]!++;
  const cells = Object.fromEntries(names.map((name, layer) => {
    const own = chosen.slice(starts[layer]!, starts[layer + 1]!);
    for (let at = 0; at < own.length; at++) if (own[at] === depth) own[at] = ALL_CELLS;
    return [name, own];
  }));
  return { cells, count: chosen.reduce((sum, depth) => sum + (depth > 0 ? 1 : 0), 0), total, share: budget / (total * depth) };
}
