// Channel counts chosen for any mapper: prune to where its cycles step down, as little as possible for as many cycles as possible.

import { OptionError } from "../errors.ts";
import { bestMapping } from "../map/best.ts";
import { lowerBound } from "../map/bound.ts";
import { vwSdkMapping } from "../map/published/vw_sdk.ts";
import { checkOptions } from "../options.ts";
import { cycleCount, type CycleSource } from "./cycles.ts";
import { descend } from "./descend.ts";
import { eliminate, type Factor } from "./eliminate.ts";
import { type LossMeasure, lossOf } from "./loss.ts";
import { type ChannelModel, type ChannelRound, geometryAt, roundAt } from "./model.ts";
import { stairs } from "./staircase.ts";

/** Options of {@linkcode granularChannels}. */
export interface GranularOptions {
  /** Word lines of an array. */
  readonly rows: number;
  /** Logical columns of an array. */
  readonly columns: number;
  /** Finds the cycles of a layer; default Bitline's mapper. */
  readonly mapper?: CycleSource;
  /** A quick bound of the mapper's cycles to search by where mapping is slow; default the proved lower bound for Bitline's mapper, none for another. */
  readonly bound?: CycleSource;
  /** What may be lost at most, as a share from 0 to 1 of `measure`; default 0.1, or 1 if `cycles` is given. */
  readonly loss?: number;
  /** Default "weights". */
  readonly measure?: LossMeasure;
  /** `[groups][channels]`: norms of the channels, for measure "norms"; the smallest go first. */
  readonly norms?: readonly ArrayLike<number>[];
  /** Cycles to reach: then the least loss that gets there is sought, not the fewest cycles. */
  readonly cycles?: number;
  /** Share of each group's channels that stays, above 0, at most 1; default 0.5. */
  readonly least?: number;
  /** Channel counts tried per group and pass; default 12. */
  readonly candidates?: number;
  /** Passes at most; default 6, or 3 with a bound, when each pass maps its choice for real. */
  readonly passes?: number;
}

/** Result of {@linkcode granularChannels}. */
export interface GranularChannels {
  /** Before pruning. */
  readonly original: ChannelRound;
  /** The choice. */
  readonly pruned: ChannelRound;
  /** Share of `measure` lost by it, 0 to 1. */
  readonly lost: number;
  /** All choices met that are not worse in both, by ascending cycles. */
  readonly front: readonly { readonly counts: readonly number[]; readonly cycles: number; readonly lost: number }[];
}

const ACTION = "search channels";
const KEYS = ["rows", "columns", "mapper", "bound", "loss", "measure", "norms", "cycles", "least", "candidates", "passes"] as const;
/** Points kept per front, and entries per table of the elimination. */
const ROOM = { front: 64, table: 20_000 } as const;
/** Passes that look for stairs anew, and what rounding may add to a loss. */
const STAIR_PASSES = 3, ROUNDING = 1e-12;

/**
 * Channel counts with the fewest cycles for at most the given loss, or the least loss for at most the given cycles.
 *
 * Cycles are a staircase in every channel count, so only the right edges of the stairs are candidates; they are found by bisection with the other groups
 * at the best counts so far, and again around the next best. Over the candidates the search is by variable elimination with Pareto fronts of cycles
 * against loss, which is exhaustive for chains and residual networks; densely connected ones fall back on descent along one group at a time. Then
 * counts are raised as far as that costs no cycle. Where a bound stands in for a slow mapper, each pass maps the best choice for real and
 * scales the bound by what came out; all cycles reported are the mapper's.
 *
 * @throws {OptionError} if an option is unknown or out of range, or the cycles asked for cannot be reached.
 * @throws {MappingError} if an array has no rows or no columns.
 *
 * @example
 * ```ts
 * import { chainModel, granularChannels } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const model = chainModel({ a: 64, b: 64 }, [{ image: 7, kernel: 3, in: "a", out: "b" }, { image: 5, kernel: 5, in: "b", out: 256 }]);
 * const { original, pruned, lost } = granularChannels(model, { rows: 256, columns: 512, loss: 0.15 });
 * assert(pruned.total < original.total && lost <= 0.15);
 * ```
 */
