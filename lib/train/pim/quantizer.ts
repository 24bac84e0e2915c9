// A weight quantizer times η: the factor of a layer's output folds into the scale of its codes, so that networks need no field for it.

import type { Tensor, TypedArray } from "../../tensor.ts";
import type { Learned, WeightCodes, WeightContext, WeightQuantizer } from "../../quantize/quantizer.ts";

/**
 * Multiplies values by η, and gradients with them.
 *
 * @param eta Read at every forward pass and encoding.
 */
export function scaledQuantizer(base: WeightQuantizer, eta: () => number): WeightQuantizer {
  return {
    ...base,
    encode(weights: Tensor<TypedArray>, learned?: Learned): WeightCodes {
      const codes = base.encode(weights, learned);
      return { ...codes, scale: codes.scale * eta() };
    },
    forward(weights: Float32Array, output: Float32Array, context?: WeightContext): State {
      const state = base.forward(weights, output, context), factor = eta();
      if (factor !== 1) { for (let at = 0; at < output.length; at++) output[at] = output[at]! * factor; }
      return { state, factor };
    },
    backward(gradient: Float32Array, weights: Float32Array, state: unknown, learned?: Learned): void {
      const { state: inner, factor } = state as State;
      if (factor !== 1) { for (let at = 0; at < gradient.length; at++) gradient[at] = gradient[at]! * factor; }
      base.backward(gradient, weights, inner, learned);
    },
  };
}

interface State {
  readonly state: unknown;
  readonly factor: number;
}
