// Area, clock, latency, energy and what follows, of runs of DNN+NeuroSim: each figure of each run, its floorplan, and every figure between two runs.
//
// A file is an array of runs { run, config, tiles, speedup, util, area_um2, clk_ns, lat_ns, dynE_pJ, leakP_uW, tops, topsw, topsmm2, fps, … }.

import { FileError } from "../../../lib/errors.ts";
import type { Estimate } from "../../../lib/estimate/result.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord, NotCovered, relativeError } from "../format.ts";
import { ENERGY_MARGIN, neurosimEstimate } from "./neurosim_config.ts";

/** Largest |ours / theirs − 1| of a figure, and of the ratio of a figure between two runs. */
export const FIGURE_LIMIT = 0.25, RATIO_LIMIT = 0.1;

/** Chip figures: field in the file, its name and unit, and ours. */
export const FIGURES: readonly (readonly [field: string, name: string, ours: (estimate: Estimate) => number])[] = [
  ["area_um2", "area µm²", ({ chip }) => chip.areaUm2],
  ["clk_ns", "clock ns", ({ chip }) => chip.clockNs],
  ["lat_ns", "latency ns", ({ chip }) => chip.periodNs],
  ["dynE_pJ", "dynamic energy pJ", ({ chip }) => chip.dynamicPj],
  ["leakP_uW", "leakage µW", idleLeakage],
  ["tops", "TOPS", ({ chip }) => chip.tops],
  ["topsw", "TOPS/W", ({ chip }) => chip.topsPerWatt / ENERGY_MARGIN],
  ["topsmm2", "TOPS/mm²", ({ chip }) => chip.topsPerMm2],
  ["fps", "FPS", ({ chip }) => chip.fps],
];

/** Leakage as the tool has it: of a pipelined chip, the mean over time of layers that wait for the slowest one. */
function idleLeakage({ chip, layers, options: { schedule } }: Estimate): number {
  if (schedule !== "pipelined") return chip.leakageUw;
  return layers.reduce((sum, { leakageUw, latencyNs }) => sum + leakageUw * (1 - latencyNs / chip.periodNs), 0);
}

/** Area, latency and energy estimates. */
export const neurosim: Format = {
  name: "neurosim",
  matches: ({ json }) =>
    Array.isArray(json) && json.length > 0 && isRecord(json[0]) &&
    ["run", "config", "area_um2"].every((key) => Object.hasOwn(json[0], key)),
  open,
};

interface Run {
  readonly name: string;
  readonly record: Readonly<Record<string, unknown>>;
  readonly estimate: Estimate;
}

function open({ path, stem, json }: GoldenFile): GoldenCase {
  const parts: GoldenCase[] = [], runs: Run[] = [];
  for (const [at, record] of (json as unknown[]).entries()) {
    const where = `${path}[${at}]`;
    if (!isRecord(record)) throw new FileError("read a NeuroSim run", { where, got: record, wanted: "an object" });
    const name = String(record["run"]);
    try {
      runs.push({ name, record, estimate: neurosimEstimate(record["config"], where) });
    } catch (error) {
      if (!(error instanceof NotCovered)) throw error;
      parts.push(row(name, FIGURE_LIMIT, () => {
        throw error;
      }));
      continue;
    }
    parts.push(...rows(runs.at(-1)!, where));
  }
  parts.push(...ratios(runs));
  return {
    ...row(`${stem}, ${runs.length} runs`, 1, () => Promise.reject(new Error("run its parts"))),
    parts,
    // The parts ask no backend.
    run: async (backend) => {
      let worst = 0;
      for (const { run, limit } of parts) {
        worst = Math.max(worst, limit === 0 ? (await run(backend) === 0 ? 0 : Infinity) : await run(backend) / limit);
      }
      return worst;
    },
  };
}

function row(name: string, limit: number, run: () => number | Promise<number>): GoldenCase {
  return { name, limit, needsBackend: false, run: async () => await run() };
}

/** Figures of a run, and its floorplan, which has to agree exactly. */
function rows({ name, record, estimate }: Run, where: string): GoldenCase[] {
  const { layers } = estimate.floorplan;
  const plan = [["tiles", 0, layers.map(({ tiles }) => tiles)], ["speedup", 0, layers.map(({ copies }) => copies)], [
    "util",
    1e-5,
    layers.map(({ utilisation }) => utilisation),
  ]] as const;
  return [
    ...FIGURES.map(([field, title, ours]) => {
      const got = ours(estimate), wanted = figure(record, field, where);
      return row(
        `${name}: ${title} ${short(got)} for ${short(wanted)}, ratio ${(got / wanted).toFixed(3)}`,
        FIGURE_LIMIT,
        () => Math.abs(got / wanted - 1),
      );
    }),
    ...plan.map(([field, limit, got]) => row(`${name}: ${field} of layers`, limit, () => relativeError(got, list(record, field, where)))),
  ];
}

/** One row a figure: the two runs whose ratio is furthest off. */
function ratios(runs: readonly Run[]): GoldenCase[] {
  if (runs.length < 2) return [];
  return FIGURES.map(([field, title, ours]) => {
    const all = runs.map(({ name, record, estimate }) => ({ name, ratio: ours(estimate) / figure(record, field, name) }));
    const high = all.reduce((most, each) => each.ratio > most.ratio ? each : most),
      low = all.reduce((least, each) => each.ratio < least.ratio ? each : least);
    const wanted = figure(runs.find(({ name }) => name === high.name)!.record, field, high.name) /
      figure(runs.find(({ name }) => name === low.name)!.record, field, low.name);
    const error = high.ratio / low.ratio - 1;
    return row(
      `${runs.length * (runs.length - 1) / 2} ratios of ${title}, worst ${high.name} / ${low.name}: ${short(wanted * (1 + error))} for ${
        short(wanted)
      }`,
      RATIO_LIMIT,
      () => error,
    );
  });
}

function figure(record: Readonly<Record<string, unknown>>, field: string, where: string): number {
  const value = record[field];
  if (typeof value === "number" && value > 0) return value;
  throw new FileError("read a NeuroSim run", { where: `${where}.${field}`, got: value ?? "nothing", wanted: "a positive number" });
}

function list(record: Readonly<Record<string, unknown>>, field: string, where: string): number[] {
  const value = record[field];
  if (Array.isArray(value) && value.every((each) => typeof each === "number")) return value as number[];
  throw new FileError("read a NeuroSim run", { where: `${where}.${field}`, got: value ?? "nothing", wanted: "numbers" });
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
