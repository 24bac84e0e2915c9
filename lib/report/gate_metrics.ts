// The figures of a result that a regression check watches, by name, and how each may move.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Result } from "../simulate/result.ts";
import type { ReportEstimate } from "./json.ts";

/** Figures by name: `accuracy.crossbar`, `cycles`, `energyPj`, `layers.conv2.clipped` … */
export type Metrics = Readonly<Record<string, number>>;

/** Which way is good, and how far the other way is still let pass. */
export interface Tolerance {
  /** Whether higher or lower is better, or any change is wrong. */
  readonly direction: "higher" | "lower" | "equal";
  /** Change let pass, in the metric's unit, at least 0; default 0. */
  readonly absolute?: number;
  /** Change let pass as a share of the baseline's magnitude, at least 0; default 0. The larger of both holds. */
  readonly relative?: number;
}

/** Tolerances by name, in which `*` stands for any letters: the most specific name that fits a metric holds, the one with most letters besides `*`. */
export type Tolerances = Readonly<Record<string, Tolerance>>;

/**
 * Tolerances of the metrics of {@linkcode metricsOf}. Accuracies may fall by half a point; counts of the mapping may not grow at all; power,
 * performance and area may worsen by 1 %; what converters clip and the noise they add may grow by a tenth. Anything else has to stay as it is.
 */
export const DEFAULT_TOLERANCES: Tolerances = {
  "*": { direction: "equal", relative: 1e-9 },
  images: { direction: "equal" },
  "accuracy.*": { direction: "higher", absolute: 0.005 },
  "accuracy.std": { direction: "lower", absolute: 0.002, relative: 0.2 },
  logitError: { direction: "lower", relative: 0.1, absolute: 1e-5 },
  "*cycles": { direction: "lower" },
  "*arrays": { direction: "lower" },
  "*utilisation": { direction: "higher", absolute: 1e-9 },
  "*clipped": { direction: "lower", absolute: 5e-4, relative: 0.1 },
  "*noise": { direction: "lower", absolute: 1e-6, relative: 0.1 },
  "*energyPj": { direction: "lower", relative: 0.01 },
  "*areaUm2": { direction: "lower", relative: 0.01 },
  "*latencyNs": { direction: "lower", relative: 0.01 },
  "*leakageUw": { direction: "lower", relative: 0.01 },
  "*fps": { direction: "higher", relative: 0.01 },
  "*topsPerWatt": { direction: "higher", relative: 0.01 },
  "*topsPerMm2": { direction: "higher", relative: 0.01 },
  "writing.*": { direction: "lower", relative: 0.01 },
  imagesPerSecond: { direction: "higher", relative: 0.5 },
};

/** What {@linkcode metricsOf} takes along. */
export interface MetricsOptions {
  /** Power, performance and area; default the result's own, if it has any. */
  readonly estimate?: ReportEstimate;
  /** Also figures of every layer; default true. */
  readonly layers?: boolean;
  /** Also `imagesPerSecond` of the simulation itself, which depends on the machine; default false. */
  readonly speed?: boolean;
}

/**
 * Figures of a result for a regression check. `layers.NAME.noise` is noise over signal power, 0 where the layer is exact; shares are 0 to 1.
 *
 * @throws {OptionError} if an option is unknown.
 *
 * @example
 * ```ts
 * import { dorefa, lenet, metricsOf, pact, pipeline, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const chip = pipeline()
 *   .quantize({ weights: dorefa({ bits: 2 }), activations: pact({ bits: 2, alpha: 2 }) })
 *   .decompose().map().simulate({ adc: { bits: 10, range: "full" }, backend: "reference" });
 * const images = tensor(new Uint8Array(784), [1, 28, 28, 1]);
 * const result = await chip.run(lenet(), { name: "black", images, labels: Uint8Array.of(0), classes: [] });
 * const metrics = metricsOf(result);
 * assertEquals([metrics["images"], metrics["layers.conv2.clipped"]], [1, 0]);
 * ```
 */
