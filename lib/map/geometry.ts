// A layer's window geometry, so that conv and linear layers are one thing from mapping on.

import { ShapeError } from "../errors.ts";
import type { Conv, Linear, Shape } from "../network/graph.ts";
import { elements } from "../tensor.ts";
import type { Geometry } from "../simulate/program.ts";

/**
 * Window geometry of a conv or linear layer; a linear layer is a 1 × 1 convolution of a 1 × 1 image.
 *
 * @throws {ShapeError} if the output shape is not what the layer makes of the input shape.
 *
 * @example
 * ```ts
 * import { geometryOf } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const geometry = geometryOf({ op: "linear", name: "fc", inputs: ["flat"], features: 10, bias: true }, [1, 1, 64], [1, 1, 10]);
 * assertEquals(geometry.kernel, [1, 1]);
 * ```
 */
export function geometryOf(layer: Conv | Linear, inputShape: Shape, outputShape: Shape): Geometry {
  const geometry: Geometry = layer.op === "linear" ? { ...UNIT, groups: 1, inputShape: [1, 1, elements(inputShape)], outputShape } : {
    kernel: layer.kernel,
    stride: layer.stride,
    padding: layer.padding,
    dilation: layer.dilation,
    groups: layer.groups,
    inputShape,
    outputShape,
  };
  const extent = (axis: 0 | 1): number => {
    const { kernel, stride, padding, dilation } = geometry;
    return Math.floor((geometry.inputShape[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  };
  const wanted = [extent(0), extent(1), layer.op === "linear" ? layer.features : layer.channels];
  if (wanted.some((size, axis) => size !== outputShape[axis])) {
    throw new ShapeError("find the geometry of a layer", {
      where: layer.name,
      got: outputShape,
      wanted: `output [${wanted}] for input [${inputShape}]`,
    });
  }
  return geometry;
}

const UNIT = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;
