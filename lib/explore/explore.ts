// Design-space exploration: every combination of the axes through estimate and simulation, work shared between points, and the Pareto front.

import { checkAdc, needsImages } from "../circuit/adc.ts";
import { type Dataset, sliceDataset } from "../data/dataset.ts";
import { MappingError, OptionError } from "../errors.ts";
import { defaultLibrary } from "../estimate/library.ts";
import type { Network } from "../network/graph.ts";
import { quantize, type QuantizedNetwork } from "../quantize/quantize.ts";
import { openBackend } from "../simulate/choose_backend.ts";
import { configurations, type DesignConfiguration, partOf, SIMULATED } from "./axes.ts";
import { digest } from "./digest.ts";
import { type DesignFigures, type FigureName, hardwareFigures, withinLimits } from "./figures.ts";
import { noWorse, paretoSet } from "./front.ts";
import { type ExploreOptions, type ResolvedExplore, resolveExplore } from "./options.ts";
import { appendRecords, type PointRecord, readRecords, type Records } from "./record.ts";
import { type DesignPoint, type Exploration, explorationTable, type RefusedDesign } from "./result.ts";
import { baselineAccuracy, type Bench, simulator } from "./simulator.ts";
import { inputCodes, stages } from "./stages.ts";

const ACTION = "explore designs";

/** Changes whenever figures of the same options may change: keys of older files then match no point. */
const FORMAT = 1;

/** A point on its way: its keys, its figures so far. */
interface Draft {
  readonly key: string;
  readonly simulation: string;
  readonly configuration: DesignConfiguration;
  figures: DesignFigures;
  pruned: boolean;
}

/**
 * Explores designs: each combination of the lists given gets accuracy, energy, area, latency and all other figures of the estimate, and those that no other
 * beats in the objectives are the front.
 *
 * Points share work: the network is quantised once, decomposed once per way to make cells, mapped once per array (the latest eight are kept), the sums for
 * converter ranges are counted once per mapping, and points that differ only in circuits share one simulation. Accuracies equal those of `simulate`; energy counts
 * the input bits that layers see in the network without arrays, on the first eight images.
 *
 * With `file`, a point done is appended as a line, and a later call with the same network, images and options reads it back instead; axes may have grown.
 *
 * @param network Float network, or one quantised already.
 * @param data Images to classify; undefined if accuracy is neither objective nor constraint.
 * @throws {OptionError} if an option is unknown or out of range, images are missing, or no combination is a chip.
 * @throws {FileError} if the file cannot be read or written.
 * @throws The signal's reason if it is aborted.
 *
 * @example
 * ```ts
 * import { dorefa, explore, type Network, pact } from "@bitline/bitline";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const network: Network = {
 *   kind: "network",
 *   name: "one layer",
 *   input: [1, 1, 200],
 *   encoding: { zero: 0, scale: 1 },
 *   layers: [{ op: "linear", name: "fc", inputs: ["input"], features: 40, bias: false }],
 *   parameters: { "fc.weight": { shape: [40, 200], data: new Float32Array(8000).map((_, i) => (i * 7919 % 31) / 31 - 0.5) } },
 * };
 * const weights = dorefa({ bits: 4 }), activations = pact({ bits: 4 });
 * const found = await explore(network, undefined, {
 *   ...{ rows: [64, 128], cellBits: [1, 2], cell: ["RRAM"], columnsPerAdc: [4, 8] },
 *   quantize: { weights, activations, last: weights, digital: [] },
 *   objectives: { energyPj: "min", areaUm2: "min", latencyNs: "min" },
 * });
 * assertEquals(found.points.length, 8);
 * assert(found.front.length >= 1 && found.table().includes("area mm²"));
 * ```
 */
