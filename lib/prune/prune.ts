// Channel pruning of a network to what an array's mapping has room for: choose counts, drop the weakest channels, say what it brought.

import { Table } from "@cliffy/table";
import { MappingError, OptionError } from "../errors.ts";
import { checkArray } from "../map/check_array.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import type { Stage } from "../pipeline.ts";
import { channelNorms, largestChannels } from "./criterion.ts";
import type { CycleSource } from "./cycles.ts";
import { granularChannels } from "./granular.ts";
import { channelGroups } from "./groups.ts";
import type { LossMeasure } from "./loss.ts";
import { channelModel, type ChannelRound, channelsAt } from "./model.ts";
import { removeChannels } from "./remove_channels.ts";
import { vwcSdkChannels } from "./vwc_sdk.ts";
import type { WindowSearch } from "./window.ts";

/** The chip pruned for. */
export interface PruneChip {
  /** Word lines of an array; default 128. */
  readonly rows?: number;
  /** Physical columns of an array; default 128. */
  readonly columns?: number;
  /** Bits of a weight; default 4. */
  readonly weightBits?: number;
  /** Bits of a cell; default 1. A weight takes ⌈weightBits / cellBits⌉ columns. */
  readonly cellBits?: number;
  /** Conv and linear layers outside the arrays; default the first conv and every linear layer, as for `quantize`. */
  readonly digital?: readonly string[];
}

/** Pruning by the published method, to VW-SDK's windows. See `vwcSdkChannels`. */
export interface VwcSdkPruning extends PruneChip {
  /** Which method. */
  readonly method: "vwc-sdk";
  /** Rounds at most, without training between them; default 1. */
  readonly rounds?: number;
  /** Default "correct". */
  readonly search?: WindowSearch;
  /** Default "forward" for residual networks, "backward" for plain ones. */
  readonly order?: "forward" | "backward";
}

/** Pruning to the stairs of any mapper. See `granularChannels`. */
export interface GranularPruning extends PruneChip {
  /** Which method; this one is the default. */
  readonly method?: "granular";
  /** Finds the cycles of a layer; default Bitline's mapper. */
  readonly mapper?: CycleSource;
  /** A quick bound to search by where mapping is slow; default the proved lower bound for Bitline's mapper, none for another. */
  readonly bound?: CycleSource;
  /** What may be lost at most, as a share from 0 to 1 of `measure`; default 0.1, or 1 if `cycles` is given. */
  readonly loss?: number;
  /** Default "weights"; "norms" are those of the network's filters. */
  readonly measure?: LossMeasure;
  /** Cycles to reach with the least loss. */
  readonly cycles?: number;
  /** Share of each group's channels that stays; default 0.5. */
  readonly least?: number;
  /** Channel counts tried per group and pass; default 12. */
  readonly candidates?: number;
  /** Passes at most; default 6, or 3 with a bound. */
  readonly passes?: number;
}

/** Options of {@linkcode prune}. */
export type PruneOptions = VwcSdkPruning | GranularPruning;

/** A number before and after pruning. */
export interface Change {
  /** Before. */
  readonly before: number;
  /** After. */
  readonly after: number;
}

/** What pruning did, as plain data. */
export interface PruneReport {
  /** Name of the network. */
  readonly network: string;
  /** Which method chose the counts. */
  readonly method: "vwc-sdk" | "granular";
  /** Word lines and logical columns (weights side by side) of an array. */
  readonly rows: number;
  /** Logical columns of an array. */
  readonly columns: number;
  /** Channels taken out, over all groups; 0 if there was nothing to gain. */
  readonly removed: number;
  /** Groups of channels, and which indices of each were kept. */
  readonly groups: readonly { readonly name: string; readonly channels: Change; readonly kept: readonly number[] }[];
  /** Conv and linear layers; cycles are 0 outside the arrays. */
  readonly layers: readonly { readonly name: string; readonly inputs: Change; readonly outputs: Change; readonly cycles: Change }[];
  /** Array activations per image: VW-SDK's for "vwc-sdk", the mapper's for "granular". */
  readonly cycles: Change;
  /** Conv and linear weights. */
  readonly weights: Change;
  /** A text table for people. */
  table(): string;
}

/** Result of {@linkcode prune}. */
export interface Pruning {
  /** The smaller network; train it further before use. */
  readonly network: Network;
  /** What was done. */
  readonly report: PruneReport;
}

const ACTION = "prune the network";
const CHIP = ["rows", "columns", "weightBits", "cellBits", "digital", "method"] as const;
const OWN = {
  "vwc-sdk": ["rounds", "search", "order"],
  granular: ["mapper", "bound", "loss", "measure", "cycles", "least", "candidates", "passes"],
} as const;

/**
 * Prunes channels to the granularity of the arrays: counts by the method, channels by the smallest L1 norm of the filters that make them
 * ({@linkcode channelNorms}), together wherever sums, flattening or depthwise layers tie them.
 *
 * @throws {OptionError} if an option is unknown, out of range or belongs to the other method.
 * @throws {MappingError} if an array has no rows, or is too narrow for one weight.
 * @throws {GraphError | ShapeError} if the network is malformed.
 *
 * @example
 * ```ts
 * import { lenet, prune } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * // A window of conv2, 5 × 6 pixels, has room for 4 of the 6 channels it reads in 128 rows; the other 2 need an array of their own.
 * const { network, report } = prune(lenet(), { method: "vwc-sdk", rows: 128, columns: 128, weightBits: 4, cellBits: 1 });
 * assertEquals(network.parameters["conv2.weight"]!.shape, [16, 4, 5, 5]);
 * assertEquals(report.cycles, { before: 100, after: 50 });
 * ```
 */
