// What an exploration is told beside its axes, with every default in one place.

import { type AdcOptions, checkAdc } from "../circuit/adc.ts";
import type { Dataset } from "../data/dataset.ts";
import type { DecomposeOptions } from "../decompose/options.ts";
import type { Device } from "../device/device.ts";
import { OptionError } from "../errors.ts";
import { defaultLibrary } from "../estimate/library.ts";
import type { EstimateOptions } from "../estimate/options.ts";
import { checkOptions } from "../options.ts";
import type { ProgramOptions } from "../program/options.ts";
import { dorefa } from "../quantize/dorefa.ts";
import { pact } from "../quantize/pact.ts";
import type { QuantizeOptions } from "../quantize/quantize.ts";
import type { Backend } from "../simulate/backend.ts";
import type { BackendChoice } from "../simulate/choose_backend.ts";
import { AXES, type DesignAxes, designAxes, type DesignConfiguration, type DesignLists } from "./axes.ts";
import { checkConstraints, checkObjectives, type Constraints, type Objectives } from "./figures.ts";

/** Axes, and what all points have in common. */
export interface ExploreOptions extends DesignLists {
  /** Quantisation of a float network; default 4-bit DoReFa weights and 4-bit PACT activations. */
  readonly quantize?: QuantizeOptions;
  /** Further options of `decompose`. */
  readonly decompose?: Omit<DecomposeOptions, "scheme" | "cellBits">;
  /** Further options of converters. */
  readonly adc?: Omit<AdcOptions, "bits" | "range">;
  /** Real cells, as for `program`; default perfect ones. */
  readonly program?: ProgramOptions;
  /** Chips simulated per point, of which accuracy is the mean; default 1. */
  readonly draws?: number;
  /** Further options of `estimate`. */
  readonly estimate?: Omit<EstimateOptions, "adc" | "node" | "cell" | "columnsPerAdc" | "digitBits" | "schedule" | "speedUp">;
  /** Images of the data set used, from the first on; default all. */
  readonly images?: number;
  /** Training images for converter ranges that need some; default those the data set brings along. */
  readonly calibration?: Dataset;
  /** Seed of sampling and of conversion noise, as for `simulate`; default 1. */
  readonly seed?: number;
  /** Backend by name (default "auto"), or one already open, which is left open. */
  readonly backend?: BackendChoice | Backend;
  /** Threads of the CPU backend; default all cores. */
  readonly threads?: number;
  /** Images per batch; default 64. */
  readonly batch?: number;
  /** What the front is about; default accuracy "max", energy, area and latency "min". Without accuracy here or in `constraints`, nothing is simulated. */
  readonly objectives?: Objectives;
  /** Limits that points of the front keep; points whose hardware breaks one are not simulated. */
  readonly constraints?: Constraints;
  /** Which combinations of axes are designs at all; default every one. */
  readonly where?: (configuration: DesignConfiguration) => boolean;
  /**
   * Leaves out simulations that can hardly add to the front: those of points for which another one is no worse in any objective of the hardware and at most
   * `tolerance` (share of images) below the network without arrays. `true` is a tolerance of 0; 1 simulates only what no simulated point dominates on hardware
   * figures. Default false.
   */
  readonly prune?: boolean | { readonly tolerance: number };
  /** File of JSON lines: finished points are read from it and appended to it. Default none. */
  readonly file?: string;
  /** Stops the work between points and batches. */
  readonly signal?: AbortSignal;
  /** Called with "hardware" and points, or "accuracy" and images, done and to do. */
  readonly onProgress?: (phase: "hardware" | "accuracy", done: number, total: number) => void;
}

/** Options with defaults filled in. */
export interface ResolvedExplore {
  /** Values of all axes. */
  readonly axes: DesignAxes;
  /** Quantisation. */
  readonly quantize: QuantizeOptions;
  /** What simulations have in common. */
  readonly common: {
    /** Further options of `decompose`. */
    readonly decompose: Omit<DecomposeOptions, "scheme" | "cellBits">;
    /** Further options of converters. */
    readonly adc: Omit<AdcOptions, "bits" | "range">;
    /** Cells. */
    readonly program: ProgramOptions;
    /** Chips per point. */
    readonly draws: number;
    /** Seed. */
    readonly seed: number;
    /** Images per batch. */
    readonly batch: number;
  };
  /** Further options of `estimate`. */
  readonly estimate: EstimateOptions;
  /** Front. */
  readonly objectives: Objectives;
  /** Limits. */
  readonly constraints: Constraints;
  /** Tolerance of pruning; absent for none. */
  readonly tolerance?: number;
}

