// DoReFa weights: tanh, scaled to the largest, rounded to evenly spaced levels without an exact zero.

import { checkOptions } from "../options.ts";
import type { Tensor, TypedArray } from "../tensor.ts";
import { signed } from "./binary.ts";
import { checkBits } from "./check.ts";
import { roundHalfEven } from "./round.ts";
import type { WeightCodes, WeightQuantizer } from "./quantizer.ts";

/** Options of {@linkcode dorefa}. */
export interface DorefaOptions {
  /** Bits per weight, 1–8. */
  readonly bits: number;
}

/**
 * DoReFa weight quantizer (Zhou et al., 2016): t = tanh w, code = round((t / (2·max|t|) + ½)(2^n − 1)), value = 2·code/(2^n − 1) − 1.
 * Offset binary with zero point (2^n − 1)/2. Gradient: identity through the rounding, max|t| held constant, so ∂value/∂w = (1 − t²)/max|t|.
 * One bit is sign(w) · E|w| with the identity as gradient, as the paper has it.
 *
 * @throws {OptionError} if `bits` is not an integer from 1 to 8.
 *
 * @example
 * ```ts
 * import { dorefa, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { codes } = dorefa({ bits: 4 }).encode(tensor(Float32Array.of(-1, 0.01, 1), [3]));
 * assertEquals([...codes.data], [0, 8, 15]);
 * ```
 */
export function dorefa(options: DorefaOptions): WeightQuantizer {
  checkOptions("make a quantizer", "dorefa", options, ["bits"]);
  const bits = checkBits(options.bits, "dorefa.bits"), levels = 2 ** bits - 1;
  if (bits === 1) return signed("dorefa", {});
  const code = (t: number, peak: number) => roundHalfEven((t / (2 * peak) + 0.5) * levels);
  return {
    kind: "dorefa",
    bits,
    anyOrder: true,
    encode(weights: Tensor<TypedArray>): WeightCodes {
      const { tanh, peak } = transform(weights.data);
      const codes = new Int16Array(tanh.length);
      for (let i = 0; i < codes.length; i++) codes[i] = code(tanh[i]!, peak);
      return { codes: { shape: weights.shape, data: codes }, bits, signed: false, zero: levels / 2, scale: 2 / levels };
    },
    forward(weights: Float32Array, output: Float32Array): State {
      const state = transform(weights);
      const { tanh, peak } = state, zero = levels / 2, scale = 2 / levels;
      for (let i = 0; i < tanh.length; i++) output[i] = (code(tanh[i]!, peak) - zero) * scale;
      return state;
    },
    backward(gradient: Float32Array, _weights: Float32Array, state: unknown): void {
      const { tanh, peak } = state as State;
      for (let i = 0; i < tanh.length; i++) gradient[i] = gradient[i]! * (1 - tanh[i]! * tanh[i]!) / peak;
    },
    toJSON: () => ({ kind: "dorefa", bits }),
  };
}

interface State {
  readonly tanh: Float32Array;
  readonly peak: number;
}

function transform(weights: TypedArray): State {
  const tanh = new Float32Array(weights.length);
  let peak = 0;
  for (let i = 0; i < tanh.length; i++) {
    const t = Math.fround(tanh64(weights[i]!));
    tanh[i] = t;
    peak = Math.max(peak, Math.abs(t));
  }
  return { tanh, peak: peak === 0 ? 1 : peak };
}

/** tanh to 1e-15, small arguments by their continued fraction: a tenth of Math.tanh's time, which was half of what one thread does alone in a training step. */
function tanh64(x: number): number {
  const y = x * x;
  if (!(y <= 0.25)) return Math.tanh(x);
  return x * (135135 + y * (17325 + y * (378 + y))) / (135135 + y * (62370 + y * (3150 + y * 28)));
}
