// Statistics of device errors: what noise of a kind does to the products of one matrix, over many seeds.
//
// A list of {name, config, seeds, rel_rms_mean, rel_rms_std …}: mean and deviation, over the seeds, of rms(Y − Y₀)/rms(Y₀) with balanced one-sided
// cells, Y₀ being the product without noise of the inputs as the DAC gives them (the recorded std_error/rel_rms is rms(Y₀) to nine digits). M and X are
// those of a core case in the same folder or in crosssim/ beside it. A mean passes within 3·rel_rms_std/√seeds.

import { programArray, readArray } from "../../../lib/device/array.ts";
import type { Device } from "../../../lib/device/device.ts";
import { type ErrorModel, genericDevice } from "../../../lib/device/generic.ts";
import { pcmJoshi } from "../../../lib/device/pcm_joshi.ts";
import { rramMilo } from "../../../lib/device/rram_milo.ts";
import { rramWan } from "../../../lib/device/rram_wan.ts";
import { sonosAgrawal } from "../../../lib/device/sonos_agrawal.ts";
import { FileError } from "../../../lib/errors.ts";
import { rint } from "../../../lib/simulate/reference/crossbar.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord, NotCovered } from "../format.ts";

/** Core cases that hold the matrix and inputs the statistics were taken on, from the folder of the statistics. */
const SOURCES = ["", "../crosssim/"].flatMap((folder) =>
  ["g30_bal_proportional_prog_err.json", "g02_bal_cellbits4_dac8.json"].map((file) => folder + file)
);
const BOUND = 3;
const KNOWN = ["dac_bits", "inf_on_off", "Rmin", "Rmax", "Vread", "programming_error", "read_noise"];

interface Entry {
  readonly name: string;
  readonly dacBits: number;
  readonly device: Device;
  readonly seeds: number;
  readonly mean: number;
  readonly deviation: number;
}

interface Products {
  /** Weights [out, in] over the largest magnitude. */
  readonly weights: readonly number[];
  /** Inputs [in, batch]. */
  readonly inputs: readonly number[];
  readonly shape: readonly [out: number, inputs: number, batch: number];
}

/** Lists of noise statistics; the error is the largest distance of a mean over its bound, so that 1 passes. */
export const crosssimStatistics: Format = {
  name: "crosssim statistics",
  matches: ({ json }) => Array.isArray(json) && isRecord(json[0]) && ["name", "config", "rel_rms_mean"].every((name) => name in json[0]),
  open,
};

function open({ path, stem, json }: GoldenFile): GoldenCase {
  const entries = (json as unknown[]).map((entry, index) => entryOf(entry, `${path}[${index}]`));
  return {
    name: stem,
    limit: 1,
    needsBackend: false,
    async run() {
      const products = await productsBeside(path);
      return Math.max(...entries.map((entry) => distance(entry, products)));
    },
  };
}

/** Distance of the mean from the recorded one, in units of what passes. */
function distance({ device, dacBits, seeds, mean, deviation }: Entry, products: Products): number {
  let sum = 0;
  for (let seed = 0; seed < seeds; seed++) sum += relativeRms(device, dacBits, products, seed);
  return Math.abs(sum / seeds - mean) / (BOUND * deviation / Math.sqrt(seeds));
}

