// PACT activations: ReLU clipped at a trained level α, rounded to evenly spaced codes.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { checkBits } from "./dorefa.ts";
import { roundHalfEven } from "./round.ts";
import type { ActivationQuantizer } from "./quantizer.ts";

/** Options of {@linkcode pact}. */
export interface PactOptions {
  /** Bits per activation, 1–8. */
  readonly bits: number;
  /** Starting value of the clipping level α. Default 8; the paper's example code starts at 10. */
  readonly alpha?: number;
}

/**
 * PACT activation quantizer (Choi et al., 2018): code = round(clip(x, 0, α)·(2^a − 1)/α), value = code·α/(2^a − 1).
 * Gradients: ∂/∂x = 1 for 0 ≤ x ≤ α, else 0; ∂/∂α = 1 where x ≥ α, else 0. α is trained with an L2 term.
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
  const bits = checkBits(options.bits, "pact.bits"), alpha = options.alpha ?? 8, levels = 2 ** bits - 1;
  if (!(alpha > 0 && Number.isFinite(alpha))) {
    throw new OptionError("make a quantizer", { where: "pact.alpha", got: alpha, wanted: "a positive number" });
  }
  return {
    kind: "pact",
    bits,
    alpha,
    codes: (clip) => ({ bits, step: clip / levels }),
    // In f32 and with one multiplication, as the training kernels compute it: the two must agree to the last code.
    encode(value, clip) {
      const top = Math.fround(clip), inside = Math.min(Math.max(Math.fround(value), 0), top);
      return roundHalfEven(Math.fround(inside * Math.fround(levels / top)));
    },
    toJSON: () => ({ kind: "pact", bits }),
  };
}
