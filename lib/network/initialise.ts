// Starting values of parameters, as a function of a seed and the layer's place, so that a run can be repeated anywhere.

import { normal } from "../random.ts";
import { elements, type Tensor, tensor } from "../tensor.ts";
import type { Layer, Shape } from "./graph.ts";
import { parameterShapes } from "./validate.ts";

/**
 * Initial parameters of one layer, by full name.
 *
 * Conv weights are N(0, 2 / (kernel height · kernel width · out / groups)), linear weights N(0, 2 / in)
 * (He et al., Delving Deep into Rectifiers, 2015: fan-out and fan-in); biases are 0; batch norm starts at weight 1, bias 0, mean 0, variance 1.
 * Weight i of layer `index` is drawn as `normal(seed, index, i)`. Weights are drawn when their `data` is first read: a network of millions of
 * weights that is only mapped or counted costs nothing.
 */
export function initialParameters(layer: Layer, input: Shape, seed: number, index: number): Record<string, Tensor> {
  const parameters: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(parameterShapes(layer, input))) {
    if (layer.op !== "batchNorm" && name.endsWith(".weight")) {
      const fan = layer.op === "conv" ? (layer.kernel[0] * layer.kernel[1] * layer.channels) / layer.groups : input[2];
      parameters[name] = drawn(shape, Math.sqrt(2 / fan), seed, index);
      continue;
    }
    const data = new Float32Array(elements(shape));
    if (name.endsWith(".weight") || name.endsWith(".variance")) data.fill(1);
    parameters[name] = tensor(data, shape);
  }
  return parameters;
}

/** A tensor of normal draws that are made, once, when `data` is first read. */
function drawn(shape: readonly number[], deviation: number, seed: number, index: number): Tensor {
  let data: Float32Array | undefined;
  return {
    shape,
    get data() {
      if (data === undefined) {
        data = new Float32Array(elements(shape));
        for (let i = 0; i < data.length; i++) data[i] = deviation * normal(seed, index, i);
      }
      return data;
    },
  };
}
