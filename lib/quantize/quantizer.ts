// What a quantizer is: one object used twice, differentiable in training and exact integer codes in simulation.

import type { Tensor, TypedArray } from "../tensor.ts";

/**
 * Integer weights: real value = (code − zero) · scale, times `scales[out]` where there are such. `zero` may be a half-integer (offset binary without
 * an exact zero).
 */
export interface WeightCodes {
  /** Codes in the shape of the weights. Unsigned quantizers use 0 … 2^bits − 1, signed ones −2^(bits−1) … 2^(bits−1) − 1. */
  readonly codes: Tensor<Int16Array>;
  /** Bits per code: of a quantizer with uneven levels, those of the even grid on which all of them lie. */
  readonly bits: number;
  /** Whether codes are signed. */
  readonly signed: boolean;
  /** Code that stands for 0. */
  readonly zero: number;
  /** Real value of one code step. */
  readonly scale: number;
  /** Factor of each output channel beside `scale`, `[out]`; absent where all are 1. */
  readonly scales?: Float32Array;
}

/** Numbers that a weight quantizer learns, all positive, by name: one element for a whole tensor or one per output channel. */
export type Learned = Readonly<Record<string, Float32Array>>;

/** What a weight quantizer may need to know of the weights beside their values. */
export interface WeightContext {
  /** Shape of the weights, output channels first. */
  readonly shape: readonly number[];
  /** Numbers learned with them. */
  readonly learned: Learned;
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
  /** Bits per weight, as the method counts them. */
  readonly bits: number;
  /**
   * Whether `forward` and `backward` give the same for weights in any order with zeros among them, so that training need not put them into the network's
   * order first. Default false. Only for quantizers that learn nothing.
   */
  readonly anyOrder?: boolean;
  /** First values of the numbers learned with the weights; absent where there are none. Training keeps them positive. */
  learned?(weights: Tensor<TypedArray>): Learned;
  /** Exact integer codes of weights. `learned` defaults to the first values for these weights. */
  encode(weights: Tensor<TypedArray>, learned?: Learned): WeightCodes;
  /** Writes the real value of each weight's code to `output` and returns what `backward` needs. `context` is given unless `anyOrder` is set. */
  forward(weights: Float32Array, output: Float32Array, context?: WeightContext): unknown;
  /** Turns ∂L/∂output, in place, into ∂L/∂weights, and writes ∂L/∂learned to `learned`. */
  backward(gradient: Float32Array, weights: Float32Array, state: unknown, learned?: Learned): void;
  /** Plain description, written to files and printed configurations; `weightQuantizer` makes the quantizer from it. */
  toJSON(): { readonly kind: string; readonly bits: number };
}

/** Soft round in the backward pass: slope of the rounding at a place r = x − ⌊x⌋ between two codes, gain / (1 + sharpness · (r − ½)²). */
export interface SoftSlope {
  /** Slope half-way between two codes. */
  readonly gain: number;
  /** κ², 0 for the same slope everywhere. */
  readonly sharpness: number;
}

/** How α and the inputs of a clipped activation learn, where that is not as PACT has it. z = x · (2^bits − 1) / α. */
export interface ActivationGradient {
  /** Whether ∂/∂α has the rounding term (round z − z · slope) / (2^bits − 1) inside the range; default false. */
  readonly rounding?: boolean;
  /** Factor of ∂/∂α, given the layer's features per image; default 1. */
  scale?(features: number): number;
  /** Stands for ∂/∂α altogether, found from a sample of the layer's clipped inputs; default none. */
  simulated?(sample: Float32Array, alpha: number): number;
  /** Slope of the rounding, found from a sample of the layer's clipped inputs; default 1 everywhere. */
  soft?(sample: Float32Array, alpha: number): SoftSlope;
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
  /** How α and inputs learn; default as PACT. */
  readonly gradient?: ActivationGradient;
  /** Starting α from a sample of the layer's outputs before quantisation; default `alpha`. */
  start?(sample: Float32Array): number;
  /** Plain description, written to files and printed configurations; `activationQuantizer` makes the quantizer from it. */
  toJSON(): { readonly kind: string; readonly bits: number };
}