export async function explore(
  network: Network | QuantizedNetwork,
  data: Dataset | undefined,
  options: ExploreOptions = {},
): Promise<Exploration> {
  const resolved = resolveExplore(options), { axes, common, objectives, constraints, tolerance } = resolved, { signal, file } = options;
  const judges = "accuracy" in objectives || "accuracy" in constraints;
  if (judges && data?.images?.data === undefined) {
    throw new OptionError(ACTION, {
      where: "data",
      got: data ?? "nothing",
      wanted: "a data set, or neither objective nor constraint for accuracy",
    });
  }
  const quantized = network.kind === "quantized" ? network : quantize(network, resolved.quantize);
  const images = data && sliceDataset(data, 0, Math.min(options.images ?? data.labels.length, data.labels.length));
  const wanted = configurations(axes).filter((configuration) => options.where?.(configuration) ?? true);
  if (wanted.length === 0) throw new OptionError(ACTION, { where: "explore.where", got: "no combination left", wanted: "at least one" });

  const looks = judges && axes.adcRange.some((range) => needsImages(checkAdc({ ...common.adc, bits: 6, range })));
  const calibration = looks ? options.calibration ?? await data!.calibration?.() : undefined;
  const { drafts: all, baselineKey } = await drafted(wanted, quantized, images, calibration, resolved);
  const records: Records = file === undefined || !judges
    ? { points: new Map(), accuracies: new Map(), baselines: new Map() }
    : await readRecords(file);
  const resumed = all.filter((draft) => {
    const known = records.points.get(draft.key);
    if (known !== undefined) draft.figures = known.figures;
    return known !== undefined;
  });

  const open = typeof options.backend === "object" ? options.backend : undefined;
  const backend = images === undefined ? undefined : open ?? await openBackend(options.backend as never, options.threads);
  try {
    const work = stages(quantized, resolved);
    const inputs = images === undefined || resumed.length === all.length ? {} : await inputCodes(quantized, images, backend!);
    const refused: RefusedDesign[] = [], drafts: Draft[] = [], known = new Set(resumed);
    let firstRefusal: unknown;
    for (const [index, draft] of all.entries()) {
      signal?.throwIfAborted();
      try {
        if (!known.has(draft)) {
          draft.figures = hardwareFigures(work.mapped(draft.configuration), work.estimate(draft.configuration, inputs));
        }
        drafts.push(draft);
      } catch (error) {
        if (!(error instanceof MappingError || error instanceof OptionError)) throw error;
        firstRefusal ??= error;
        refused.push({ configuration: draft.configuration, reason: error.message });
      }
      options.onProgress?.("hardware", index + 1, all.length);
    }
    if (drafts.length === 0) throw firstRefusal;

    let baseline: number | undefined, simulated = 0;
    if (judges) {
      const { threads } = options;
      const bench: Bench = {
        ...{ data: images!, backend: backend!, common },
        ...(calibration === undefined ? {} : { calibration }),
        ...(threads === undefined ? {} : { threads }),
      };
      baseline = records.baselines.get(baselineKey);
      if (baseline === undefined) {
        baseline = await baselineAccuracy(quantized, bench, signal === undefined ? {} : { signal });
        if (file !== undefined) await appendRecords(file, [{ baseline: baselineKey, accuracy: baseline }]);
      }
      const run = simulator(bench), total = images!.labels.length * common.draws;
      const groups = grouped(drafts.filter(({ figures }) => withinLimits(figures, constraints)), resolved);
      for (const [number, group] of groups.entries()) {
        signal?.throwIfAborted();
        const [{ simulation, configuration }] = group;
        const missing = group.filter(({ figures }) => figures.accuracy === undefined);
        const idle = tolerance === undefined ? [] : missing.filter((draft) => beaten(draft, drafts, resolved, baseline! - tolerance));
        let accuracy = records.accuracies.get(simulation);
        if (accuracy === undefined && idle.length < missing.length) {
          accuracy = await run(work.mapped(configuration), configuration, {
            ...(signal === undefined ? {} : { signal }),
            onImages: (done) => options.onProgress?.("accuracy", number * total + done, groups.length * total),
          });
          simulated++;
        }
        if (accuracy === undefined) { for (const draft of missing) draft.pruned = true; }
        else {
          for (const draft of missing) draft.figures = { accuracy, ...draft.figures };
          if (file !== undefined && missing.length > 0) await appendRecords(file, missing.map(recordOf));
        }
        options.onProgress?.("accuracy", (number + 1) * total, groups.length * total);
      }
    }

    const points = drafts.map((draft): DesignPoint => {
      const state = !withinLimits(draft.figures, constraints) ? "infeasible" : draft.pruned ? "pruned" : "judged";
      return { key: draft.key, configuration: draft.configuration, figures: draft.figures, state };
    });
    const found = {
      kind: "exploration" as const,
      network: quantized.network.name,
      ...(judges ? { data: images!.name, images: images!.labels.length, baseline: baseline! } : {}),
      ...{ axes, objectives, constraints, points, front: frontOf(points, resolved), refused },
      counts: { resumed: resumed.length, mapped: work.counts.mapped, simulated },
    };
    return { ...found, table: () => explorationTable(found) };
  } finally {
    if (open === undefined) await backend?.[Symbol.asyncDispose]();
  }
}

