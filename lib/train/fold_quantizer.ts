// A weight quantizer behind a factor per output channel: the batch norm's share of the weights, rounded with them.

import type { Learned, WeightCodes, WeightContext, WeightQuantizer } from "../quantize/quantizer.ts";
import { type Tensor, tensor, type TypedArray } from "../tensor.ts";

/** Factors of a layer's output channels, `[out]`, read at every forward pass; and ∂loss/∂factor, written by every backward pass. */
export interface FoldFactors {
  /** Before the rounding. */
  readonly before: Float64Array;
  /** After it. */
  readonly after: Float64Array;
  /** ∂loss/∂before. */
  readonly beforeGradient: Float64Array;
  /** ∂loss/∂after. */
  readonly afterGradient: Float64Array;
}

/** Factors of 1. */
export function foldFactors(channels: number): FoldFactors {
  const make = () => new Float64Array(channels);
  return { before: make().fill(1), after: make().fill(1), beforeGradient: make(), afterGradient: make() };
}

/**
 * value = Q(w · before) · after per output channel, gradients by the chain rule through Q's own.
 *
 * @param base Q; undefined leaves floats as they are.
 * @param running Factors before the rounding in evaluation, with which codes are made.
 */
export function foldingQuantizer(
  base: WeightQuantizer | undefined,
  factors: FoldFactors,
  running: () => ArrayLike<number>,
): WeightQuantizer {
  const { before, after, beforeGradient, afterGradient } = factors;
  const folded = ({ data, shape }: Tensor<TypedArray>) => tensor(scaled(data, running(), new Float32Array(data.length)), shape);
  let inner: unknown, weights = new Float32Array(0), rounded = new Float32Array(0);
  return {
    kind: base?.kind ?? "none",
    bits: base?.bits ?? 32,
    ...(base?.learned === undefined ? {} : { learned: (from: Tensor<TypedArray>) => base.learned!(folded(from)) }),
    encode(from: Tensor<TypedArray>, learned?: Learned): WeightCodes {
      if (base === undefined) throw new TypeError("encode weights: got a layer in floats, wanted a weight quantizer");
      return base.encode(folded(from), learned);
    },
    forward(latent: Float32Array, output: Float32Array, context?: WeightContext): undefined {
      if (weights.length !== latent.length) [weights, rounded] = [new Float32Array(latent.length), new Float32Array(latent.length)];
      scaled(latent, before, weights);
      if (base === undefined) rounded.set(weights);
      else inner = base.forward(weights, rounded, context);
      scaled(rounded, after, output);
    },
    backward(gradient: Float32Array, latent: Float32Array, _state: unknown, learned?: Learned): void {
      products(gradient, rounded, afterGradient);
      scaled(gradient, after, gradient);
      base?.backward(gradient, weights, inner, learned);
      products(gradient, latent, beforeGradient);
      scaled(gradient, before, gradient);
    },
    toJSON: () => base?.toJSON() ?? { kind: "none", bits: 32 },
  };
}

/** Products with one factor per output channel, rounded once. */
function scaled(from: TypedArray, factors: ArrayLike<number>, to: Float32Array): Float32Array {
  const each = from.length / factors.length;
  for (let out = 0, at = 0; out < factors.length; out++) {
    const factor = factors[out]!;
    for (const end = (out + 1) * each; at < end; at++) to[at] = from[at]! * factor;
  }
  return to;
}

/** Inner products of output channels. */
function products(a: Float32Array, b: Float32Array, to: Float64Array): void {
  const each = a.length / to.length;
  for (let out = 0, at = 0; out < to.length; out++) {
    let sum = 0;
    for (const end = (out + 1) * each; at < end; at++) sum += a[at]! * b[at]!;
    to[out] = sum;
  }
}