/** rms(Y − Y₀)/rms(Y₀) of one chip. */
function relativeRms(
  device: Device,
  dacBits: number,
  { weights, inputs, shape: [out, size, batch] }: Products,
  seed: number,
) {
  const { gMin } = device, span = 1 - gMin, steps = 2 ** (dacBits - 1) - 1;
  const [positive, negative] = ([1, -1] as const).map((sign, array) => {
    const targets = weights.map((weight) => gMin + span * Math.max(sign * weight, 0));
    const cells = { seed, array };
    const programmed = programArray(device, targets, cells);
    return readArray(device, programmed, programmed, 0, 0, cells);
  }) as [Float64Array, Float64Array];
  const sent = inputs.map((value) => rint(value * steps) / steps);
  let errors = 0, signal = 0;
  for (let row = 0; row < out; row++) {
    for (let column = 0; column < batch; column++) {
      let current = 0, wanted = 0;
      for (let at = 0; at < size; at++) {
        const input = sent[at * batch + column]!;
        current += (positive[row * size + at]! - negative[row * size + at]!) * input;
        wanted += weights[row * size + at]! * input;
      }
      errors += (current / span - wanted) ** 2;
      signal += wanted ** 2;
    }
  }
  return Math.sqrt(errors / signal);
}

function entryOf(entry: unknown, where: string): Entry {
  const read = (name: string) => {
    const value = isRecord(entry) ? entry[name] : undefined;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
    throw new FileError("open a golden case", { where: `${where}.${name}`, got: value ?? null, wanted: "a number above 0" });
  };
  const { name, config } = entry as Record<string, unknown>;
  if (!isRecord(config)) throw new FileError("open a golden case", { where: `${where}.config`, got: config ?? null, wanted: "an object" });
  const unknown = Object.keys(config).find((option) => !KNOWN.includes(option));
  if (unknown !== undefined) throw new NotCovered(`option ${unknown} in noise statistics`);
  return {
    name: String(name),
    dacBits: Number(config["dac_bits"]),
    device: deviceOf(config),
    seeds: read("seeds"),
    mean: read("rel_rms_mean"),
    deviation: read("rel_rms_std"),
  };
}

/** The device of a configuration: models are named after the classes of the tool. */
function deviceOf(config: Record<string, unknown>): Device {
  const { Rmin: low = 1000, Rmax: high = 10000, inf_on_off: infinite = false } = config;
  const onOff = infinite === true ? "infinite" as const : Number(high) / Number(low);
  const gMax = 1e6 / Number(low);
  const program = config["programming_error"], read = config["read_noise"];
  const model = isRecord(program) ? program["model"] : undefined;
  switch (read === undefined ? model : undefined) {
    case "RRAMMilo":
      return rramMilo({ onOff });
    case "RRAMWan":
      return rramWan({ onOff, gMax });
    case "PCMJoshi":
      return pcmJoshi({ onOff, gMax });
    case "SONOS":
      // The tool has no read noise unless asked.
      return withoutReading(sonosAgrawal({ onOff }));
  }
  return genericDevice({
    onOff,
    ...(program === undefined ? {} : { program: errorOf(program) }),
    ...(read === undefined ? {} : { read: errorOf(read) }),
  });
}

function withoutReading({ read: _, ...device }: Device): Device {
  return device;
}

function errorOf(error: unknown): ErrorModel {
  const { model, magnitude } = isRecord(error) ? error : {};
  const named = /^(Normal|Uniform)(Independent|Proportional|InverseProportional)Device$/.exec(String(model));
  if (named === null) throw new NotCovered(`device ${String(model)}`);
  return {
    distribution: named[1] === "Normal" ? "normal" : "uniform",
    scaling: named[2] === "Independent" ? "independent" : named[2] === "Proportional" ? "proportional" : "inverse",
    magnitude: Number(magnitude),
  };
}

async function productsBeside(path: string): Promise<Products> {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  for (const source of SOURCES) {
    let text: string;
    try {
      text = await Deno.readTextFile(`${folder}${source}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    const { arrays: { M, X } } = JSON.parse(text) as {
      arrays: Record<"M" | "X", { shape: [number, number]; data: number[] }>;
    };
    const largest = Math.max(...M.data.map(Math.abs));
    return {
      weights: M.data.map((weight) => weight / largest),
      inputs: X.data,
      shape: [M.shape[0], M.shape[1], X.shape[1]],
    };
  }
  throw new FileError("open a golden case", { where: folder, got: "no such file", wanted: SOURCES.join(" or ") });
}
