// Plain symmetric uniform weights: the range is the largest magnitude. The choice for 8-bit first and last layers.

import { checkOptions } from "../options.ts";
import type { Tensor, TypedArray } from "../tensor.ts";
import { checkBits } from "./check.ts";
import { roundHalfEven } from "./round.ts";
import type { WeightCodes, WeightQuantizer } from "./quantizer.ts";

/** Options of {@linkcode uniform}. */
export interface UniformOptions {
  /** Bits per weight, 2–8; codes are −(2^(bits−1) − 1) … 2^(bits−1) − 1. */
  readonly bits: number;
}

/**
 * Symmetric uniform weight quantizer: scale = max|w| / (2^(n−1) − 1), code = round(w / scale), zero = 0. Gradient: identity.
 *
 * @throws {OptionError} if `bits` is not an integer from 2 to 8.
 *
 * @example
 * ```ts
 * import { tensor, uniform } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { codes } = uniform({ bits: 8 }).encode(tensor(Float32Array.of(-0.5, 0.25, 0.5), [3]));
 * assertEquals([...codes.data], [-127, 64, 127]);
 * ```
 */
export function uniform(options: UniformOptions): WeightQuantizer {
  checkOptions("make a quantizer", "uniform", options, ["bits"]);
  const bits = checkBits(options.bits, "uniform.bits", 2), levels = 2 ** (bits - 1) - 1;
  const scaleOf = (weights: TypedArray) => {
    let peak = 0;
    for (let i = 0; i < weights.length; i++) peak = Math.max(peak, Math.abs(weights[i]!));
    return Math.fround((peak === 0 ? 1 : peak) / levels);
  };
  return {
    kind: "uniform",
    bits,
    anyOrder: true,
    encode(weights: Tensor<TypedArray>): WeightCodes {
      const { data } = weights, scale = scaleOf(data), codes = new Int16Array(data.length);
      for (let i = 0; i < codes.length; i++) codes[i] = roundHalfEven(data[i]! / scale);
      return { codes: { shape: weights.shape, data: codes }, bits, signed: true, zero: 0, scale };
    },
    forward(weights: Float32Array, output: Float32Array): undefined {
      const scale = scaleOf(weights);
      for (let i = 0; i < weights.length; i++) output[i] = roundHalfEven(weights[i]! / scale) * scale;
    },
    backward(): void {},
    toJSON: () => ({ kind: "uniform", bits }),
  };
}
