// Weight quantizers whose levels follow from the weights' own statistics at every step: nothing is learned beside the weights.

import { checkSwitch } from "./check.ts";
import type { Tensor, TypedArray } from "../tensor.ts";
import type { WeightCodes, WeightContext, WeightQuantizer } from "./quantizer.ts";

/** Levels for the weights that share them. */
export interface Levels {
  /** Real value of one code step. */
  readonly unit: number;
  /** Code of a weight. */
  code(weight: number): number;
  /** Whether the gradient passes; default everywhere. */
  passes?(weight: number): boolean;
}

/** What does not depend on the weights. */
export interface MeasuredForm {
  /** Bits per code. */
  readonly bits: number;
  /** Whether codes are signed. */
  readonly signed: boolean;
  /** Code that stands for 0. */
  readonly zero: number;
  /** Levels per output channel instead of for the tensor; default false. */
  readonly perChannel?: boolean | undefined;
}

/** Makes a quantizer with value (code − zero) · unit and the identity as gradient, where it passes. Statistics are held constant in the backward pass. */
export function measured(
  kind: string,
  form: MeasuredForm,
  measure: (weights: ArrayLike<number>) => Levels,
  json: Record<string, unknown> = {},
): WeightQuantizer {
  const { bits, signed, zero } = form, perChannel = checkSwitch(form.perChannel, `${kind}.perChannel`, false);
  const levelsOf = (data: TypedArray, shape: readonly number[]): Levels[] => {
    const count = perChannel ? shape[0] ?? 1 : 1, each = data.length / count;
    return Array.from({ length: count }, (_, out) => measure(data.subarray(out * each, (out + 1) * each)));
  };
  return {
    kind,
    bits,
    encode({ data, shape }: Tensor<TypedArray>): WeightCodes {
      const levels = levelsOf(data, shape), each = data.length / levels.length, codes = new Int16Array(data.length);
      levels.forEach(({ code }, out) => {
        for (let at = out * each; at < (out + 1) * each; at++) codes[at] = code(data[at]!);
      });
      const base = { codes: { shape, data: codes }, bits, signed, zero };
      return perChannel
        ? { ...base, scale: 1, scales: Float32Array.from(levels, ({ unit }) => unit) }
        : { ...base, scale: levels[0]!.unit };
    },
    forward(weights: Float32Array, output: Float32Array, context?: WeightContext): readonly Levels[] {
      const levels = levelsOf(weights, context?.shape ?? [weights.length]), each = weights.length / levels.length;
      levels.forEach(({ unit, code }, out) => {
        for (let at = out * each; at < (out + 1) * each; at++) output[at] = (code(weights[at]!) - zero) * unit;
      });
      return levels;
    },
    backward(gradient: Float32Array, weights: Float32Array, state: unknown): void {
      const levels = state as readonly Levels[], each = weights.length / levels.length;
      levels.forEach(({ passes }, out) => {
        if (passes === undefined) return;
        for (let at = out * each; at < (out + 1) * each; at++) if (!passes(weights[at]!)) gradient[at] = 0;
      });
    },
    toJSON: () => ({ kind, bits, ...(perChannel ? { perChannel } : {}), ...json }),
  };
}
