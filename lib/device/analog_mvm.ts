// One product on an analog tile as inference toolkits model it: inputs scaled into the converters' range, noise at the output, rescaled where it clips.

import { NumericError, OptionError, ShapeError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { normal } from "../random.ts";
import { roundHalfEven } from "../quantize/round.ts";
import type { Tensor } from "../tensor.ts";

/** Converters, noise and scaling of {@linkcode analogMvm}. Voltages and currents are in units of full scale and of weights. */
export interface AnalogMvmOptions {
  /**
   * Divisor α of an input vector before the DAC, given back after the ADC (noise management): its largest magnitude, 1, or a constant.
   * Default "absMax".
   */
  readonly inputScale?: "absMax" | "none" | number;
  /** Whether α doubles until no output clips (bound management). Default "iterative". */
  readonly boundManagement?: "iterative" | "none";
  /** Most times α doubles. Default 10. */
  readonly doublings?: number;
  /** DAC range ±bound; Infinity is none. Default 1. */
  readonly inputBound?: number;
  /** DAC step over its whole range 2 · bound, or the number of steps where above 1; 0 is exact. Default 1/126. */
  readonly inputResolution?: number;
  /** ADC range ±bound; Infinity is none. Default 12. */
  readonly outputBound?: number;
  /** ADC step likewise. Default 1/510. */
  readonly outputResolution?: number;
  /** Standard deviation of the normal noise added to each output before the ADC. Default 0.06. */
  readonly outputNoise?: number;
  /** Digital factor of all outputs. Default 1. */
  readonly outputScale?: number;
  /** Seed of the noise, drawn by (vector, output, doubling). Default 0. */
  readonly seed?: number;
  /** Standard normal draws to use in place of the seed's: recorded ones. */
  readonly draw?: (vector: number, output: number, doubling: number) => number;
}

const ACTION = "multiply on an analog tile";
const NAMES = [
  "inputScale",
  "boundManagement",
  "doublings",
  "inputBound",
  "inputResolution",
  "outputBound",
  "outputResolution",
  "outputNoise",
  "outputScale",
  "seed",
  "draw",
] as const;
/** Key of this noise among the draws of one seed. */
const STREAM = 0x6d766d;

/**
 * y = α · outputScale · ADC(W · DAC(x / α) + outputNoise · ξ), vector by vector, in f64.
 *
 * Both converters round half to even to multiples of their step, then clip. Defaults are those of the analog hardware acceleration kit (Rasch et al.,
 * AICAS 2021): 7-bit inputs, 9-bit outputs, noise management by the largest magnitude, iterative bound management.
 *
 * @param weights [out, in].
 * @param x [batch, in].
 * @returns [batch, out].
 * @throws {OptionError} if an option is unknown or out of range.
 * @throws {ShapeError} if shapes do not fit.
 * @throws {NumericError} if outputs still clip after all doublings.
 *
 * @example
 * ```ts
 * import { analogMvm, tensor } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const weights = tensor(Float64Array.of(0.5, -0.25), [1, 2]), x = tensor(Float64Array.of(2, 4), [1, 2]);
 * const ideal = { inputResolution: 0, outputResolution: 0, outputNoise: 0 };
 * assertAlmostEquals(analogMvm(weights, x, ideal).data[0]!, 0);
 * assertAlmostEquals(analogMvm(weights, x, { ...ideal, inputScale: "none" }).data[0]!, 0.25); // both inputs clip at 1
 * ```
 */
export function analogMvm(
  weights: Tensor<Float64Array | Float32Array>,
  x: Tensor<Float64Array | Float32Array>,
  options: AnalogMvmOptions = {},
): Tensor<Float64Array> {
  const [outputs = 0, inputs = 0] = weights.shape, [batch = 0, length = 0] = x.shape;
  const sound = weights.shape.length === 2 && x.shape.length === 2 && inputs === length && weights.data.length === outputs * inputs &&
    x.data.length === batch * inputs;
  if (!sound) {
    throw new ShapeError(ACTION, { where: "x", got: `[${x.shape}] on [${weights.shape}]`, wanted: "[batch, in] on [out, in]" });
  }
  const all = check(options), { inputScale, outputBound, outputNoise, outputScale, draw } = all;
  const dac = converter(all.inputBound, all.inputResolution), adc = converter(outputBound, all.outputResolution);
  const y = new Float64Array(batch * outputs), sent = new Float64Array(inputs);
  for (let vector = 0; vector < batch; vector++) {
    const own = x.data.subarray(vector * inputs, (vector + 1) * inputs);
    let alpha = typeof inputScale === "number" ? inputScale : inputScale === "none" ? 1 : largest(own);
    if (alpha === 0) continue;
    for (let doubling = 0;; doubling++, alpha *= 2) {
      for (let input = 0; input < inputs; input++) sent[input] = clip(dac(own[input]! / alpha), all.inputBound);
      let clipped = false;
      for (let output = 0; output < outputs; output++) {
        let sum = outputNoise === 0 ? 0 : outputNoise * draw(vector, output, doubling);
        for (let input = 0; input < inputs; input++) sum += weights.data[output * inputs + input]! * sent[input]!;
        const code = adc(sum);
        clipped ||= Math.abs(code) > outputBound;
        y[vector * outputs + output] = alpha * outputScale * clip(code, outputBound);
      }
      if (!clipped || all.boundManagement === "none") break;
      if (doubling < all.doublings) continue;
      throw new NumericError(ACTION, {
        where: `vector ${vector}, inputs divided by ${alpha}`,
        got: "outputs that still clip",
        wanted: `outputs within ±${outputBound}`,
        hint: 'Allow more doublings, raise outputBound above the noise, or set boundManagement to "none".',
      });
    }
  }
  return { shape: [batch, outputs], data: y };
}

function largest(values: Float64Array | Float32Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

function clip(value: number, bound: number): number {
  return Math.min(Math.max(value, -bound), bound);
}

/** Rounding to steps, without the clipping. */
function converter(bound: number, resolution: number): (value: number) => number {
  const step = 2 * bound * (resolution > 1 ? 1 / resolution : resolution);
  return step > 0 && step < Infinity ? (value) => roundHalfEven(value / step) * step : (value) => value;
}

function check(options: AnalogMvmOptions): Required<AnalogMvmOptions> {
  checkOptions(ACTION, "analogMvm", options, NAMES);
  const { inputScale = "absMax", boundManagement = "iterative", doublings = 10, inputBound = 1, inputResolution = 1 / 126 } = options;
  const { outputBound = 12, outputResolution = 1 / 510, outputNoise = 0.06, outputScale = 1, seed = 0 } = options;
  const draw = options.draw ?? ((vector, output, doubling) => normal(seed, STREAM, vector, output, doubling));
  const require = (name: keyof AnalogMvmOptions, holds: boolean, wanted: string) => {
    if (!holds) throw new OptionError(ACTION, { where: `analogMvm.${name}`, got: options[name], wanted });
  };
  const positive = (value: unknown) => typeof value === "number" && value > 0;
  const finite = (value: number) => Number.isFinite(value) && value >= 0;
  require(
    "inputScale",
    inputScale === "absMax" || inputScale === "none" || (positive(inputScale) && finite(inputScale)),
    '"absMax", "none" or a number above 0',
  );
  require("boundManagement", boundManagement === "iterative" || boundManagement === "none", '"iterative" or "none"');
  require("doublings", Number.isInteger(doublings) && doublings >= 0, "an integer of at least 0");
  require("inputBound", positive(inputBound), "a number above 0");
  require("inputResolution", finite(inputResolution), "a finite number of at least 0");
  require("outputBound", positive(outputBound), "a number above 0");
  require("outputResolution", finite(outputResolution), "a finite number of at least 0");
  require("outputNoise", finite(outputNoise), "a finite number of at least 0");
  require("outputScale", Number.isFinite(outputScale), "a finite number");
  require("seed", Number.isInteger(seed), "an integer");
  require("draw", typeof draw === "function", "a function");
  return {
    inputScale,
    boundManagement,
    doublings,
    inputBound,
    inputResolution,
    outputBound,
    outputResolution,
    outputNoise,
    outputScale,
    seed,
    draw,
  };
}
