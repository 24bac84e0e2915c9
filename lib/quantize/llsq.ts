// LLSQ: the step follows the quantisation error of the values themselves, not the loss.

import { checkOptions } from "../options.ts";
import { checkBits } from "./check.ts";
import { clippedActivations, type ClippedOptions } from "./clipped.ts";
import { bestStep, stepDirection } from "./quantization_error.ts";
import type { ActivationQuantizer, WeightQuantizer } from "./quantizer.ts";
import { stepped, type SteppedOptions } from "./stepped.ts";

/** Options of {@linkcode llsq}. */
export type LlsqOptions = SteppedOptions;

/** Options of {@linkcode llsqActivations}. */
export type LlsqActivationOptions = ClippedOptions;

/**
 * LLSQ weight quantizer (Zhao et al., 2020): value = s · clip(round(v/s)) with the simulated gradient ∂L/∂s = +s² (shrink), −s² (grow) or 0 (keep), as the
 * mean squared errors at s/2, s and 2s say. ∂/∂v = 1 inside the range, else 0. Starting at the step of least error is our choice.
 *
 * @throws {OptionError} if an option is unknown or of the wrong sort, or `bits` not an integer from 2 to 8.
 */
export function llsq(options: LlsqOptions): WeightQuantizer {
  checkOptions("make a quantizer", "llsq", options, ["bits", "perChannel"]);
  return stepped("llsq", options, {
    start: bestStep,
    simulated: (weights, step, low, high) => stepDirection(weights, step, low, high) * step * step,
  });
}

/**
 * LLSQ for activations: the errors are those of a sample of the layer's inputs at each step, and the gradient ±s² of the step is handed to the clipping level
 * α = s · (2^bits − 1) that the network keeps.
 *
 * @throws {OptionError} if `bits` is not an integer from 1 to 8 or `alpha` is not positive.
 */
export function llsqActivations(options: LlsqActivationOptions): ActivationQuantizer {
  checkOptions("make a quantizer", "llsqActivations", options, ["bits", "alpha"]);
  const levels = 2 ** checkBits(options.bits, "llsqActivations.bits") - 1;
  return clippedActivations("llsq", options, {
    start: (sample) => levels * bestStep(sample, 0, levels),
    gradient: { simulated: simulatedAlpha(levels) },
  });
}

/** The simulated gradient of s as one of α: levels · (± s²), which moves α = levels · s as ± s² moves s. */
export function simulatedAlpha(levels: number): (sample: Float32Array, alpha: number) => number {
  return (sample, alpha) => levels * stepDirection(sample, alpha / levels, 0, levels) * (alpha / levels) ** 2;
}