/** Points with their keys. */
async function drafted(
  wanted: readonly DesignConfiguration[],
  { network, weights, activations, digital }: QuantizedNetwork,
  images: Dataset | undefined,
  calibration: Dataset | undefined,
  { common, estimate }: ResolvedExplore,
): Promise<{ drafts: Draft[]; baselineKey: string }> {
  const { layers, parameters, input, encoding } = network, pixels = (data?: Dataset) => data && [data.images, data.labels];
  const subject = await digest([FORMAT, layers, parameters, input, encoding, weights, activations, digital, pixels(images)]);
  const bench = await digest([subject, pixels(calibration), common]), chip = await digest({ library: defaultLibrary, ...estimate });
  const drafts: Draft[] = [], simulations = new Map<string, string>();
  for (const configuration of wanted) {
    const part = partOf(configuration, SIMULATED), name = JSON.stringify(part);
    const simulation = simulations.get(name) ?? await digest([bench, part]), key = await digest([simulation, chip, configuration]);
    simulations.set(name, simulation);
    drafts.push({ key, simulation, configuration, figures: {} as DesignFigures, pruned: false });
  }
  return { drafts, baselineKey: subject };
}

/** Points by simulation, in their order; where points are pruned, groups of the least costs first, so that good ones rule out others early. */
function grouped(drafts: readonly Draft[], { objectives, tolerance }: ResolvedExplore): (readonly [Draft, ...Draft[]])[] {
  const groups = new Map<string, [Draft, ...Draft[]]>();
  for (const draft of drafts) {
    const group = groups.get(draft.simulation);
    if (group === undefined) groups.set(draft.simulation, [draft]);
    else group.push(draft);
  }
  const list = [...groups.values()];
  if (tolerance === undefined) return list;
  const cost = ({ figures }: Draft) => hardware(objectives).reduce((sum, [name, way]) => sum + way * Math.log(figures[name]!), 0);
  const costs = new Map(list.map((group) => [group, Math.min(...group.map(cost))]));
  return list.sort((a, b) => costs.get(a)! - costs.get(b)!);
}

/** Objectives beside accuracy, with 1 where less is better and −1 where more is. */
function hardware(objectives: ResolvedExplore["objectives"]): [FigureName, number][] {
  return Object.entries(objectives).filter(([name]) => name !== "accuracy").map((
    [name, way],
  ) => [name as FigureName, way === "min" ? 1 : -1]);
}

/** Whether some feasible point of at least this accuracy costs no more in any objective of the hardware. */
function beaten(draft: Draft, drafts: readonly Draft[], { objectives, constraints }: ResolvedExplore, least: number): boolean {
  const names = hardware(objectives), costs = ({ figures }: Draft) => names.map(([name, way]) => way * figures[name]!), own = costs(draft);
  return drafts.some((other) => {
    const { accuracy } = other.figures;
    return accuracy !== undefined && accuracy >= least && withinLimits(other.figures, constraints) && noWorse(costs(other), own);
  });
}

/** Judged points that no other beats, best first in the first objective. */
function frontOf(points: readonly DesignPoint[], { objectives }: ResolvedExplore): DesignPoint[] {
  const names = Object.keys(objectives) as FigureName[], ways = Object.values(objectives);
  const judged = points.filter(({ state }) => state === "judged"),
    values = judged.map(({ figures }) => names.map((name) => figures[name]!));
  const order = paretoSet(values, ways).toSorted((a, b) => {
    const at = names.findIndex((_, at) => values[a]![at] !== values[b]![at]);
    return at < 0 ? a - b : (values[a]![at]! - values[b]![at]!) * (ways[at] === "min" ? 1 : -1);
  });
  return order.map((index) => judged[index]!);
}

function recordOf({ key, simulation, configuration, figures }: Draft): PointRecord {
  return { key, simulation, configuration, figures };
}