/** Objectives where none are given. */
export const DEFAULT_OBJECTIVES: Objectives = { accuracy: "max", energyPj: "min", areaUm2: "min", latencyNs: "min" };

const ACTION = "explore designs";
const OTHERS = [
  ...["quantize", "decompose", "adc", "program", "draws", "estimate", "images", "calibration", "seed", "backend", "threads", "batch"],
  ...["objectives", "constraints", "where", "prune", "file", "signal", "onProgress"],
];

/** Options that belong to an axis, by the part of the options that does not take them. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  decompose: ["scheme", "cellBits"],
  adc: ["bits", "range"],
  estimate: ["adc", "node", "cell", "columnsPerAdc", "digitBits", "schedule", "speedUp"],
};

/** Checks options and fills in defaults. @throws {OptionError} if one is unknown or out of range. */
export function resolveExplore(options: ExploreOptions): ResolvedExplore {
  checkOptions(ACTION, "explore", options, [...AXES, ...OTHERS]);
  const { decompose = {}, adc = {}, program = {}, estimate = {}, draws = 1, seed = 1, batch = 64 } = options;
  for (const [part, names] of Object.entries(TAKEN)) {
    const given = { decompose, adc, estimate }[part]!, taken = names.find((name) => Object.hasOwn(given, name));
    if (taken === undefined) continue;
    throw new OptionError(ACTION, { where: `explore.${part}.${taken}`, got: "a single value", wanted: "a list, as an axis" });
  }
  checkAdc({ ...adc, bits: 6 }, "explore.adc");
  for (const [name, value] of Object.entries({ draws, batch, images: options.images, threads: options.threads })) {
    if (value === undefined || Number.isInteger(value) && value >= 1) continue;
    throw new OptionError(ACTION, { where: `explore.${name}`, got: value, wanted: "a positive integer" });
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new OptionError(ACTION, { where: "explore.seed", got: seed, wanted: "an integer from 0 to 2^32 − 1" });
  }
  if (options.where !== undefined && typeof options.where !== "function") {
    throw new OptionError(ACTION, { where: "explore.where", got: options.where, wanted: "a function of a configuration" });
  }
  const { objectives = DEFAULT_OBJECTIVES, constraints = {} } = options, tolerance = toleranceOf(options.prune);
  checkObjectives(objectives);
  checkConstraints(constraints);
  if (tolerance !== undefined && objectives.accuracy !== "max") {
    throw new OptionError(ACTION, { where: "explore.prune", got: options.prune, wanted: 'none without the objective accuracy "max"' });
  }
  return {
    axes: designAxes(listsOf(options), estimate.library ?? defaultLibrary),
    quantize: options.quantize ?? { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) },
    common: { decompose, adc, program: described(program), draws, seed, batch },
    estimate,
    objectives,
    constraints,
    ...(tolerance === undefined ? {} : { tolerance }),
  };
}

/** Devices by their descriptions, so that the options are plain data. */
function described<Options extends ProgramOptions>(options: Options): Options {
  const { device, layers } = options;
  return {
    ...options,
    ...(typeof device === "object" && "description" in device ? { device: (device as Device).description } : {}),
    ...(layers === undefined
      ? {}
      : { layers: Object.fromEntries(Object.entries(layers).map(([name, layer]) => [name, described(layer)])) }),
  };
}

function listsOf(options: ExploreOptions): DesignLists {
  return Object.fromEntries(AXES.flatMap((axis) => options[axis] === undefined ? [] : [[axis, options[axis]]]));
}

function toleranceOf(prune: ExploreOptions["prune"]): number | undefined {
  if (prune === undefined || typeof prune === "boolean") return prune ? 0 : undefined;
  checkOptions(ACTION, "explore.prune", prune, ["tolerance"]);
  const { tolerance } = prune;
  if (tolerance >= 0 && tolerance <= 1) return tolerance;
  throw new OptionError(ACTION, { where: "explore.prune.tolerance", got: tolerance, wanted: "a share from 0 to 1" });
}
