// One crossbar layer as a program of its own, with random cells: what kernel, layer and scaling benchmarks run.

import { hash } from "../lib/random.ts";
import type { Program } from "../lib/simulate/program.ts";
import { elements, type Tensor } from "../lib/tensor.ts";

/** What to benchmark. */
export interface LayerCase {
  /** Height and width of the image; 1 for a matrix. */
  readonly side: number;
  /** Height and width of the window. */
  readonly kernel: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Rows of an array. */
  readonly rows: number;
  readonly slices: number;
  /** Bits of a cell. Default 1. */
  readonly cellBits?: number;
  /** Bits of the inputs, applied one by one. */
  readonly inputBits: number;
  /** Cells from −top to top instead of 0 to top, as where a dummy column is subtracted. */
  readonly signed: boolean;
  /** `[slices][rows][outputs]`; default random ones. */
  readonly cells?: Int8Array;
  /** The converter: code of a partial sum. */
  readonly code: (sum: number) => number;
}

/** One VGG7 layer: 128 to 128 channels, 3×3, 32×32, W4/A4 in 1-bit cells. */
export const VGG7_LAYER = {
  side: 32,
  kernel: 3,
  inputs: 128,
  outputs: 128,
  rows: 128,
  slices: 4,
  inputBits: 4,
  signed: false,
  code: (sum: number) => Math.min(sum, 63),
} as const satisfies LayerCase;

/** One-bit multiply-accumulates of one image, in 10⁹. */
export function gigabits({ side, kernel, inputs, outputs, slices, cellBits = 1, inputBits }: LayerCase): number {
  return side * side * kernel * kernel * inputs * outputs * slices * cellBits * inputBits / 1e9;
}

/**
 * The layer's program. With `output` "code" the sums become one bit per element and then one pixel, so that the kernels are timed and not the copy of
 * f32 results; with "sums" every sum comes back.
 */
export function layerProgram(layer: LayerCase, output: "code" | "sums" = "code"): Program {
  const { side, kernel, inputs, outputs, slices, cellBits = 1, inputBits, signed, code } = layer;
  const depth = kernel * kernel * inputs, tile = Math.min(layer.rows, depth), top = 2 ** cellBits - 1;
  const digit = (at: number) => hash(1, at) & top;
  const cells = layer.cells ?? Int8Array.from({ length: slices * depth * outputs }, (_, at) => signed ? 2 * digit(at) - top : digit(at));
  const max = tile * top, min = signed ? -max : 0;
  const tiles = [...Array.from({ length: Math.ceil(depth / tile) }, (_, index) => index * tile), depth];
  const padding = (kernel - 1) / 2, shape = [side, side, outputs] as const;
  const crossbar = {
    op: "crossbar",
    input: 0,
    output: 1,
    geometry: {
      kernel: [kernel, kernel],
      stride: [1, 1],
      padding: [padding, padding],
      dilation: [1, 1],
      groups: 1,
      inputShape: [side, side, inputs],
      outputShape: shape,
    },
    cells,
    slices,
    sliceWeights: Array.from({ length: slices }, (_, slice) => 2 ** (cellBits * slice)),
    inputBits,
    digitBits: 1,
    rowIndex: Int32Array.from({ length: depth }, (_, row) => row),
    tiles,
    adc: { kind: "table", table: { min, max, codes: Int32Array.from({ length: max - min + 1 }, (_, index) => code(index + min)) } },
    correction: 0,
  } as const;
  const ends = [
    { type: "u8", shape: [side, side, inputs], name: "input" },
    { type: "i32", shape, name: "sums" },
  ] as const;
  const scale = new Float32Array(outputs).fill(1), bias = new Float32Array(outputs);
  if (output === "sums") {
    return {
      values: [...ends, { type: "f32", shape, name: "output" }],
      steps: [crossbar, { op: "affine", input: 1, output: 2, scale, bias }],
      output: 2,
    };
  }
  const sign = new Int8Array(outputs).fill(1);
  return {
    values: [
      ...ends,
      { type: "u8", shape, name: "codes" },
      { type: "u8", shape: [1, 1, outputs], name: "pooled" },
      { type: "f32", shape: [1, 1, outputs], name: "output" },
    ],
    steps: [
      crossbar,
      { op: "threshold", input: 1, output: 2, thresholds: new Int32Array(outputs), levels: 1, sign },
      { op: "maxPool", input: 2, output: 3, kernel: [side, side], stride: [side, side], padding: [0, 0] },
      { op: "affine", input: 3, output: 4, scale, bias },
    ],
    output: 4,
  };
}

/** Random codes for the layer's input. */
export function layerCodes({ side, inputs, inputBits }: LayerCase, batch: number): Tensor<Uint8Array> {
  const shape = [batch, side, side, inputs];
  return { shape, data: Uint8Array.from({ length: elements(shape) }, (_, at) => hash(2, at) & (2 ** inputBits - 1)) };
}
