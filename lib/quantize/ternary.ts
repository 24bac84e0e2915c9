// Ternary weights: small ones become 0, the others the sign times their mean magnitude.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { checkPositive } from "./check.ts";
import { measured } from "./measured.ts";
import type { WeightQuantizer } from "./quantizer.ts";
import { meanMagnitude } from "./stepped.ts";

/** Options of {@linkcode ternary}. */
export interface TernaryOptions {
  /** Bits per weight: 2, of which three codes are used. */
  readonly bits?: number;
  /** Levels per output channel instead of for the tensor; default false. */
  readonly perChannel?: boolean;
  /** Threshold as a multiple of the mean magnitude; default 0.7. */
  readonly threshold?: number;
}

/**
 * Ternary weight quantizer (Li & Liu, Ternary weight networks, 2016): 0 where |w| ≤ Δ = 0.7·E|w|, else sign(w) times the mean magnitude of those beyond Δ.
 * Codes −1, 0, 1. Gradient: identity, Δ and the mean held constant.
 *
 * @throws {OptionError} if an option is unknown or of the wrong sort.
 *
 * @example
 * ```ts
 * import { decodeWeights, tensor, ternary } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const codes = ternary().encode(tensor(Float32Array.of(-3, 0.25, 1), [3]));
 * assertEquals([...decodeWeights(codes).data], [-2, 0, 2]);
 * ```
 */
export function ternary(options: TernaryOptions = {}): WeightQuantizer {
  checkOptions("make a quantizer", "ternary", options, ["bits", "perChannel", "threshold"]);
  if (options.bits !== undefined && options.bits !== 2) {
    throw new OptionError("make a quantizer", { where: "ternary.bits", got: options.bits, wanted: "2" });
  }
  const { threshold = 0.7, perChannel } = options;
  checkPositive(threshold, "ternary.threshold");
  return measured("ternary", { bits: 2, signed: true, zero: 0, perChannel }, (weights) => {
    const delta = threshold * meanMagnitude(weights);
    let sum = 0, count = 0;
    for (let i = 0; i < weights.length; i++) {
      const magnitude = Math.abs(weights[i]!);
      if (magnitude <= delta) continue;
      sum += magnitude;
      count++;
    }
    return { unit: Math.fround(sum / Math.max(1, count)), code: (weight) => Math.abs(weight) > delta ? Math.sign(weight) : 0 };
  }, options.threshold === undefined ? {} : { threshold });
}
