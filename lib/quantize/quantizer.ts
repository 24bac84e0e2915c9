// What a quantizer is: one object used twice, differentiable in training and exact integer codes in simulation.

import type { Tensor, TypedArray } from "../tensor.ts";

/** Integer weights: real value = (code − zero) · scale. `zero` may be a half-integer (offset binary without an exact zero). */
export interface WeightCodes {
  /** Codes in the shape of the weights. Unsigned quantizers use 0 … 2^bits − 1, signed ones −2^(bits−1) … 2^(bits−1) − 1. */
  readonly codes: Tensor<Int16Array>;
  /** Bits per code. */
  readonly bits: number;
  /** Whether codes are signed. */
  readonly signed: boolean;
  /** Code that stands for 0. */
  readonly zero: number;
  /** Real value of one code step. */
  readonly scale: number;
}

/** Integer activations: real value = code · step, codes 0 … 2^bits − 1. */
export interface ActivationCodes {
  /** Bits per code. */
  readonly bits: number;
  /** Real value of one code step. */
  readonly step: number;
}

/** Turns weights into codes, and into fake-quantised weights with their gradient for training. */
export interface WeightQuantizer {
  /** Name of the method, as written to files. */
  readonly kind: string;
  /** Bits per code. */
  readonly bits: number;
  /** Exact integer codes of weights. */
  encode(weights: Tensor<TypedArray>): WeightCodes;
  /** Writes (code − zero) · scale of each weight to `output` and returns what `backward` needs. */
  forward(weights: Float32Array, output: Float32Array): unknown;
  /** Turns ∂L/∂output, in place, into ∂L/∂weights. */
  backward(gradient: Float32Array, weights: Float32Array, state: unknown): void;
  /** Plain description, written to files and printed configurations. */
  toJSON(): { readonly kind: string; readonly bits: number };
}

/** Turns non-negative activations into codes. α, the clipping level, is a parameter of the network: `<relu name>.alpha`. */
export interface ActivationQuantizer {
  /** Name of the method, as written to files. */
  readonly kind: string;
  /** Bits per code. */
  readonly bits: number;
  /** Starting value of α. */
  readonly alpha: number;
  /** Codes' step for a trained (or calibrated) α. */
  codes(alpha: number): ActivationCodes;
  /** Code of one real value, round half to even; the definition every other path must agree with. */
  encode(value: number, alpha: number): number;
  /** Plain description, written to files and printed configurations. */
  toJSON(): { readonly kind: string; readonly bits: number };
}
