// Last stage: a mapped network on images, against the same network without arrays.

import { type AdcOptions, checkAdc, type LayerAdc, needsImages, type ResolvedAdc } from "../circuit/adc.ts";
import type { Dataset } from "../data/dataset.ts";
import { OptionError } from "../errors.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import { checkOptions } from "../options.ts";
import { elements, type Tensor, tensor } from "../tensor.ts";
import type { Backend } from "./backend.ts";
import { calibrate } from "./observe/calibrate.ts";
import { type BackendChoice, openBackend } from "./choose_backend.ts";
import type { AdcTable } from "./program.ts";
import { type LoweredProgram, lowerMapped, lowerQuantized } from "./lower/lower.ts";
import { mostConversions } from "./lower/placed.ts";
import { decibels, observe } from "./observe/observe.ts";
import { accuracy, predict } from "./predict.ts";
import { type LayerResult, type Result, result } from "./result.ts";

/** How arrays are simulated. */
export interface SimulateOptions {
  /** Converter of every array; default 6 bits with a calibrated range. */
  readonly adc?: AdcOptions;
  /** Input bits applied to the word lines per step, default 1. */
  readonly digitBits?: number;
  /** Backend by name (default "auto"), or one already open, which is left open. */
  readonly backend?: BackendChoice | Backend;
  /** Threads of the CPU backend, default all cores. */
  readonly threads?: number;
  /** Images per batch, default 64. */
  readonly batch?: number;
  /** Training images for ADC ranges that need some; default those the data set brings along. */
  readonly calibration?: Dataset;
  /** Also run the network with real-valued activations, default false. */
  readonly float?: boolean;
  /** Seed of sampling, default 1. */
  readonly seed?: number;
  /** Stops the work between batches. */
  readonly signal?: AbortSignal;
  /** Called with the phase and images done and to do. */
  readonly onProgress?: (phase: string, done: number, total: number) => void;
}

const NAMES = ["adc", "digitBits", "backend", "threads", "batch", "calibration", "float", "seed", "signal", "onProgress"] as const;

/** Images looked at for clipping and noise. */
const SAMPLE = 8;

/**
 * Runs images through the arrays and through the exact quantised network.
 *
 * @param mapped Network on arrays, from `map`.
 * @param data Images to classify.
 * @throws {OptionError} if an option is unknown or out of range, or the ADC range needs calibration images and there are none.
 * @throws {DeviceError} if the backend cannot run here.
 */
export async function simulate(mapped: MappedNetwork, data: Dataset, options: SimulateOptions = {}): Promise<Result> {
  checkOptions("simulate the network", "simulate", options, NAMES);
  const { adc = { bits: 6 }, digitBits = 1, batch = 64, seed = 1, signal } = options;
  for (const [where, value] of Object.entries({ batch, ...(options.threads === undefined ? {} : { threads: options.threads }) })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new OptionError("simulate the network", { where: `simulate.${where}`, got: value, wanted: "a positive integer" });
    }
  }
  const full = checkAdc(adc), count = data.labels.length;
  const open = typeof options.backend === "object" ? options.backend : undefined;
  const backend = open ?? await openBackend(options.backend as BackendChoice | undefined, options.threads);
  try {
    const calibration = needsImages(full.range) ? options.calibration ?? await data.calibration?.() : undefined;
    const adcs = await calibrate(mapped, adc, calibration?.images, backend, { digitBits, seed });
    const run = async (phase: string, program: LoweredProgram) => {
      await using session = await backend.prepare(program);
      const started = performance.now();
      const logits = await predict(session, data, {
        batch,
        ...(signal === undefined ? {} : { signal }),
        onProgress: (done) => options.onProgress?.(phase, done, count),
      });
      return { logits, seconds: (performance.now() - started) / 1000 };
    };
    const quantized = mapped.sliced.quantized;
    const float = options.float ? await run("float", lowerQuantized({ ...quantized, weights: {}, activations: {} })) : undefined;
    const baseline = await run("quantised", lowerQuantized(quantized));
    const program = lowerMapped(mapped, adcs, { digitBits });
    const crossbar = await run("crossbar", program);
    return result({
      network: quantized.network.name,
      data: data.name,
      images: count,
      accuracy: {
        ...(float === undefined ? {} : { float: accuracy(float.logits, data.labels) }),
        quantized: accuracy(baseline.logits, data.labels),
        crossbar: accuracy(crossbar.logits, data.labels),
      },
      logitError: largestDifference(baseline.logits, crossbar.logits),
      cycles: Object.values(mapped.layers).reduce((sum, { cycles }) => sum + cycles, 0),
      layers: await layerResults(mapped, adcs, program, data, backend, seed),
      configuration: describe(mapped, full, {
        digitBits,
        batch,
        seed,
        calibration: calibration && `${calibration.labels.length} images of ${calibration.name}`,
      }),
      backend: { name: backend.name, description: backend.description },
      seconds: crossbar.seconds,
      imagesPerSecond: count / crossbar.seconds,
    });
  } finally {
    if (open === undefined) await backend[Symbol.asyncDispose]();
  }
}

