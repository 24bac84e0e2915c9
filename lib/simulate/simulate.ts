// Last stage: a mapped or programmed network on images, against the same network without arrays.

import type { CheckedAdc, LayerAdc, ResolvedAdc } from "../circuit/adc.ts";
import type { Dataset } from "../data/dataset.ts";
import { OptionError } from "../errors.ts";
import { estimateOf } from "../estimate/activity.ts";
import type { EstimateOptions } from "../estimate/options.ts";
import type { Estimate } from "../estimate/result.ts";
import type { SlicedLayer } from "../decompose/sliced.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import { checkOptions } from "../options.ts";
import { chipCells, type WiredCells, type WireSolver } from "../program/chip_cells.ts";
import { program, type ProgrammedNetwork } from "../program/program.ts";
import { recordWriting } from "../program/write_costs.ts";
import { elements, type Tensor, tensor, type TypedArray } from "../tensor.ts";
import type { Backend, Session } from "./backend.ts";
import { type BackendChoice, openBackend } from "./choose_backend.ts";
import { checkConverters, chooseConverters, type ConverterOptions } from "./converters.ts";
import type { AdcTable } from "./program.ts";
import { type LoweredProgram, lowerProgrammed, lowerQuantized } from "./lower/lower.ts";
import { mostConversions } from "./lower/placed.ts";
import { monteCarlo, type MonteCarloResult } from "./monte_carlo.ts";
import { decibels, observe } from "./observe/observe.ts";
import { accuracy, predict } from "./predict.ts";
import { type LayerResult, type Result, result } from "./result.ts";
import { type SharedPass, sharePass } from "./shared_pass.ts";
import { unlikeLayers } from "./unlike_layers.ts";

/** How arrays are simulated. */
export interface SimulateOptions extends ConverterOptions {
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
  /**
   * Also estimate power, performance and area of the chip, with the bits that really reached the arrays on a sample of the images; converter bits and `digitBits`
   * are those of the simulation unless said otherwise. Default none.
   */
  readonly estimate?: EstimateOptions;
  /** Also run the network with real-valued activations, default false. */
  readonly float?: boolean;
  /** Seed of sampling and of the noise drawn at each conversion, default 1. Chips follow from the seed of `program`. */
  readonly seed?: number;
  /** Solver of the arrays' wires, such as `effectiveConductancesWebgpu`; default f64 on all cores, which gives the same chip wherever it is simulated. */
  readonly solveWires?: WireSolver;
  /**
   * Chips simulated, numbers 0, 1 … of the seed of `program`: accuracy becomes their mean, and the result tells its spread. What is the same on all of
   * them in front of the first layer that is not runs once where that saves work. Default one chip.
   */
  readonly draws?: number;
  /** With `draws`: probability of confidence intervals, default 0.95. */
  readonly confidence?: number;
  /** With `draws`: stop once the half-width of the confidence interval of the mean accuracy is at most this share, 0 to 1. */
  readonly halfWidth?: number;
  /** Stops the work between batches. */
  readonly signal?: AbortSignal;
  /** Called with the phase and images done and to do. */
  readonly onProgress?: (phase: string, done: number, total: number) => void;
}

const NAMES = [
  ...[
    "adc",
    "converters",
    "digitBits",
    "backend",
    "threads",
    "batch",
    "calibration",
    "estimate",
    "float",
    "seed",
    "solveWires",
    "draws",
    "confidence",
    "halfWidth",
  ],
  ...["signal", "onProgress"],
] as const;

/** Images looked at for clipping and noise. */
const SAMPLE = 8;

/**
 * Runs images through the arrays and through the exact quantised network.
 *
 * A mapped network runs on perfect arrays, a programmed one on chips: one, number 0, or several with `draws`. ADC ranges are those of perfect cells. Where
 * nothing is subtracted from a lowest state that conducts, they grow by the most it can add; ranges given as limits stay.
 *
 * @param network Network on arrays, from `map` or `program`.
 * @param data Images to classify.
 * @throws {OptionError} if an option is unknown or out of range, the ADC range needs calibration images and there are none, or it is dynamic on a chip.
 * @throws {DeviceError} if the backend cannot run here.
 *
 * @example
 * ```ts
 * import { dorefa, lenet, pact, pipeline, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const chips = pipeline()
 *   .quantize({ weights: dorefa({ bits: 2 }), activations: pact({ bits: 2, alpha: 2 }) })
 *   .decompose({ scheme: "balanced", cellBits: 2 })
 *   .map({ algorithm: "im2col" })
 *   .program({ device: "rram_milo", seed: 5 })
 *   .simulate({ adc: { bits: 6, range: "full" }, draws: 3, backend: "reference" });
 * const images = tensor(new Uint8Array(784).map((_, i) => i % 251), [1, 28, 28, 1]);
 * const result = await chips.run(lenet(), { name: "ramp", images, labels: Uint8Array.of(0), classes: [] });
 * assertEquals(result.monteCarlo!.samples["accuracy"]!.length, 3);
 * assertEquals(result.accuracy.crossbar, result.monteCarlo!.summary["accuracy"]!.mean);
 * ```
 */