export function granularChannels(model: ChannelModel, options: GranularOptions): GranularChannels {
  checkOptions(ACTION, "granular", options, KEYS);
  const { rows, columns, mapper = bestMapping, measure = "weights", cycles: target, least = 0.5, candidates = 12 } = options;
  const bound = options.bound ?? (mapper === bestMapping ? lowerBound : undefined);
  const passes = options.passes ?? (bound === undefined ? 6 : 3);
  const limit = options.loss ?? (target === undefined ? 0.1 : 1);
  check({ loss: limit, least, candidates, passes, cycles: target, measure });
  const full = model.groups.map(({ channels }) => channels);
  if (
    measure === "norms" && !(options.norms?.length === full.length && options.norms.every(({ length }, group) => length === full[group]))
  ) {
    throw new OptionError(ACTION, { where: "granular.norms", got: options.norms, wanted: 'norms of all channels for measure "norms"' });
  }
  const cycles = cycleCount(mapper, bound), chip = { rows, columns };
  const { all, byLayer, byGroup } = lossOf(model, measure, options.norms);
  const layerCost = (index: number, counts: readonly number[]) => {
    const layer = model.layers[index]!;
    return { cycles: layer.mapped ? cycles.estimate({ geometry: geometryAt(layer, counts), ...chip }) : 0, lost: byLayer(index, counts) };
  };
  const lostAt = (counts: readonly number[]) =>
    sum(model.layers.map((_, index) => byLayer(index, counts))) + sum(counts.map((count, group) => byGroup(group, count)));
  const scopes = model.layers.map(({ inputs, outputs }) =>
    [...new Set([...inputs.groups, ...outputs.groups].map(({ group }) => group))].sort((a, b) => a - b)
  );
  /** Cycles of the layers around a group with `count` channels, the other groups as in `counts`. */
  const around = (group: number, counts: readonly number[]) => (count: number) => {
    const changed = counts.with(group, count);
    return sum(scopes.map((scope, index) => scope.includes(group) ? layerCost(index, changed).cycles : 0));
  };
  const smallest = full.map((count) => Math.max(1, Math.ceil(least * count)));

  /** Raises counts as far as no cycle is added. */
  const filled = (start: readonly number[]): number[] => {
    let counts = [...start];
    for (let changed = true; changed;) {
      changed = false;
      for (const group of counts.keys()) {
        const f = around(group, counts), now = f(counts[group]!);
        let low = counts[group]!, high = full[group]!;
        if (f(high) <= now) low = high;
        while (high - low > 1) {
          const middle = (low + high) >> 1;
          if (f(middle) <= now) low = middle;
          else high = middle;
        }
        changed ||= low > counts[group]!;
        counts = counts.with(group, low);
      }
    }
    return counts;
  };

  const values = full.map((count) => new Set([count]));
  type Found = GranularChannels["front"][number];
  const original = roundAt(model, full, chip, cycles.exact), seen: Found[] = [{ counts: full, cycles: original.total, lost: 0 }];
  const reached = (found: Found) => found.lost <= limit + ROUNDING && (target === undefined || found.cycles <= target);
  const better = (a: Found, b: Found) =>
    target === undefined ? a.cycles - b.cycles || a.lost - b.lost : a.lost - b.lost || a.cycles - b.cycles;
  const bestOf = (found: readonly Found[]) => found.filter(reached).sort(better)[0] ?? found.toSorted((a, b) => a.cycles - b.cycles)[0]!;
  let centre: readonly number[] = full;
  if (mapper === bestMapping && options.bound === undefined) {
    // What VW-SDK's windows would choose, which are quick to count, costs Bitline's mapper no more cycles than them: nothing worse is returned.
    const { front } = granularChannels(model, { ...withoutTarget(options), loss: limit, mapper: vwSdkMapping });
    const { counts, lost } = bestOf(front);
    seen.push({ counts, cycles: roundAt(model, counts, chip, cycles.exact).total, lost });
    centre = counts;
  }
  for (let pass = 0; pass < passes; pass++) {
    for (const group of full.keys()) {
      for (const { counts } of bound === undefined ? [{ counts: centre }] : seen) values[group]!.add(counts[group]!);
      if (pass >= STAIR_PASSES) continue;
      const f = around(group, centre);
      for (const count of spread(stairs(f, smallest[group]!, full[group]!), f, candidates)) values[group]!.add(count);
    }
    const lists = values.map((set) => [...set].sort((a, b) => a - b)), sizes = lists.map(({ length }) => length);
    const factors = factorsOf(scopes, lists, full, layerCost, byGroup);
    const room = { ...ROOM, most: (limit + ROUNDING) * all };
    const choices = (eliminate(sizes, factors, room) ?? descend(sizes, factors, room)).map((choice): Found => ({
      counts: choice.values.map((value, group) => lists[group]![value]!),
      cycles: choice.cycles,
      lost: choice.lost / all,
    }));
    if (bound === undefined) seen.push(...choices);
    const counts = filled(bestOf(bound === undefined ? seen : choices).counts);
    if (pass > 0 && seen.some((found) => found.counts.every((count, group) => count === counts[group]))) break;
    seen.push({ counts, cycles: roundAt(model, counts, chip, cycles.exact).total, lost: lostAt(counts) / all });
    centre = counts;
  }
  const front = undominated(seen), chosen = front.filter(reached).sort(better)[0];
  if (chosen === undefined) {
    throw new OptionError(ACTION, {
      where: "granular.cycles",
      got: target,
      wanted: `at least ${front[0]!.cycles}, the fewest found with at most ${100 * limit} % of ${measure} lost`,
      hint: "Allow a larger loss, or a smaller least share of channels.",
    });
  }
  return { original, pruned: roundAt(model, chosen.counts, chip, cycles.exact), lost: chosen.lost, front };
}

