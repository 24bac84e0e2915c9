// Launches of the implicit matrix product: which tiles, and into how many slices a long sum is split so that the device is busy.

import gemmCode from "../../../kernels/train/gemm.wgsl" with { type: "text" };
import joinCode from "../../../kernels/train/join.wgsl" with { type: "text" };
import type { GpuBuffer } from "../../gpu/buffers.ts";
import type { Pair } from "../../network/graph.ts";
import { type Launch, type LaunchBuilder, workgroups } from "./launch.ts";

/** A convolution over a batch; channels are stored ones, multiples of 4 per group. */
export interface Geometry {
  readonly batch: number;
  readonly input: readonly [height: number, width: number, channels: number];
  readonly output: readonly [height: number, width: number, channels: number];
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

/** Which of the three products of a convolution. */
export type Product = "FORWARD" | "INPUT" | "WEIGHT";

/** Workgroups that keep a large device busy. */
const ENOUGH = { FORWARD: 256, INPUT: 256, WEIGHT: 1024 } as const;
/** Terms below which another slice costs more than it saves. */
const FEWEST_TERMS = 256;
/** Floats of scratch space that slices may take. */
const MOST_SCRATCH = 2 ** 24;
/** Terms of a slice at most: 16 a round, and some software adapters stop after 65,535 rounds. */
const MOST_TERMS = 2 ** 19;

/** What a product may have besides. */
export interface ProductOptions {
  /** Added to each output channel. */
  readonly bias?: GpuBuffer | undefined;
  /** 2 squares x or the weights, for second derivatives; default 1. */
  readonly order?: 1 | 2;
}

/** Output (x, weights), input gradient (output gradient, weights) or weight gradient (x, output gradient). */
export async function gemm(
  builder: LaunchBuilder,
  product: Product,
  shape: Geometry,
  left: GpuBuffer,
  right: GpuBuffer,
  result: GpuBuffer,
  { bias, order = 1 }: ProductOptions = {},
): Promise<Launch[]> {
  const { batch, input, output, kernel, groups } = shape;
  const depth = input[2] / groups, perGroup = output[2] / groups, taps = kernel[0] * kernel[1];
  const positions = batch * output[0] * output[1];
  const [rows, columns, terms, resultChannels] = {
    FORWARD: [positions, perGroup, taps * depth, output[2]],
    INPUT: [batch * input[0] * input[1], depth, taps * perGroup, input[2]],
    WEIGHT: [taps * depth, perGroup, positions, output[2]],
  }[product] as [number, number, number, number];
  const rowTiles = Math.ceil(rows / 64), columnTiles = Math.ceil(columns / 64), tiles = rowTiles * columnTiles * groups;
  const size = rows * resultChannels;
  const wanted = Math.min(
    Math.ceil(ENOUGH[product] / tiles),
    Math.floor(terms / FEWEST_TERMS),
    Math.floor(Math.min(MOST_SCRATCH, builder.device.limits.bindingSize / 4) / size),
  );
  const perSlice = Math.ceil(terms / Math.max(1, wanted, Math.ceil(terms / MOST_TERMS)) / 16) * 16, slices = Math.ceil(terms / perSlice);
  const whole = slices === 1, blocks = tiles * slices, given = bias === undefined ? [] : [bias];
  if (!whole) builder.reserve(slices * size);
  const multiply = await builder.launch({
    label: `convolution, ${product.toLowerCase()}`,
    code: gemmCode,
    uses: whole && bias !== undefined ? "rrwr" : "rrw",
    values: {
      FORWARD: product === "FORWARD" ? 1 : 0,
      INPUT: product === "INPUT" ? 1 : 0,
      WEIGHT: product === "WEIGHT" ? 1 : 0,
      SQUARED: order === 2 ? 1 : 0,
      BIAS: whole && bias !== undefined ? 1 : 0,
      FETCH: product === "INPUT" ? "gradient" : "pixel",
      LEFT: product === "INPUT" ? "[image][y][x][output channel]" : "[image][y][x][input channel]",
      RIGHT: product === "WEIGHT" ? "[image][y][x][output channel]" : "[tap][input channel][output channel]",
      // Software adapters take seconds to compile long texts.
      UNROLL: builder.device.software ? 1 : 4,
      ROW_OF: [0, 1, 2, 3, 32, 33, 34, 35],
      BLOCKS: blocks,
      TILES: rowTiles * columnTiles,
      GROUPED_TILES: tiles,
      ROW_TILES: rowTiles,
      COLUMN_TILES: columnTiles,
      GROUPS: groups,
      PER_SLICE: perSlice,
      SLICE_QUADS: size / 4,
      ROWS: rows,
      COLUMNS: columns,
      TERMS: terms,
      INNER: product === "INPUT" ? perGroup : depth,
      DEPTH: depth,
      IN_QUADS: input[2] / 4,
      OUT_QUADS: output[2] / 4,
      RESULT_QUADS: resultChannels / 4,
      HEIGHT: input[0],
      WIDTH: input[1],
      OUT_HEIGHT: output[0],
      OUT_WIDTH: output[1],
      KERNEL_X: kernel[1],
      STRIDE_Y: shape.stride[0],
      STRIDE_X: shape.stride[1],
      PADDING_Y: shape.padding[0],
      PADDING_X: shape.padding[1],
      DILATION_Y: shape.dilation[0],
      DILATION_X: shape.dilation[1],
    },
    operands: [left, right, whole ? result : "scratch", ...(whole ? given : [])],
    groups: blocks,
  });
  if (whole) return [multiply];
  const join = await builder.launch({
    label: "join slices",
    code: joinCode,
    uses: bias === undefined ? "rw" : "rwr",
    values: { QUADS: size / 4, SLICES: slices, BIAS: bias === undefined ? 0 : 1, BIAS_QUADS: resultChannels / 4 },
    operands: ["scratch", result, ...given],
    groups: workgroups(size / 4),
  });
  return [multiply, join];
}