export function prune(network: Network, options: PruneOptions = {}): Pruning {
  const { method = "granular", rows = 128, columns = 128, weightBits = 4, cellBits = 1, digital } = options;
  if (method !== "granular" && method !== "vwc-sdk") {
    throw new OptionError(ACTION, { where: "prune.method", got: method, wanted: '"granular" or "vwc-sdk"' });
  }
  checkOptions(ACTION, "prune", options, [...CHIP, ...OWN[method]]);
  for (const [name, got] of Object.entries({ weightBits, cellBits })) {
    if (Number.isInteger(got) && got >= 1) continue;
    throw new OptionError(ACTION, { where: `prune.${name}`, got, wanted: "an integer of at least 1" });
  }
  const chip = { rows, columns: logicalColumns(rows, columns, Math.ceil(weightBits / cellBits)) };
  const model = channelModel(network, digital), groups = channelGroups(network);
  const { before, after } = options.method === "vwc-sdk"
    ? published(vwcSdkChannels(model, { ...chip, ...own(options, OWN["vwc-sdk"]) }))
    : granular(granularChannels(model, {
      ...chip,
      ...own(options, OWN.granular),
      ...(options.measure === "norms" ? { norms: groups.map((group) => channelNorms(network, group)) } : {}),
    }));
  const kept = groups.map((group, index) => largestChannels(network, group, after.counts[index]!));
  const cut = groups.flatMap(({ name, channels }, index) => kept[index]!.length < channels ? [[name, kept[index]!] as const] : []);
  const facts: Omit<PruneReport, "table"> = {
    network: network.name,
    method,
    ...chip,
    removed: groups.reduce((sum, { channels }, index) => sum + channels - kept[index]!.length, 0),
    groups: groups.map(({ name, channels }, index) => ({
      name,
      channels: { before: channels, after: kept[index]!.length },
      kept: kept[index]!,
    })),
    layers: model.layers.map(({ name, inputs, outputs }, index) => ({
      name,
      inputs: { before: channelsAt(inputs, before.counts), after: channelsAt(inputs, after.counts) },
      outputs: { before: channelsAt(outputs, before.counts), after: channelsAt(outputs, after.counts) },
      cycles: { before: before.cycles[index]!, after: after.cycles[index]! },
    })),
    cycles: { before: before.total, after: after.total },
    weights: { before: before.weights, after: after.weights },
  };
  return {
    network: cut.length === 0 ? network : removeChannels(network, Object.fromEntries(cut)),
    report: { ...facts, table: () => table(facts) },
  };
}

/**
 * {@linkcode prune} as a stage of a pipeline, from a float network to a smaller one.
 *
 * @param onReport Called with the report of each run.
 *
 * @example
 * ```ts
 * import { lenet, pipeline, pruning } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const smaller = await pipeline().pipe(pruning({ method: "vwc-sdk" })).run(lenet());
 * assertEquals(smaller.parameters["conv1.weight"]!.shape, [4, 1, 5, 5]);
 * ```
 */
export function pruning(options: PruneOptions = {}, onReport?: (report: PruneReport) => void): Stage<Network, Network> {
  return {
    name: "prune",
    run(network) {
      const { network: smaller, report } = prune(network, options);
      onReport?.(report);
      return smaller;
    },
  };
}

function logicalColumns(rows: number, columns: number, perWeight: number): number {
  checkArray(ACTION, { "prune.rows": rows, "prune.columns": columns });
  const logical = Math.floor(columns / perWeight);
  if (logical >= 1) return logical;
  const wanted = `at least ${perWeight}, for the cells of one weight`;
  throw new MappingError(ACTION, { where: "prune.columns", got: columns, wanted, hint: "Use wider arrays or more bits per cell." });
}

/** Those of a method's own options that are given. */
function own<T extends object, K extends keyof T>(options: T, names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]])) as Pick<T, K>;
}

interface Rounds {
  readonly before: ChannelRound;
  readonly after: ChannelRound;
}

function published({ original, rounds }: ReturnType<typeof vwcSdkChannels>): Rounds {
  return { before: original, after: rounds.at(-1) ?? original };
}

function granular({ original, pruned }: ReturnType<typeof granularChannels>): Rounds {
  return { before: original, after: pruned };
}

function table({ network, method, rows, columns, layers, cycles, weights }: Omit<PruneReport, "table">): string {
  const change = ({ before, after }: Change) => before === after ? String(before) : `${before} → ${after}`;
  const body = layers.map((layer) => [
    layer.name,
    change(layer.inputs),
    change(layer.outputs),
    layer.cycles.before === 0 ? "digital" : change(layer.cycles),
  ]);
  const drawn = new Table().header(["layer", "inputs", "outputs", "cycles"]).body(body).border().toString();
  const share = (100 * weights.after / weights.before).toFixed(1);
  const faster = (cycles.before / Math.max(1, cycles.after)).toFixed(2);
  return `${drawn}\n${network}, ${method}, ${rows} rows × ${columns} weights: ${
    change(cycles)
  } cycles (${faster}×), ${share} % of weights kept`;
}
