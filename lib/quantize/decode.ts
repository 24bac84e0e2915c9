// Integer codes back to real weights: the one definition that training, files and lowering share.

import { type Tensor, tensor } from "../tensor.ts";
import type { WeightCodes } from "./quantizer.ts";

/**
 * Real values of codes: (code − zero) · scale, times the channel's factor where there is one; computed in f64 and rounded to f32 once.
 *
 * @example
 * ```ts
 * import { decodeWeights, dorefa, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const codes = dorefa({ bits: 2 }).encode(tensor(Float32Array.of(-2, 2), [2]));
 * assertEquals([...decodeWeights(codes).data], [-1, 1]);
 * ```
 */
export function decodeWeights(codes: Pick<WeightCodes, "codes" | "zero" | "scale" | "scales">): Tensor {
  const { codes: { data, shape }, zero, scale, scales } = codes, values = new Float32Array(data.length);
  // Plain loops: from(array, map) would go through a list of every weight.
  if (scales === undefined) {
    for (let at = 0; at < data.length; at++) values[at] = (data[at]! - zero) * scale;
  } else {
    const each = data.length / scales.length;
    for (let out = 0, at = 0; out < scales.length; out++) {
      for (const end = at + each; at < end; at++) values[at] = (data[at]! - zero) * scale * scales[out]!;
    }
  }
  return tensor(values, shape);
}
