// Weights with a learned step: evenly spaced signed codes, one step for the tensor or one per output channel. Each method adds its rules.

import { elements, type Tensor, type TypedArray } from "../tensor.ts";
import { checkBits, checkSwitch } from "./check.ts";
import { roundSmall } from "./round.ts";
import type { Learned, SoftSlope, WeightCodes, WeightContext, WeightQuantizer } from "./quantizer.ts";

/** Options that every quantizer with a learned step has. */
export interface SteppedOptions {
  /** Bits per weight, 2–8; codes are −2^(bits−1) … 2^(bits−1) − 1. */
  readonly bits: number;
  /** One step per output channel instead of one for the tensor; default false. */
  readonly perChannel?: boolean;
}

/** How a step starts and learns. `weights` are those that share the step, `low` and `high` the codes' limits. */
export interface StepRules {
  /** First value of the step. */
  start(weights: ArrayLike<number>, low: number, high: number): number;
  /** Stands for LSQ's ∂L/∂step. */
  simulated?(weights: Float32Array, step: number, low: number, high: number): number;
  /** Slope of the rounding in the backward pass; default 1 everywhere. */
  soft?(weights: Float32Array, step: number, low: number, high: number): SoftSlope;
}

/** Straight-through slope. */
const STRAIGHT: SoftSlope = { gain: 1, sharpness: 0 };

/**
 * Makes a quantizer with value = s · round(clip(v/s, Q_n, Q_p)). With f the slope of the rounding (1 unless the rules say otherwise): ∂/∂v = f inside the
 * range, 0 outside; ∂/∂s = round(v/s) − f · v/s inside, Q_n below, Q_p above, times 1/sqrt(n · Q_p) with n the weights that share the step.
 */
export function stepped(kind: string, options: SteppedOptions, rules: StepRules, json: Record<string, unknown> = {}): WeightQuantizer {
  const bits = checkBits(options.bits, `${kind}.bits`, 2), perChannel = checkSwitch(options.perChannel, `${kind}.perChannel`, false);
  const low = -(2 ** (bits - 1)), high = 2 ** (bits - 1) - 1;
  const codeOf = (weight: number, step: number) => roundSmall(Math.min(Math.max(weight / step, low), high));

  const learned = ({ data, shape }: Tensor<TypedArray>): { readonly scale: Float32Array } => {
    const count = perChannel ? shape[0] ?? 1 : 1, each = elements(shape) / count;
    const scale = Float32Array.from({ length: count }, (_, out) => {
      const step = Math.fround(rules.start(data.subarray(out * each, (out + 1) * each), low, high));
      return step > 0 && Number.isFinite(step) ? step : 1;
    });
    return { scale };
  };
  return {
    kind,
    bits,
    learned,
    encode(weights: Tensor<TypedArray>, given?: Learned): WeightCodes {
      const scale = given?.["scale"] ?? learned(weights).scale, { data } = weights, codes = new Int16Array(data.length);
      const each = data.length / scale.length;
      for (let out = 0, at = 0; out < scale.length; out++) {
        for (const end = (out + 1) * each; at < end; at++) codes[at] = codeOf(data[at]!, scale[out]!);
      }
      const base = { codes: { shape: weights.shape, data: codes }, bits, signed: true, zero: 0 };
      return perChannel ? { ...base, scale: 1, scales: Float32Array.from(scale) } : { ...base, scale: scale[0]! };
    },
    forward(weights: Float32Array, output: Float32Array, context?: WeightContext): Float32Array {
      const scale = context?.learned["scale"] ?? learned({ data: weights, shape: context?.shape ?? [weights.length] }).scale;
      const each = weights.length / scale.length;
      for (let out = 0, at = 0; out < scale.length; out++) {
        const step = scale[out]!;
        for (const end = (out + 1) * each; at < end; at++) output[at] = codeOf(weights[at]!, step) * step;
      }
      return scale;
    },
    backward(gradient: Float32Array, weights: Float32Array, state: unknown, into?: Learned): void {
      const scale = state as Float32Array, each = weights.length / scale.length, slopes = into?.["scale"];
      for (let out = 0; out < scale.length; out++) {
        const step = scale[out]!, own = weights.subarray(out * each, (out + 1) * each);
        const { gain, sharpness } = rules.soft?.(own, step, low, high) ?? STRAIGHT;
        let sum = 0;
        for (let i = 0; i < each; i++) {
          const at = out * each + i, v = own[i]! / step, g = gradient[at]!;
          if (v <= low || v >= high) {
            sum += g * (v <= low ? low : high);
            gradient[at] = 0;
            continue;
          }
          const place = v - Math.floor(v) - 0.5, slope = gain / (1 + sharpness * place * place);
          sum += g * (roundSmall(v) - slope * v);
          gradient[at] = g * slope;
        }
        if (slopes !== undefined) slopes[out] = rules.simulated?.(own, step, low, high) ?? sum / Math.sqrt(each * high);
      }
    },
    toJSON: () => ({ kind, bits, ...(perChannel ? { perChannel } : {}), ...json }),
  };
}

/** Mean magnitude. */
export function meanMagnitude(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!);
  return values.length === 0 ? 0 : sum / values.length;
}

/** Mean and standard deviation (of the population). */
export function moments(values: ArrayLike<number>): { readonly mean: number; readonly deviation: number } {
  let sum = 0, squares = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / Math.max(1, values.length);
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / Math.max(1, values.length)) };
}
