// Many chips, one figure or several: draws until the mean is known well enough, and goes on later from where it stopped.

import { NumericError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { hash } from "../random.ts";
import { checkConfidence, summarise, type Summary } from "../report/statistics.ts";

/** Simulates chip number `draw` and gives its figures. `seed` is that chip's own, a hash of the run's seed and `draw`. */
export type ChipRun = (draw: number, signal: AbortSignal, seed: number) => Promise<number | Readonly<Record<string, number>>>;

/** How many chips are drawn. */
export interface MonteCarloOptions {
  /** Most chips in all, those of `resume` included; a positive integer. */
  readonly draws: number;
  /** Probability of the confidence intervals; default 0.95. */
  readonly confidence?: number;
  /** Percentiles in the summaries; default 5, 50 and 95. */
  readonly percentiles?: readonly number[];
  /**
   * Stop once the half-width of the mean's confidence interval is at most this: one limit for every metric, or one for each metric watched. A single
   * figure is called "value". Without it all draws are made.
   */
  readonly halfWidth?: number | Readonly<Record<string, number>>;
  /** Fewest draws before an early stop, at least 2; default 5. */
  readonly atLeast?: number;
  /** Seed of the chips; default 1. */
  readonly seed?: number;
  /** Ends the run after the draw in progress, or within it where `run` heeds the signal it gets: what was drawn is given back. */
  readonly signal?: AbortSignal;
  /** Called after each draw with the draws made, the most to make, and the result so far, which can be stored and resumed. */
  readonly onProgress?: (done: number, total: number, soFar: MonteCarloResult) => void;
  /** An earlier result, perhaps read back from JSON: its samples count, and drawing goes on behind them. */
  readonly resume?: MonteCarloResult;
}

/** Why drawing ended: all draws made, means known well enough, the signal; "running" only in what `onProgress` sees. */
export type Stopped = "draws" | "half-width" | "aborted" | "running";

/** Samples of many chips; plain data that survives JSON. */
export interface MonteCarloResult {
  /** Tells this object from other results. */
  readonly kind: "monte-carlo";
  /** Seed of the chips. */
  readonly seed: number;
  /** Chips drawn, numbers 0 to `draws` − 1. */
  readonly draws: number;
  /** Why drawing ended. */
  readonly stopped: Stopped;
  /** Samples of every metric by chip number. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** Summary of every metric. */
  readonly summary: Readonly<Record<string, Summary>>;
}

const ACTION = "run Monte Carlo";
const NAMES = ["draws", "confidence", "percentiles", "halfWidth", "atLeast", "seed", "signal", "onProgress", "resume"] as const;

/**
 * Draws chips 0, 1, 2 … one after the other and summarises their figures. A chip depends on its number and the seed alone, so a run that is stopped
 * and resumed gives the samples of one that was not. Looking at the interval after each draw makes its coverage slightly less than `confidence`;
 * a higher `atLeast` lessens that.
 *
 * @param run Simulates one chip; must give the same metrics each time.
 * @throws {OptionError} if an option is unknown or out of range, `resume` is not a result of the same seed, or the metrics change between draws.
 * @throws {NumericError} if a metric is not finite.
 * @throws The signal's reason if it fires before anything was drawn.
 *
 * @example
 * ```ts
 * import { drawNormal, monteCarlo } from "@bitline/bitline";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const chip = (_draw: number, _signal: AbortSignal, seed: number) => Promise.resolve({ accuracy: 0.9 + 0.01 * drawNormal(seed) });
 * const rough = await monteCarlo(chip, { draws: 100, halfWidth: 0.01 });
 * assertEquals(rough.stopped, "half-width");
 * assert(rough.summary.accuracy!.halfWidth! <= 0.01);
 *
 * const stored = JSON.parse(JSON.stringify(rough));
 * assertEquals(await monteCarlo(chip, { draws: 100, resume: stored }), await monteCarlo(chip, { draws: 100 }));
 * ```
 */
export async function monteCarlo(run: ChipRun, options: MonteCarloOptions): Promise<MonteCarloResult> {
  const { draws, confidence, percentiles, halfWidth, atLeast, seed, resume } = check(options);
  const { signal = new AbortController().signal, onProgress } = options;
  const samples: Record<string, number[]> = {};
  for (const [name, values] of Object.entries(resume?.samples ?? {})) samples[name] = [...values];
  let done = resume?.draws ?? 0;
  const soFar = (stopped: Stopped): MonteCarloResult => ({
    kind: "monte-carlo",
    seed,
    draws: done,
    stopped,
    samples: Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, [...values]])),
    summary: Object.fromEntries(
      Object.entries(samples).map(([name, values]) => [name, summarise(values, { confidence, percentiles })]),
    ),
  });
  const known = () => done >= atLeast && halfWidth !== undefined && wellKnown(samples, halfWidth, confidence);
  for (; done < draws; onProgress?.(done, draws, soFar("running"))) {
    if (done > 0) checkWatched(samples, halfWidth);
    if (known()) return soFar("half-width");
    if (signal.aborted) break;
    let figures: number | Readonly<Record<string, number>>;
    try {
      figures = await run(done, signal, hash(seed, done));
    } catch (error) {
      if (signal.aborted) break;
      throw error;
    }
    add(samples, typeof figures === "number" ? { value: figures } : figures, done);
    done++;
  }
  if (done > 0) checkWatched(samples, halfWidth);
  if (known()) return soFar("half-width");
  if (done >= draws) return soFar("draws");
  if (done === 0) throw signal.reason;
  return soFar("aborted");
}