export async function simulate(network: MappedNetwork | ProgrammedNetwork, data: Dataset, options: SimulateOptions = {}): Promise<Result> {
  checkOptions("simulate the network", "simulate", options, NAMES);
  const { digitBits = 1, batch = 64, seed = 1, draws, confidence, halfWidth, signal } = options;
  const { threads } = options;
  for (
    const [where, value] of Object.entries({
      batch,
      ...(threads === undefined ? {} : { threads }),
      ...(draws === undefined ? {} : { draws }),
    })
  ) {
    if (!Number.isInteger(value) || value < 1) {
      throw new OptionError("simulate the network", { where: `simulate.${where}`, got: value, wanted: "a positive integer" });
    }
  }
  for (const [where, value] of Object.entries({ confidence, halfWidth })) {
    if (value === undefined || draws !== undefined && typeof value === "number" && value > 0 && value < 1) continue;
    const wanted = draws === undefined ? "none without simulate.draws" : "a number above 0 and below 1";
    throw new OptionError("simulate the network", { where: `simulate.${where}`, got: value, wanted });
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new OptionError("simulate the network", { where: "simulate.seed", got: seed, wanted: "an integer from 0 to 2^32 − 1" });
  }
  if (options.float !== undefined && typeof options.float !== "boolean") {
    throw new OptionError("simulate the network", { where: "simulate.float", got: options.float, wanted: "true or false" });
  }
  for (const [where, images] of Object.entries({ data, "simulate.calibration": options.calibration })) {
    if (where !== "data" && images === undefined || images?.images?.data !== undefined && images.labels !== undefined) continue;
    throw new OptionError("simulate the network", { where, got: images ?? "nothing", wanted: "a data set: images and their labels" });
  }
  if (options.solveWires !== undefined && typeof options.solveWires !== "function") {
    throw new OptionError("simulate the network", { where: "simulate.solveWires", got: options.solveWires, wanted: "a function" });
  }
  const { programmed, costs } = recordWriting(network?.kind === "programmed" ? network : program(network)), { mapped } = programmed;
  const converters = checkConverters(options, Object.keys(mapped.layers)), count = data.labels.length;
  const open = typeof options.backend === "object" ? options.backend : undefined;
  const backend = open ?? await openBackend(options.backend as BackendChoice | undefined, options.threads);
  let shared: SharedPass | undefined;
  try {
    const calibration = converters.needImages ? options.calibration ?? await data.calibration?.() : undefined;
    const adcs = await chooseConverters(programmed, converters, calibration?.images, backend, { digitBits, seed });
    const run = async (
      phase: string,
      program: LoweredProgram,
      { pass, stop = signal, look }: {
        readonly pass?: SharedPass | undefined;
        readonly stop?: AbortSignal | undefined;
        readonly look?: ((session: Session) => Promise<void>) | undefined;
      } = {},
    ) => {
      await using session = await (pass ?? backend).prepare(program);
      const started = performance.now();
      const logits = await predict(session, data, {
        batch,
        ...(stop === undefined ? {} : { signal: stop }),
        onProgress: (done) => options.onProgress?.(phase, done, count),
      });
      const seconds = (performance.now() - started) / 1000;
      await look?.(session);
      return { logits, seconds };
    };
    const quantized = mapped.sliced.quantized;
    const float = options.float ? await run("float", lowerQuantized({ ...quantized, weights: {}, activations: {} })) : undefined;
    const baseline = await run("quantised", lowerQuantized(quantized));
    const estimateWith = options.estimate === undefined
      ? undefined
      : (codes: Readonly<Record<string, Tensor<TypedArray>>>) =>
        estimateOf(network, codes, { digitBits, ...options.estimate, adc: { bits: converters.adc.bits, ...options.estimate!.adc } });
    let seconds = 0, logitError = 0, details: Pick<Result, "layers" | "estimate"> | undefined;
    const unlike = unlikeLayers(programmed, adcs);
    let alike: WiredCells = new Map();
    const chip = async (number: number, phase: string, stop?: AbortSignal) => {
      const cells = await chipCells(programmed, {
        chip: number,
        known: alike,
        ...(options.solveWires === undefined ? {} : { solve: options.solveWires }),
        ...(threads === undefined ? {} : { threads }),
        ...(stop === undefined ? {} : { signal: stop }),
        onProgress: (done, total) => options.onProgress?.(`wires of ${phase}`, done, total),
      });
      alike = new Map([...cells].filter(([name]) => !unlike.has(name)));
      const lowered = lowerProgrammed(programmed, adcs, { digitBits, chip: number, noiseSeed: seed, cells });
      // The first chip tells about the layers while its weights are packed and at hand.
      const look = async (session: Session) => {
        details = await layerResults(mapped, adcs, lowered, session, data, seed, estimateWith);
      };
      if (details === undefined && draws !== undefined && draws > 1) {
        shared = sharePass(backend, lowered, (step) => step.op === "analog" && unlike.has(lowered.values[step.output]!.name));
      }
      const crossbar = await run(phase, lowered, { pass: shared, stop, look: details === undefined ? look : undefined });
      seconds += crossbar.seconds;
      logitError = Math.max(logitError, largestDifference(baseline.logits, crossbar.logits));
      return accuracy(crossbar.logits, data.labels);
    };
    let found: number, chips: MonteCarloResult | undefined;
    if (draws === undefined) found = await chip(0, "crossbar", signal);
    else {
      chips = await monteCarlo(async (draw, stop) => ({ accuracy: await chip(draw, `chip ${draw + 1} of ${draws}`, stop) }), {
        draws,
        seed: programmed.options.seed,
        ...(confidence === undefined ? {} : { confidence }),
        ...(halfWidth === undefined ? {} : { halfWidth }),
        ...(signal === undefined ? {} : { signal }),
      });
      found = chips.summary["accuracy"]!.mean;
    }
    const simulated = count * (chips?.draws ?? 1), written = costs();
    return result({
      network: quantized.network.name,
      data: data.name,
      images: count,
      accuracy: {
        ...(float === undefined ? {} : { float: accuracy(float.logits, data.labels) }),
        quantized: accuracy(baseline.logits, data.labels),
        crossbar: found,
      },
      ...(chips === undefined ? {} : { monteCarlo: chips }),
      ...(network.kind === "programmed" ? { program: network.options } : {}),
      ...(written === undefined ? {} : { writing: written }),
      logitError,
      cycles: Object.values(mapped.layers).reduce((sum, { cycles }) => sum + cycles, 0),
      converters: adcs,
      ...details!,
      configuration: describe(mapped, converters.adc, {
        ...(options.converters === undefined ? {} : { converters: { ...Object.fromEntries(converters.own), ...converters.chosen } }),
        digitBits,
        batch,
        seed,
        calibration: calibration && `${calibration.labels.length} images of ${calibration.name}`,
        ...(network.kind === "programmed" ? { program: network.options } : {}),
        ...(options.estimate === undefined ? {} : { estimate: options.estimate }),
        ...(draws === undefined ? {} : { draws, confidence: confidence ?? 0.95, ...(halfWidth === undefined ? {} : { halfWidth }) }),
      }),
      backend: { name: backend.name, description: backend.description },
      seconds,
      imagesPerSecond: simulated / seconds,
    });
  } finally {
    await shared?.[Symbol.asyncDispose]();
    if (open === undefined) await backend[Symbol.asyncDispose]();
  }
}

