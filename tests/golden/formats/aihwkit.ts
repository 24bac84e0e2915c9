// Noise models of the analog inference toolkit, run on its recorded normal draws: weights after programming and after a time.
//
// `noise_models.json`: weights [out, in]; per model and time in s: g_target and nu (one array per device, or one for a single device), w_prog, w_t and
// the draws xi_prog_then_nu and xi_drift. The toolkit turns weights into conductances again before they drift, scaled by the largest programmed one.

import type { Device } from "../../../lib/device/device.ts";
import { pcmHermes } from "../../../lib/device/pcm_hermes.ts";
import { pcmLike } from "../../../lib/device/pcm_like.ts";
import { reramCmo } from "../../../lib/device/reram_cmo.ts";
import { stateIndependent } from "../../../lib/device/state_independent.ts";
import { FileError } from "../../../lib/errors.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord, NotCovered, relativeError } from "../format.ts";

const LIMIT = 1e-5;

const DEVICES: Readonly<Record<string, () => Device>> = {
  PCMLike_gmax25: () => pcmLike({ gMax: 25 }),
  Hermes2: () => pcmHermes({ devices: 2 }),
  Hermes1: () => pcmHermes({ devices: 1 }),
  StateIndependent: () => stateIndependent({ gMax: 25 }),
  ReRamCMO_default: () => reramCmo({ acceptance: 0.2 }),
  ReRamCMO_acc2: () => reramCmo({ acceptance: 2 }),
};
/** Models whose weights are on one device each, from G_min for the least weight to G_max for the greatest. */
const SINGLE = /^ReRamCMO/;
/** Weights to conductances alone. */
const CONVERTERS = /^conv_/;

/** Noise models on recorded draws. */
export const aihwkit: Format = {
  name: "aihwkit",
  matches: ({ json }) => isRecord(json) && Array.isArray(json["weights"]) && Object.keys(json).some((name) => Object.hasOwn(DEVICES, name)),
  open,
};

function open({ path, stem, json }: GoldenFile): GoldenCase {
  const file = json as Record<string, unknown>;
  const weights = numbers(file["weights"], `${path}: weights`);
  const width = numbers((file["weights"] as unknown[])[0], `${path}: weights[0]`).length;
  const checks: (() => number)[] = [];
  for (const [model, times] of Object.entries(file)) {
    if (model === "weights") continue;
    if (CONVERTERS.test(model)) {
      const g = numbers(inside(times, "g", path), `${path}: ${model}.g`);
      const ours = converted(weights, model);
      checks.push(() => relativeError(ours, g));
      continue;
    }
    const build = Object.hasOwn(DEVICES, model) ? DEVICES[model] : undefined;
    if (build === undefined) throw new NotCovered(`noise model ${model}`);
    if (!isRecord(times)) {
      throw new FileError("open a golden case", { where: `${path}: ${model}`, got: times, wanted: "an object by time" });
    }
    for (const [time, recorded] of Object.entries(times)) {
      const where = `${path}: ${model}.${time}`;
      const read = (name: string) => numbers(inside(recorded, name, where), `${where}.${name}`);
      const run = { seconds: Number(time), single: SINGLE.test(model), weights, width };
      const wanted = { target: read("g_target"), nu: read("nu"), programmed: read("w_prog"), later: read("w_t") };
      const draws = { program: read("xi_prog_then_nu"), drift: read("xi_drift") };
      checks.push(() => compare(build(), run, draws, wanted));
    }
  }
  return { name: stem, limit: LIMIT, needsBackend: false, run: () => Promise.resolve(Math.max(...checks.map((check) => check()))) };
}

/** Significance of the two pairs of a weight in `conv_dual`; the second takes what exceeds the first. */
const FACTORS = [1, 3] as const;

/** Conductances in µS of weights on single devices, pairs or double pairs. @throws {NotCovered} if the converter is another one. */
function converted(weights: readonly number[], model: string): number[] {
  const { gMax = 1 } = pcmLike();
  switch (model) {
    case "conv_onedev":
      return conductances(weights, reramCmo(), true).g.map((g) => g * reramCmo().gMax!);
    case "conv_single":
      return conductances(weights, pcmLike(), false).g.map((g) => g * gMax);
    case "conv_dual": {
      const { g } = conductances(weights, pcmLike(), false), [first, second] = FACTORS;
      const total = g.map((each) => each * (first + second));
      return [total.map((each) => Math.min(each / first, 1)), total.map((each) => Math.max((each - first) / second, 0))].flat().map((
        each,
      ) => each * gMax);
    }
    default:
      throw new NotCovered(`weight converter ${model}`);
  }
}

