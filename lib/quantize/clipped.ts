// What all activation quantizers here have in common: codes of a ReLU clipped at α. Methods differ in how α starts and learns.

import { checkPositive } from "./check.ts";
import { roundHalfEven } from "./round.ts";
import type { ActivationGradient, ActivationQuantizer } from "./quantizer.ts";

/** Options that every activation quantizer has. */
export interface ClippedOptions {
  /** Bits per activation, 1–8. */
  readonly bits: number;
  /** Starting value of the clipping level α; default 8. A training recipe can take it from data instead. */
  readonly alpha?: number;
}

/** Makes a quantizer with codes round(clip(x, 0, α) · (2^bits − 1) / α), value = code · α / (2^bits − 1). */
export function clippedActivations(
  kind: string,
  { bits, alpha = 8 }: ClippedOptions,
  rules: {
    readonly start: (sample: Float32Array) => number;
    readonly gradient?: ActivationGradient;
    readonly json?: Record<string, unknown>;
  },
): ActivationQuantizer {
  const levels = 2 ** bits - 1, { start, gradient, json } = rules;
  return {
    kind,
    bits,
    alpha: checkPositive(alpha, `${kind}.alpha`),
    codes: (clip) => ({ bits, step: clip / levels }),
    // In f32 and with one multiplication, as the training kernels compute it: the two must agree to the last code.
    encode(value, clip) {
      const top = Math.fround(clip), inside = Math.min(Math.max(Math.fround(value), 0), top);
      return roundHalfEven(Math.fround(inside * Math.fround(levels / top)));
    },
    start,
    ...(gradient === undefined ? {} : { gradient }),
    toJSON: () => ({ kind, bits, ...json }),
  };
}
