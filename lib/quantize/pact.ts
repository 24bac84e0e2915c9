// PACT activations: ReLU clipped at a trained level α, rounded to evenly spaced codes.

import { checkOptions } from "../options.ts";
import { checkBits } from "./check.ts";
import { clippedActivations } from "./clipped.ts";
import type { ActivationQuantizer } from "./quantizer.ts";

/** Options of {@linkcode pact} and {@linkcode pactPlus}. */
export interface PactOptions {
  /** Bits per activation, 1–8. */
  readonly bits: number;
  /** Starting value of the clipping level α. Default 8; the paper's example code starts at 10. */
  readonly alpha?: number;
}

/**
 * PACT activation quantizer (Choi et al., 2018): code = round(clip(x, 0, α)·(2^a − 1)/α), value = code·α/(2^a − 1).
 * Gradients: ∂/∂x = 1 for 0 ≤ x ≤ α, else 0; ∂/∂α = 1 where x ≥ α, else 0. α is trained with an L2 term. From data it starts at the 99.9th
 * percentile of the layer's outputs.
 *
 * @throws {OptionError} if `bits` is not an integer from 1 to 8 or `alpha` is not positive.
 *
 * @example
 * ```ts
 * import { pact } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const quantizer = pact({ bits: 4 });
 * assertEquals([-1, 0.5, 1.5, 9].map((x) => quantizer.encode(x, 3)), [0, 2, 8, 15]);
 * ```
 */
export function pact(options: PactOptions): ActivationQuantizer {
  checkOptions("make a quantizer", "pact", options, ["bits", "alpha"]);
  checkBits(options.bits, "pact.bits");
  return clippedActivations("pact", options, { start: (sample) => high(sample, 0.999) });
}

/**
 * PACT with the rounding's share of ∂/∂α (PACT+): inside the range it adds (round z − z) / (2^a − 1), z = x·(2^a − 1)/α, so that α also learns from the
 * values it does not clip. Everything else is {@linkcode pact}'s.
 *
 * @throws {OptionError} if `bits` is not an integer from 1 to 8 or `alpha` is not positive.
 */
export function pactPlus(options: PactOptions): ActivationQuantizer {
  checkOptions("make a quantizer", "pactPlus", options, ["bits", "alpha"]);
  checkBits(options.bits, "pactPlus.bits");
  return clippedActivations("pactPlus", options, { start: (sample) => high(sample, 0.999), gradient: { rounding: true } });
}

/** The value below which a share of the sample lies. */
function high(sample: Float32Array, share: number): number {
  return sample.toSorted()[Math.min(sample.length - 1, Math.floor(share * sample.length))] ?? 0;
}