interface Run {
  readonly seconds: number;
  readonly single: boolean;
  readonly weights: readonly number[];
  /** Weights of a row. */
  readonly width: number;
}

/** Largest relative error of targets, programmed weights, drift coefficients and weights at the time. */
function compare(
  device: Device,
  { seconds, single, weights, width }: Run,
  draws: { readonly program: readonly number[]; readonly drift: readonly number[] },
  wanted: Readonly<Record<"target" | "nu" | "programmed" | "later", readonly number[]>>,
): number {
  const first = conductances(weights, device, single);
  // Recorded in turn: programming then drift coefficients of each device of a pair; relaxation then reading of each row of single devices.
  const turn = (from: readonly number[], block: number, which: 0 | 1) => (cell: number) =>
    from[(2 * Math.floor(cell / block) + which) * block + cell % block] ?? 0;
  const at = (from: readonly number[]) => (cell: number) => from[cell] ?? 0;
  const pairs = weights.length;
  const [programDraw, driftDraw, readDraw] = single
    ? [at(draws.program), turn(draws.drift, width, 0), turn(draws.drift, width, 1)]
    : [turn(draws.program, pairs, 0), turn(draws.program, pairs, 1), at(draws.drift)];
  const programmed = first.g.map((g, cell) => device.program!(g, () => programDraw(cell)));
  const written = first.weights(programmed);
  const second = conductances(written, device, single);
  const later = second.g.map((g, cell) => {
    // The drift coefficient belongs to the target of the first conversion.
    const rested = device.drift!(g, first.g[cell]!, seconds, () => driftDraw(cell));
    return device.read!(rested, g, seconds, () => readDraw(cell));
  });
  const errors = [
    relativeError(first.g.map((g) => g * first.gMax), wanted.target),
    relativeError(written, wanted.programmed),
    relativeError(second.weights(later), wanted.later),
  ];
  if (!single) {
    const e = Math.E, start = START[device.name]!;
    errors.push(relativeError(first.g.map((g, cell) => -Math.log(device.drift!(1, g, start * (e - 1), () => driftDraw(cell)))), wanted.nu));
  }
  return Math.max(...errors);
}

/** Time t₀ of the drift laws in s; after t₀·(e − 1) a cell has lost the factor exp(−ν). */
const START: Readonly<Record<string, number>> = { pcm_like: 20, state_independent: 20, pcm_hermes: 300 };

/** Weights on pairs (positive ones first, then negative ones) or single devices, and the way back. */
function conductances(
  weights: readonly number[],
  { gMin, gMax = 1 }: Device,
  single: boolean,
): { g: number[]; gMax: number; weights: (g: readonly number[]) => number[] } {
  const least = Math.min(...weights), most = Math.max(...weights);
  if (single) {
    const scale = (1 - gMin) / (most - least);
    return {
      gMax,
      g: weights.map((weight) => (weight - least) * scale + gMin),
      weights: (g) => g.map((each) => (each - gMin) / scale + least),
    };
  }
  const scale = 1 / Math.max(most, -least);
  return {
    gMax,
    g: [1, -1].flatMap((sign) => weights.map((weight) => Math.max(sign * weight * scale, 0))),
    weights: (g) => weights.map((_, at) => (g[at]! - g[weights.length + at]!) / scale),
  };
}

function inside(value: unknown, name: string, where: string): unknown {
  if (isRecord(value) && Object.hasOwn(value, name)) return value[name];
  throw new FileError("open a golden case", { where, got: `no ${name}`, wanted: name });
}

/** Nested lists of numbers, flat. */
function numbers(value: unknown, where: string): number[] {
  const flat = Array.isArray(value) ? value.flat(3) as unknown[] : undefined;
  if (flat !== undefined && flat.every((each) => typeof each === "number" && Number.isFinite(each))) return flat as number[];
  throw new FileError("open a golden case", { where, got: typeof value, wanted: "lists of numbers" });
}
