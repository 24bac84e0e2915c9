// Direct convolution in double precision: slow enough to be obvious, fast enough to be the oracle of everything else.

import { ShapeError } from "../errors.ts";
import { type Tensor, type TypedArray } from "../tensor.ts";
import type { Conv } from "./graph.ts";
import { windowCount } from "./shapes.ts";

/** Geometry {@linkcode convolve} reads from a {@linkcode Conv}; the kernel's size comes from the weights. */
export type ConvWindow = Pick<Conv, "stride" | "padding" | "dilation" | "groups">;

/**
 * Convolution of `[n, height, width, in]` with weights `[out, in / groups, kernel height, kernel width]`, padded with zeros: `[n, rows, columns, out]`.
 *
 * Sums are doubles over kernel row, kernel column, channel (fastest), then the bias: exact for integers up to 2⁵³.
 *
 * @throws {ShapeError} if the shapes do not fit together or the window does not fit the padded input.
 *
 * @example
 * ```ts
 * import { convolve, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const input = tensor(Int32Array.of(1, 2, 3, 4), [1, 2, 2, 1]);
 * const weight = tensor(Int32Array.of(1, 0, 0, 10), [1, 1, 2, 2]);
 * const window = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
 * assertEquals(convolve(input, weight, undefined, window).data, Float64Array.of(41));
 * ```
 */
export function convolve(
  input: Tensor<TypedArray>,
  weight: Tensor<TypedArray>,
  bias: Tensor<TypedArray> | undefined,
  { stride, padding, dilation, groups }: ConvWindow,
): Tensor<Float64Array> {
  const [batch, height, width, channels] = four("input", input.shape);
  const [outputs, depth, kernelHeight, kernelWidth] = four("weight", weight.shape);
  if (depth * groups !== channels || outputs % groups !== 0) {
    throw new ShapeError("convolve", { where: "weight", got: weight.shape, wanted: `${channels} input channels in ${groups} group(s)` });
  }
  if (bias !== undefined && bias.data.length !== outputs) {
    throw new ShapeError("convolve", { where: "bias", got: bias.shape, wanted: `[${outputs}]` });
  }
  const rows = windowCount(height, kernelHeight, stride[0], padding[0], dilation[0]);
  const columns = windowCount(width, kernelWidth, stride[1], padding[1], dilation[1]);
  if (rows < 1 || columns < 1) {
    throw new ShapeError("convolve", {
      where: "weight",
      got: weight.shape,
      wanted: `a window within the padded input [${height}, ${width}]`,
    });
  }
  const data = new Float64Array(batch * rows * columns * outputs);
  const taps = kernelHeight * kernelWidth * depth;
  const kernels = byTap(weight.data, outputs, depth, kernelHeight * kernelWidth);
  const patch = new Float64Array(taps);
  const perGroup = outputs / groups;
  for (let image = 0; image < batch; image++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const target = ((image * rows + row) * columns + column) * outputs;
        for (let group = 0; group < groups; group++) {
          let at = 0;
          for (let ky = 0; ky < kernelHeight; ky++) {
            const y = row * stride[0] - padding[0] + ky * dilation[0];
            for (let kx = 0; kx < kernelWidth; kx++) {
              const x = column * stride[1] - padding[1] + kx * dilation[1];
              if (y < 0 || y >= height || x < 0 || x >= width) {
                for (let channel = 0; channel < depth; channel++) patch[at++] = 0;
              } else {
                const source = ((image * height + y) * width + x) * channels + group * depth;
                for (let channel = 0; channel < depth; channel++) patch[at++] = input.data[source + channel]!;
              }
            }
          }
          dot(patch, kernels, group * perGroup, perGroup, data, target);
        }
        if (bias !== undefined) {
          for (let output = 0; output < outputs; output++) data[target + output]! += bias.data[output]!;
        }
      }
    }
  }
  return { shape: [batch, rows, columns, outputs], data };
}

/** output[target + o] = patch · kernels[o] for `count` kernels from `first`, four at a time so that each input is read once for four sums. */
function dot(patch: Float64Array, kernels: Float64Array, first: number, count: number, output: Float64Array, target: number): void {
  const taps = patch.length;
  const last = first + count;
  let o = first;
  for (; o + 4 <= last; o += 4) {
    const k0 = o * taps, k1 = k0 + taps, k2 = k1 + taps, k3 = k2 + taps;
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let tap = 0; tap < taps; tap++) {
      const value = patch[tap]!;
      s0 += value * kernels[k0 + tap]!;
      s1 += value * kernels[k1 + tap]!;
      s2 += value * kernels[k2 + tap]!;
      s3 += value * kernels[k3 + tap]!;
    }
    output[target + o] = s0;
    output[target + o + 1] = s1;
    output[target + o + 2] = s2;
    output[target + o + 3] = s3;
  }
  for (; o < last; o++) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) sum += patch[tap]! * kernels[o * taps + tap]!;
    output[target + o] = sum;
  }
}

/** `[out, channel, position]` to `[out, position, channel]`, as doubles. */
function byTap(weights: TypedArray, outputs: number, depth: number, positions: number): Float64Array {
  const kernels = new Float64Array(weights.length);
  for (let output = 0; output < outputs; output++) {
    const base = output * depth * positions;
    for (let channel = 0; channel < depth; channel++) {
      for (let position = 0; position < positions; position++) {
        kernels[base + position * depth + channel] = weights[base + channel * positions + position]!;
      }
    }
  }
  return kernels;
}

function four(where: string, shape: readonly number[]): [number, number, number, number] {
  if (shape.length !== 4) throw new ShapeError("convolve", { where, got: shape, wanted: "four axes" });
  return shape as unknown as [number, number, number, number];
}