/** Whether the mean of every watched metric is known to its limit. */
function wellKnown(
  samples: Readonly<Record<string, readonly number[]>>,
  limit: number | Readonly<Record<string, number>>,
  confidence: number,
): boolean {
  const limits = typeof limit === "number" ? Object.keys(samples).map((name) => [name, limit] as const) : Object.entries(limit);
  return limits.every(([name, most]) => summarise(samples[name]!, { confidence, percentiles: [] }).halfWidth! <= most);
}

function checkWatched(samples: Readonly<Record<string, unknown>>, limit: MonteCarloOptions["halfWidth"]): void {
  if (typeof limit !== "object") return;
  for (const name of Object.keys(limit)) {
    if (Object.hasOwn(samples, name)) continue;
    throw new OptionError(ACTION, {
      where: `monteCarlo.halfWidth.${name}`,
      got: "an unknown metric",
      wanted: `one of ${Object.keys(samples).join(", ")}`,
    });
  }
}

/** Appends the figures of one chip. */
function add(samples: Record<string, number[]>, figures: Readonly<Record<string, number>>, draw: number): void {
  const names = typeof figures === "object" && figures !== null ? Object.keys(figures) : [];
  const before = draw === 0 ? names : Object.keys(samples);
  if (names.length === 0 || names.length !== before.length || !before.every((name) => Object.hasOwn(figures, name))) {
    throw new OptionError(ACTION, {
      where: `draw ${draw}`,
      got: names.length === 0 ? "no metrics" : `metrics ${names.join(", ")}`,
      wanted: draw === 0 ? "at least one metric" : `metrics ${before.join(", ")} as before`,
    });
  }
  for (const name of before) {
    const value = figures[name]!;
    if (!Number.isFinite(value)) {
      throw new NumericError(ACTION, { where: `draw ${draw}, ${name}`, got: value, wanted: "a finite number" });
    }
  }
  for (const name of before) (samples[name] ??= []).push(figures[name]!);
}

/** Options with their defaults, refused where they make no sense. */
function check(options: MonteCarloOptions) {
  checkOptions(ACTION, "monteCarlo", options, NAMES);
  const { draws, confidence = 0.95, percentiles = [5, 50, 95], halfWidth, atLeast = 5, resume } = options;
  const seed = options.seed ?? resume?.seed ?? 1;
  const integers = { draws: [draws, 1], atLeast: [atLeast, 2], seed: [seed, 0] } as const;
  for (const [name, [value, least]] of Object.entries(integers)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new OptionError(ACTION, { where: `monteCarlo.${name}`, got: value, wanted: `an integer of at least ${least}` });
  }
  checkConfidence(ACTION, "monteCarlo.confidence", confidence);
  const limits: Readonly<Record<string, unknown>> = typeof halfWidth === "object" && halfWidth !== null
    ? Object.fromEntries(Object.entries(halfWidth).map(([name, limit]) => [`halfWidth.${name}`, limit]))
    : halfWidth === undefined
    ? {}
    : { halfWidth };
  for (const [name, limit] of Object.entries(limits)) {
    if (typeof limit === "number" && Number.isFinite(limit) && limit > 0) continue;
    throw new OptionError(ACTION, { where: `monteCarlo.${name}`, got: limit, wanted: "a finite number above 0" });
  }
  summarise([0], { percentiles });
  if (resume !== undefined) checkResume(resume, seed);
  return { draws, confidence, percentiles, halfWidth, atLeast, seed, resume };
}

function checkResume(resume: MonteCarloResult, seed: number): void {
  const refuse = (where: string, got: unknown, wanted: string): never => {
    throw new OptionError(ACTION, { where: `monteCarlo.resume${where}`, got, wanted });
  };
  if (typeof resume !== "object" || resume === null || resume.kind !== "monte-carlo") refuse("", resume, "a result of monteCarlo");
  if (resume.seed !== seed) refuse(".seed", resume.seed, `${seed}: chips of two seeds do not mix`);
  if (!Number.isSafeInteger(resume.draws) || resume.draws < 1) refuse(".draws", resume.draws, "a positive integer");
  const samples = Object.entries(resume.samples ?? {});
  if (samples.length === 0) refuse(".samples", "no metrics", "at least one metric");
  for (const [name, values] of samples) {
    if (!Array.isArray(values) || values.length !== resume.draws || !values.every(Number.isFinite)) {
      refuse(`.samples.${name}`, values, `${resume.draws} finite numbers`);
    }
  }
}
