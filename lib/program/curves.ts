// Accuracy over what write-verify is spent: many chips, several ways of choosing weights, every chip the same for all of them.

import type { Dataset } from "../data/dataset.ts";
import { OptionError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { summarise } from "../report/statistics.ts";
import type { Selection } from "./selection.ts";
import { drawErrors, erroneousWeights, type VariationOptions, weightWriteCost } from "./variation.ts";
import type { WeightGraph } from "./weight_graph.ts";

/** A way to choose what is verified. */
export interface CurveMethod {
  /** Its name. */
  readonly name: string;
  /** Weights or cells for a share of the budget, 0 < share < 1, on chip number `draw` with deviation `sigma`. */
  select(share: number, draw: number, sigma: number): Selection;
}

/** Accuracies of chips at one point of a curve. */
export interface CurveSamples {
  /** Share of images classified correctly, by chip. */
  readonly accuracy: readonly number[];
  /** Pulses of verified cells over those of full write-verify, by chip. */
  readonly writeCycles: readonly number[];
}

/** Samples by point, `<method>|<sigma>|<share>`; plain data that can be stored and resumed. */
export type CurveTable = Readonly<Record<string, CurveSamples>>;

/** One point of a curve. */
export interface CurvePoint {
  /** Name of the method. */
  readonly method: string;
  /** Deviation of an open-loop write, in the variation's unit. */
  readonly sigma: number;
  /** Share of weights (or cells) verified. */
  readonly share: number;
  /**
   * Normalised write cycles: pulses of verified cells, their first included, over those of full write-verify on the same chip, mean over chips. The single write of
   * all other cells is not counted.
   */
  readonly writeCycles: number;
  /** Mean accuracy over chips, 0 to 1. */
  readonly mean: number;
  /** Standard deviation over chips. */
  readonly std: number;
  /** Accuracy that 95 % of chips reach: the 5th percentile. */
  readonly p5: number;
  /** Chips. */
  readonly draws: number;
}

/** Options of {@linkcode verifyCurves}. */
export interface CurveOptions {
  /** Ways to choose. */
  readonly methods: readonly CurveMethod[];
  /** Deviations of open-loop writes. */
  readonly sigmas: readonly number[];
  /** Shares verified; 0 (nothing) and 1 (all) are the same for all methods. */
  readonly shares: readonly number[];
  /** Chips, numbers 0 … draws − 1. */
  readonly draws: number;
  /** The model's options for a deviation; with `verify`, since cycles are counted. */
  readonly variation: (sigma: number) => VariationOptions;
  /** Seed of the chips; default 1. */
  readonly seed?: number;
  /** Samples made before, which are not made again. */
  readonly resume?: CurveTable;
  /** Stops between evaluations. */
  readonly signal?: AbortSignal;
  /** Called after every chip with evaluations done and to do and all samples so far. */
  readonly onProgress?: (done: number, total: number, table: CurveTable) => void;
}

const ACTION = "draw accuracy curves";
const NAMES = ["methods", "sigmas", "shares", "draws", "variation", "seed", "resume", "signal", "onProgress"] as const;

/** Key of a point. */
export function pointKey(method: string, sigma: number, share: number): string {
  return `${method}|${sigma}|${share}`;
}

/**
 * Evaluates chips with what each method verifies.
 *
 * @param graph Of the same network.
 * @returns Samples of every point, those of `resume` included; fewer than `draws` where the signal has fired.
 * @throws {OptionError} if an option is unknown or out of range.
 */
export function verifyCurves(network: Network, graph: WeightGraph, data: Dataset, options: CurveOptions): CurveTable {
  checkOptions(ACTION, "verifyCurves", options, NAMES);
  const { methods, sigmas, shares, draws, variation, seed = 1, signal } = options;
  if (!Number.isInteger(draws) || draws < 1) {
    throw new OptionError(ACTION, { where: "verifyCurves.draws", got: draws, wanted: "a positive integer" });
  }
  const table: Record<string, { accuracy: number[]; writeCycles: number[] }> = {};
  for (const [key, { accuracy, writeCycles }] of Object.entries(options.resume ?? {})) {
    table[key] = { accuracy: [...accuracy], writeCycles: [...writeCycles] };
  }
  const points = sigmas.flatMap((sigma) =>
    shares.flatMap((share) => (share <= 0 || share >= 1 ? [methods[0]!] : methods).map((method) => ({ sigma, share, method })))
  );
  const total = points.length * draws;
  let done = 0;
  for (const sigma of sigmas) {
    for (let draw = 0; draw < draws; draw++) {
      const own = points.filter((point) => point.sigma === sigma);
      const missing = own.filter(({ method, share }) => (table[nameOf(method, sigma, share)]?.accuracy.length ?? 0) <= draw);
      done += own.length - missing.length;
      if (missing.length === 0) continue;
      if (signal?.aborted) return table;
      const errors = drawErrors(network, variation(sigma), { seed, draw }), all = weightWriteCost(errors, "all").cycles;
      const fresh: [string, number, number][] = [];
      for (const { method, share } of missing) {
        if (signal?.aborted) return table;
        const key = nameOf(method, sigma, share);
        const selection = share <= 0 ? undefined : share >= 1 ? "all" : method.select(share, draw, sigma);
        const { accuracy } = graph.evaluate(data, erroneousWeights(network, errors, selection));
        fresh.push([key, accuracy, weightWriteCost(errors, selection).cycles / all]);
        done++;
      }
      for (const [key, accuracy, cycles] of fresh) {
        const entry = table[key] ??= { accuracy: [], writeCycles: [] };
        entry.accuracy.push(accuracy);
        entry.writeCycles.push(cycles);
      }
      options.onProgress?.(done, total, table);
    }
  }
  return table;
}

function nameOf(method: CurveMethod, sigma: number, share: number): string {
  return pointKey(share <= 0 ? "none" : share >= 1 ? "all" : method.name, sigma, share);
}

/**
 * Samples as curves: every method with the points at 0 and 1 that it shares with the others, by σ, then share.
 *
 * @param methods Names, in the order wanted; default all in the table.
 */
export function curvePoints(table: CurveTable, methods?: readonly string[]): CurvePoint[] {
  const rows = Object.entries(table).map(([key, samples]) => {
    const [method, sigma, share] = key.split("|") as [string, string, string];
    return { method, sigma: Number(sigma), share: Number(share), samples };
  });
  const own = methods ?? [...new Set(rows.map(({ method }) => method))].filter((method) => method !== "none" && method !== "all");
  return own.flatMap((name) =>
    rows.filter(({ method, sigma }) =>
      method === name || (method === "none" || method === "all") && rows.some((row) => row.method === name && row.sigma === sigma)
    )
      .sort((a, b) => a.sigma - b.sigma || a.share - b.share)
      .map(({ sigma, share, samples: { accuracy, writeCycles } }): CurvePoint => {
        const { mean, std, percentiles } = summarise(accuracy, { percentiles: [5] });
        const cycles = writeCycles.reduce((sum, each) => sum + each, 0) / writeCycles.length;
        return { method: name, sigma, share, writeCycles: cycles, mean, std: std ?? 0, p5: percentiles[5]!, draws: accuracy.length };
      })
  );
}

/**
 * Normalised write cycles at which a method's curve first comes within `points` of full write-verify, linear between the points of the curve (as a function of the
 * logarithm of cycles, where both ends have some); undefined if it never does.
 */
export function cyclesWithin(curve: readonly CurvePoint[], points: number): number | undefined {
  const ordered = curve.toSorted((a, b) => a.writeCycles - b.writeCycles), full = ordered.find(({ share }) => share === 1);
  if (full === undefined) return undefined;
  const target = full.mean - points, at = ordered.findIndex(({ mean }) => mean >= target);
  if (at <= 0) return at < 0 ? undefined : ordered[0]!.writeCycles;
  const low = ordered[at - 1]!, high = ordered[at]!, part = (target - low.mean) / (high.mean - low.mean);
  return low.writeCycles > 0
    ? low.writeCycles * (high.writeCycles / low.writeCycles) ** part
    : low.writeCycles + part * (high.writeCycles - low.writeCycles);
}
