// LSQ: the step is learned through the rounding, for weights and for activations.

import { checkOptions } from "../options.ts";
import { checkBits } from "./check.ts";
import { clippedActivations, type ClippedOptions } from "./clipped.ts";
import type { ActivationGradient, ActivationQuantizer, WeightQuantizer } from "./quantizer.ts";
import { meanMagnitude, stepped, type SteppedOptions } from "./stepped.ts";

/** Options of {@linkcode lsq}. */
export type LsqOptions = SteppedOptions;

/** Options of {@linkcode lsqActivations}. */
export type LsqActivationOptions = ClippedOptions;

/**
 * LSQ weight quantizer (Esser et al., 2020): value = s · round(clip(v/s, Q_n, Q_p)) with a learned step s, kept as `<layer>.weight.scale`.
 * Gradients: ∂/∂v = 1 for Q_n < v/s < Q_p, else 0; ∂/∂s = round(v/s) − v/s inside, Q_n below, Q_p above, times 1/sqrt(n · Q_p) with n the weights that
 * share s. It starts at 2E|v|/sqrt(Q_p) and stays positive.
 *
 * @throws {OptionError} if an option is unknown or of the wrong sort, or `bits` not an integer from 2 to 8.
 *
 * @example
 * ```ts
 * import { lsq, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const weights = tensor(Float32Array.of(-9, -0.5, 0.6, 3.6), [4]);
 * assertEquals([...lsq({ bits: 3 }).encode(weights, { scale: Float32Array.of(1) }).codes.data], [-4, 0, 1, 3]);
 * ```
 */
export function lsq(options: LsqOptions): WeightQuantizer {
  checkOptions("make a quantizer", "lsq", options, ["bits", "perChannel"]);
  return stepped("lsq", options, { start: (weights, _, high) => 2 * meanMagnitude(weights) / Math.sqrt(high) });
}

/**
 * LSQ for activations, learned as the clipping level α = s · Q_p that the network keeps: ∂/∂α is that of α·round(x·Q_p/α)/Q_p, including the rounding's
 * share inside the range. LSQ's factor 1/sqrt(n · Q_p) on ∂/∂s (n features per image) becomes Q_p²/sqrt(n · Q_p) on ∂/∂α, which moves α as LSQ moves s.
 * From data, α starts at 2E|v|·sqrt(Q_p).
 *
 * @throws {OptionError} if `bits` is not an integer from 1 to 8 or `alpha` is not positive.
 */
export function lsqActivations(options: LsqActivationOptions): ActivationQuantizer {
  checkOptions("make a quantizer", "lsqActivations", options, ["bits", "alpha"]);
  const levels = 2 ** checkBits(options.bits, "lsqActivations.bits") - 1;
  return clippedActivations("lsq", options, {
    start: (sample) => 2 * meanMagnitude(sample) * Math.sqrt(levels),
    gradient: lsqGradient(levels),
  });
}

/** How LSQ's α learns. */
export function lsqGradient(levels: number): ActivationGradient {
  return { rounding: true, scale: (features) => levels ** 2 / Math.sqrt(features * levels) };
}