/** Sizes of each layer, and what its ADC does to a sample of the images, from the codes that really reached it. */
async function layerResults(
  mapped: MappedNetwork,
  adcs: Readonly<Record<string, LayerAdc>>,
  program: LoweredProgram,
  data: Dataset,
  backend: Backend,
  seed: number,
): Promise<LayerResult[]> {
  const size = Math.min(SAMPLE, data.labels.length), shape = data.images.shape.slice(1);
  const sample = tensor(data.images.data.subarray(0, size * elements(shape)), [size, ...shape]);
  const layers = Object.values(mapped.layers), inputs = layers.map(({ sliced }) => program.layers[sliced.name]!.input);
  await using session = await backend.prepare(program);
  const { taps } = await session.run(sample, [...new Set(inputs)]);
  return layers.map(({ sliced, method, arrays, utilisation, cycles }, index): LayerResult => {
    const { plan, table } = program.layers[sliced.name]!, adc = adcs[sliced.name]!;
    const [, columns, ...window] = sliced.slices.shape;
    const size = {
      name: sliced.name,
      algorithm: method,
      cycles,
      arrays: arrays.length,
      utilisation,
      tiles: mostConversions(plan!),
      rows: elements(window),
      columns: columns!,
    };
    if ("dynamic" in adc) return size;
    const { clipped, power } = observe(plan!, taps.get(inputs[index]!) as Tensor<Uint8Array>, { adc, seed });
    const noise = decibels(power!);
    return { ...size, adc: range(adc, table!), clipped: clipped!.low + clipped!.high, sqnr: Number.isFinite(noise) ? noise : null };
  });
}

/** Lossless means that every sum the cells can give has a code of its own, one apart. */
function range({ lo, step, levels, unit }: ResolvedAdc, { codes }: AdcTable): NonNullable<LayerResult["adc"]> {
  return { lo, step, levels, lossless: step === unit && codes.every((code, index) => index === 0 || code === codes[index - 1]! + 1) };
}

function describe(mapped: MappedNetwork, adc: Required<AdcOptions>, rest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { weights, activations, digital } = mapped.sliced.quantized, first = Object.values(mapped.layers)[0];
  return {
    weightBits: Object.fromEntries(Object.entries(weights).map(([name, { bits }]) => [name, bits])),
    activationBits: Object.fromEntries(Object.entries(activations).map(([name, { bits }]) => [name, bits])),
    digital,
    scheme: first?.sliced.scheme,
    cellBits: first?.sliced.cellBits,
    algorithm: mapped.algorithm,
    rows: mapped.rows,
    columns: mapped.columns,
    adc,
    ...rest,
  };
}

function largestDifference(a: Tensor, b: Tensor): number {
  return a.data.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b.data[index]!)), 0);
}