/** Sizes of each layer, and what its ADC does to a sample of the images, from the codes that really reached it. */
async function layerResults(
  mapped: MappedNetwork,
  adcs: Readonly<Record<string, LayerAdc>>,
  program: LoweredProgram,
  session: Session,
  data: Dataset,
  seed: number,
  estimateWith: ((codes: Readonly<Record<string, Tensor<TypedArray>>>) => Estimate) | undefined,
): Promise<Pick<Result, "layers" | "estimate">> {
  const size = Math.min(SAMPLE, data.labels.length), shape = data.images.shape.slice(1);
  const sample = tensor(data.images.data.subarray(0, size * elements(shape)), [size, ...shape]);
  const layers = Object.values(mapped.layers), inputs = layers.map(({ sliced }) => program.layers[sliced.name]!.input);
  const { taps } = await session.run(sample, [...new Set(inputs)]);
  const results = layers.map(({ sliced, method, arrays, utilisation, cycles }, index): LayerResult => {
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
  const codes = () => Object.fromEntries(layers.map(({ sliced }, index) => [sliced.name, taps.get(inputs[index]!)!]));
  return { layers: results, ...(estimateWith === undefined ? {} : { estimate: estimateWith(codes()) }) };
}

/** Lossless means that every sum the cells can give has a code of its own, one apart. */
function range({ lo, step, levels, unit }: ResolvedAdc, { codes }: AdcTable): NonNullable<LayerResult["adc"]> {
  return { lo, step, levels, lossless: step === unit && codes.every((code, index) => index === 0 || code === codes[index - 1]! + 1) };
}

function describe(mapped: MappedNetwork, adc: CheckedAdc, rest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { weights, activations, digital } = mapped.sliced.quantized, layers = Object.values(mapped.layers).map(({ sliced }) => sliced);
  return {
    weightBits: Object.fromEntries(Object.entries(weights).map(([name, { bits }]) => [name, bits])),
    activationBits: Object.fromEntries(Object.entries(activations).map(([name, { bits }]) => [name, bits])),
    digital,
    scheme: common(layers, ({ scheme }) => scheme),
    cellBits: common(layers, ({ cellBits }) => cellBits),
    algorithm: mapped.algorithm,
    rows: mapped.rows,
    columns: mapped.columns,
    adc,
    ...rest,
  };
}

/** What all layers have in common, or what each has, by name. */
function common<Value>(layers: readonly SlicedLayer[], of: (layer: SlicedLayer) => Value): Value | Record<string, Value> | undefined {
  const values = layers.map(of);
  return new Set(values).size < 2 ? values[0] : Object.fromEntries(layers.map(({ name }, index) => [name, values[index]!]));
}

function largestDifference(a: Tensor, b: Tensor): number {
  return a.data.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b.data[index]!)), 0);
}