export function metricsOf(result: Result, options: MetricsOptions = {}): Metrics {
  checkOptions("take the metrics", "metricsOf", options, ["estimate", "layers", "speed"]);
  const { estimate = result.estimate, layers = true, speed = false } = options, { accuracy, monteCarlo, writing } = result;
  const found: Record<string, number> = { images: result.images };
  const add = (prefix: string, figures: Readonly<Record<string, number | null | undefined>>) => {
    for (const [name, value] of Object.entries(figures)) {
      if (typeof value === "number") found[prefix === "" ? name : `${prefix}.${name}`] = value;
    }
  };
  add("accuracy", { float: accuracy.float, quantized: accuracy.quantized, crossbar: accuracy.crossbar });
  const spread = monteCarlo?.summary["accuracy"];
  if (spread !== undefined) {
    add("", { draws: monteCarlo!.draws });
    add("accuracy", { std: spread.std, worst: spread.min });
  }
  add("", {
    logitError: result.logitError,
    cycles: result.cycles,
    arrays: result.layers.reduce((sum, layer) => sum + layer.arrays, 0),
    ...(speed ? { imagesPerSecond: result.imagesPerSecond } : {}),
  });
  if (writing !== undefined) {
    add("writing", { pulses: writing.pulses, reads: writing.reads, timeNs: writing.time, energyPj: writing.energy });
  }
  if (estimate !== undefined) add("", figuresOf(estimate.chip));
  if (!layers) return found;
  for (const { name, cycles, arrays, utilisation, clipped, sqnr } of result.layers) {
    const noise = sqnr === undefined ? undefined : sqnr === null ? 0 : 10 ** (-sqnr / 10);
    add(`layers.${name}`, { cycles, arrays, utilisation, clipped, noise });
  }
  for (const layer of estimate?.layers ?? []) {
    add(`layers.${layer.name}`, { energyPj: layer.energyPj, areaUm2: layer.areaUm2, latencyNs: layer.latencyNs });
  }
  return found;
}

function figuresOf({ energyPj, areaUm2, latencyNs, leakageUw, fps, topsPerWatt, topsPerMm2 }: ReportEstimate["chip"]): Metrics {
  return { energyPj, areaUm2, latencyNs, leakageUw, fps, topsPerWatt, topsPerMm2 };
}

/** The tolerance of a metric: the most specific name in the last table that has one which fits. */
export function toleranceOf(metric: string, tables: readonly Tolerances[]): Tolerance {
  for (const table of tables.toReversed()) {
    const fitting = Object.keys(table).filter((name) => fits(name, metric));
    const best = fitting.toSorted((a, b) => weight(b) - weight(a) || a.length - b.length)[0];
    if (best !== undefined) return table[best]!;
  }
  return DEFAULT_TOLERANCES["*"]!;
}

/** Letters besides `*`; a name without one fits alone and weighs most. */
function weight(name: string): number {
  return name.includes("*") ? name.replaceAll("*", "").length : Infinity;
}

/** Whether a name with `*` fits a metric; in time linear in the metric for each part. */
export function fits(name: string, metric: string): boolean {
  const [head = "", ...rest] = name.split("*"), tail = rest.pop();
  if (tail === undefined) return name === metric;
  if (!metric.startsWith(head) || !metric.endsWith(tail) || metric.length < head.length + tail.length) return false;
  let at = head.length;
  for (const part of rest) {
    const found = metric.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= metric.length - tail.length;
}

/** Refuses tolerances that make no sense. */
export function checkTolerances(action: string, where: string, tolerances: unknown): asserts tolerances is Tolerances {
  checkOptions(action, where, tolerances, Object.keys(tolerances ?? {}));
  for (const [name, tolerance] of Object.entries(tolerances as Tolerances)) {
    const path = `${where}[${JSON.stringify(name)}]`;
    checkOptions(action, path, tolerance, ["direction", "absolute", "relative"]);
    if (!["higher", "lower", "equal"].includes(tolerance.direction)) {
      throw new OptionError(action, { where: `${path}.direction`, got: tolerance.direction, wanted: "higher, lower or equal" });
    }
    for (const key of ["absolute", "relative"] as const) {
      const value = tolerance[key];
      if (value === undefined || typeof value === "number" && Number.isFinite(value) && value >= 0) continue;
      throw new OptionError(action, { where: `${path}.${key}`, got: value, wanted: "a number of at least 0" });
    }
  }
}