function withoutTarget({ cycles: _, ...rest }: GranularOptions): GranularOptions {
  return rest;
}

function check({ loss, least, candidates, passes, cycles, measure }: Record<"loss" | "least" | "candidates" | "passes", number> & {
  readonly cycles: number | undefined;
  readonly measure: string;
}): void {
  const wrong = (where: string, got: unknown, wanted: string) => new OptionError(ACTION, { where: `granular.${where}`, got, wanted });
  if (!(loss >= 0 && loss <= 1)) throw wrong("loss", loss, "a share from 0 to 1");
  if (!(least > 0 && least <= 1)) throw wrong("least", least, "a share above 0, at most 1");
  if (!Number.isInteger(candidates) || candidates < 2) throw wrong("candidates", candidates, "an integer of at least 2");
  if (!Number.isInteger(passes) || passes < 1) throw wrong("passes", passes, "an integer of at least 1");
  if (cycles !== undefined && !(cycles > 0)) throw wrong("cycles", cycles, "a positive number");
  if (!["weights", "macs", "channels", "norms"].includes(measure)) {
    throw wrong("measure", measure, '"weights", "macs", "channels" or "norms"');
  }
}

/** At most `most` of the stairs: the last, and of each stretch the one that saves most per channel. */
function spread(edges: readonly number[], f: (count: number) => number, most: number): readonly number[] {
  if (edges.length <= most) return edges;
  const last = edges.at(-1)!, top = f(last), chosen = [last];
  for (let stretch = 0; stretch < most - 1; stretch++) {
    const part = edges.slice(
      Math.floor(stretch * (edges.length - 1) / (most - 1)),
      Math.floor((stretch + 1) * (edges.length - 1) / (most - 1)),
    );
    const saves = (count: number) => (top - f(count)) / (last - count);
    chosen.push(part.reduce((best, count) => saves(count) >= saves(best) ? count : best));
  }
  return chosen;
}

function factorsOf(
  scopes: readonly (readonly number[])[],
  lists: readonly (readonly number[])[],
  full: readonly number[],
  layerCost: (index: number, counts: readonly number[]) => { readonly cycles: number; readonly lost: number },
  byGroup: (group: number, count: number) => number,
): Factor[] {
  const factors = scopes.map((scope, index): Factor => ({
    scope,
    cost(values) {
      const counts = [...full];
      scope.forEach((group, position) => counts[group] = lists[group]![values[position]!]!);
      return layerCost(index, counts);
    },
  }));
  const channels = full.map((_, group): Factor => ({
    scope: [group],
    cost: ([value]) => ({ cycles: 0, lost: byGroup(group, lists[group]![value!]!) }),
  }));
  return [...factors, ...channels];
}

function undominated<T extends { readonly cycles: number; readonly lost: number }>(points: readonly T[]): T[] {
  const front: T[] = [];
  for (const point of [...points].sort((a, b) => a.cycles - b.cycles || a.lost - b.lost)) {
    if (point.lost < (front.at(-1)?.lost ?? Infinity)) front.push(point);
  }
  return front;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
