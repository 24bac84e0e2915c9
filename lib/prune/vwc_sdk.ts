// VWC-SDK's channel search: prune what VW-SDK's last row tile would hold alone, so that every tile is full.

import { OptionError } from "../errors.ts";
import type { Problem } from "../map/placement.ts";
import { checkOptions } from "../options.ts";
import { type ChannelModel, type ChannelRound, geometryAt, type ModelLayer, roundAt } from "./model.ts";
import { channelWindow, type WindowSearch } from "./window.ts";

/** Options of {@linkcode vwcSdkChannels}. */
export interface VwcSdkOptions {
  /** Word lines of an array. */
  readonly rows: number;
  /** Logical columns of an array. */
  readonly columns: number;
  /** Rounds at most; fewer where nothing is left to prune. Default 1; the paper takes at most 20 (5 for residual networks). */
  readonly rounds?: number;
  /** How windows are found; default "correct". */
  readonly search?: WindowSearch;
  /** Order in which neighbours are compared; default "forward" if a sum ties layers together, else "backward". */
  readonly order?: "forward" | "backward";
}

/** Result of {@linkcode vwcSdkChannels}. */
export interface VwcSdkChannels {
  /** Before pruning. */
  readonly original: ChannelRound;
  /** After each round that pruned something. */
  readonly rounds: readonly ChannelRound[];
}

/**
 * Channel counts by VWC-SDK (J. Rhe, S. Moon, J. H. Ko, “VWC-SDK: Convolutional Weight Mapping Using Shifted and Duplicated Kernel with Variable
 * Windows and Channels”, IEEE JETCAS 2022, and the code published with it).
 *
 * A layer whose window holds ICt channels per row tile loses IC mod ICt input channels (none if IC < ICt). Then each group is compared with the one
 * its layer makes: if it has more channels than that, it loses another ICt. A group that several layers read goes by the tile size on which most of
 * their cycles are spent. Outputs follow from the next layer's inputs, and a further round searches the windows of the smaller layers again.
 * Layers with groups or several input groups (behind a concat), and linear layers behind a flatten, have no say.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 * @throws {MappingError} if an array has no rows or no columns.
 *
 * @example
 * ```ts
 * import { chainModel, vwcSdkChannels } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * // The last two convolutions of CNN-8 on 256 × 512 cells: 64 channels are five tiles of 12 and a rest of 4.
 * const model = chainModel({ a: 64, b: 64 }, [{ image: 7, kernel: 3, in: "a", out: "b" }, { image: 5, kernel: 5, in: "b", out: 256 }]);
 * const { original, rounds } = vwcSdkChannels(model, { rows: 256, columns: 512 });
 * assertEquals([original.cycles, rounds[0]!.counts, rounds[0]!.cycles], [[30, 7], [60, 60], [25, 6]]);
 * ```
 */
export function vwcSdkChannels(model: ChannelModel, options: VwcSdkOptions): VwcSdkChannels {
  checkOptions("search channels", "vwcSdk", options, ["rows", "columns", "rounds", "search", "order"]);
  const { rows, columns, rounds = 1, search = "correct", order = tied(model) ? "forward" : "backward" } = options;
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new OptionError("search channels", { where: "vwcSdk.rounds", got: rounds, wanted: "an integer of at least 1" });
  }
  if (search !== "correct" && search !== "published") {
    throw new OptionError("search channels", { where: "vwcSdk.search", got: search, wanted: '"correct" or "published"' });
  }
  if (order !== "forward" && order !== "backward") {
    throw new OptionError("search channels", { where: "vwcSdk.order", got: order, wanted: '"forward" or "backward"' });
  }
  const chip = { rows, columns };
  let counts: readonly number[] = model.groups.map(({ channels }) => channels);
  const cycles = (problem: Problem) => channelWindow(problem, search).cycles;
  const original = roundAt(model, counts, chip, cycles), done: ChannelRound[] = [];
  while (done.length < rounds) {
    const next = pruned(model, counts, chip, search, order);
    if (next.every((count, group) => count === counts[group])) break;
    counts = next;
    done.push(roundAt(model, counts, chip, cycles));
  }
  return { original, rounds: done };
}

type Chip = Pick<VwcSdkOptions, "rows" | "columns">;

/** Whether some group is made by several layers. */
function tied({ groups, layers }: ChannelModel): boolean {
  return groups.some((_, group) =>
    layers.filter(({ inputs, outputs }) => !reads({ inputs }, group) && outputs.groups.some((each) => each.group === group)).length > 1
  );
}

function reads({ inputs }: Pick<ModelLayer, "inputs">, group: number): boolean {
  return inputs.groups.some((each) => each.group === group);
}

/** Counts after one round. */
function pruned(
  model: ChannelModel,
  counts: readonly number[],
  chip: Chip,
  search: WindowSearch,
  order: "forward" | "backward",
): readonly number[] {
  const choices = model.groups.map((_, group) => choiceOf(model, group, counts, chip, search));
  const next = counts.map((count, group) => {
    const tile = choices[group]?.tile ?? Infinity;
    return count < tile ? count : count - count % tile;
  });
  const sequence = order === "forward" ? [...next.keys()] : [...next.keys()].reverse();
  for (const group of sequence) {
    const choice = choices[group];
    if (choice?.successor === undefined || choice.successor === group) continue;
    if (next[group]! > next[choice.successor]! && next[group]! > choice.tile) next[group]! -= choice.tile;
  }
  return next;
}

/** The tile size a group goes by, and the group its first reader of that tile size makes. */
function choiceOf(
  model: ChannelModel,
  group: number,
  counts: readonly number[],
  chip: Chip,
  search: WindowSearch,
): { readonly tile: number; readonly successor: number | undefined } | undefined {
  const byTile = new Map<number, { cycles: number; readonly successor: number | undefined }>();
  for (const layer of model.layers) {
    const { geometry, inputs, outputs, mapped } = layer, [only] = inputs.groups;
    if (!mapped || geometry.groups > 1 || inputs.fixed > 0 || inputs.groups.length !== 1 || only!.group !== group || only!.repeats !== 1) {
      continue;
    }
    const { cycles, channels } = channelWindow({ geometry: geometryAt(layer, counts), ...chip }, search);
    const seen = byTile.get(channels);
    if (seen !== undefined) seen.cycles += cycles;
    else byTile.set(channels, { cycles, successor: outputs.groups.length === 1 ? outputs.groups[0]!.group : undefined });
  }
  const [first, ...others] = [...byTile];
  if (first === undefined) return undefined;
  const [tile, { successor }] = others.reduce((best, each) => each[1].cycles > best[1].cycles ? each : best, first);
  return { tile, successor };
}
