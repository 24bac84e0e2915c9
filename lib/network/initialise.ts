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
 * Weight i of layer `index` is drawn as `normal(seed, index, i)`.
 */
export function initialParameters(layer: Layer, input: Shape, seed: number, index: number): Record<string, Tensor> {
  const parameters: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(parameterShapes(layer, input))) {
    const data = new Float32Array(elements(shape));
    if (layer.op === "batchNorm") {
      if (name.endsWith(".weight") || name.endsWith(".variance")) data.fill(1);
    } else if (name.endsWith(".weight")) {
      const fan = layer.op === "conv" ? (layer.kernel[0] * layer.kernel[1] * layer.channels) / layer.groups : input[2];
      const deviation = Math.sqrt(2 / fan);
      for (let i = 0; i < data.length; i++) data[i] = deviation * normal(seed, index, i);
    }
    parameters[name] = tensor(data, shape);
  }
  return parameters;
}
