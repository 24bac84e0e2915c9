// One axis of a convolution: which pixels an output reads and which outputs a pixel touches. Mappings are products over two of these.

import type { Geometry } from "../simulate/program.ts";

/** One axis: output o reads pixels o · stride − padding + k · dilation, k = 0 … kernel − 1, that lie in 0 … pixels − 1. */
export interface Axis {
  /** Pixels of the image, padding not counted. */
  readonly pixels: number;
  /** Outputs. */
  readonly outputs: number;
  /** Taps of the kernel. */
  readonly kernel: number;
  /** Pixels between outputs. */
  readonly stride: number;
  /** Padding on each side. */
  readonly padding: number;
  /** Pixels between taps. */
  readonly dilation: number;
}

/** The vertical (0) or horizontal (1) axis of a geometry. */
export function axisOf({ inputShape, outputShape, kernel, stride, padding, dilation }: Geometry, axis: 0 | 1): Axis {
  return {
    pixels: inputShape[axis],
    outputs: outputShape[axis],
    kernel: kernel[axis],
    stride: stride[axis],
    padding: padding[axis],
    dilation: dilation[axis],
  };
}

/** Pixels inside the image that outputs `first` … `last` read, ascending and distinct. */
export function pixelsOf({ pixels, kernel, stride, padding, dilation }: Axis, first: number, last: number): number[] {
  const seen = new Set<number>();
  for (let output = first; output <= last; output++) {
    for (let tap = 0; tap < kernel; tap++) {
      const pixel = output * stride - padding + tap * dilation;
      if (pixel >= 0 && pixel < pixels) seen.add(pixel);
    }
  }
  return [...seen].sort((a, b) => a - b);
}

/** Outputs that read `pixel`, ascending. */
export function outputsOf({ outputs, kernel, stride, padding, dilation }: Axis, pixel: number): number[] {
  const touched: number[] = [];
  for (let tap = kernel - 1; tap >= 0; tap--) {
    const shifted = pixel + padding - tap * dilation;
    const output = shifted / stride;
    if (shifted >= 0 && Number.isInteger(output) && output < outputs) touched.push(output);
  }
  return touched;
}
