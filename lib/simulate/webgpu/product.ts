// Integer convolutions, and crossbars whose ADC loses nothing, as one product of i8 codes and weights of one to three i8 planes.

import gemmCode from "../../../kernels/gemm.wgsl" with { type: "text" };
import { DeviceError } from "../../errors.ts";
import { hasPackedDot } from "../../gpu/features.ts";
import { compile } from "../../gpu/program.ts";
import { rowCount } from "../cpu/window.ts";
import type { Geometry } from "../program.ts";
import { bindings, type Launch, type Operand, type PlanContext } from "./launch.ts";
import { heightOf, type Tile, type TileShape, tileShapes, tileValues, widthOf } from "./tiles.ts";

/** Chunks of 16 rows in workgroup memory at once. */
const DEPTH = 4;
/** Chunks per launch: 65,535 rounds of a loop are the most that every adapter runs. */
const CHUNKS_PER_LAUNCH = 4096;
/** Multiply-adds per image below which a software adapter takes longer to compile tiles than they save. */
const SMALL = 2 ** 22;

/** An exact convolution: out[n] = bias + Σ_k (x[k] − zero) · w[k, n]. */
export interface Product {
  readonly name: string;
  readonly input: number;
  readonly output: number;
  readonly geometry: Geometry;
  /** `[groups][rows][columns per group]`, rows in natural order. */
  readonly weights: Int16Array;
  readonly zero: number;
  readonly bias: number;
  /** Runs only where the operand's first word is at most the limit. */
  readonly gate?: { readonly operand: Operand; limit(batch: number): number };
}

/** Weights and rows in the kernel's layout. */
export interface PackedProduct {
  /** i8 planes per weight: w = Σ 256^plane · w_plane. */
  readonly planes: number;
  /** Chunks of 16 rows. */
  readonly chunks: number;
  /** `[group][chunk][plane][column][16 rows]`. */
  readonly weights: Int8Array;
  /** Σ w of each column. */
  readonly sums: Int32Array;
  /** Adjacent, aligned rows that one entry of `runs` stands for. */
  readonly run: 1 | 4 | 16;
  /** `[run][2]`: (dy · 65536 + dx, channel). */
  readonly runs: Uint32Array;
}

/** Whether the product kernel can do it: padding must be a code, and groups of few columns would idle its lanes. */
export function fitsProduct({ geometry, zero }: Pick<Product, "geometry" | "zero">): boolean {
  const { groups, outputShape, kernel, dilation, padding } = geometry;
  const reach = Math.max((kernel[0] - 1) * dilation[0], (kernel[1] - 1) * dilation[1]);
  const code = Number.isInteger(zero) && (zero >= 0 && zero <= 255 || padding.every((side) => side === 0));
  return code && reach <= 65535 && (groups === 1 || outputShape[2] / groups >= 8);
}

/** Splits weights into i8 planes and rows into runs. */
export function packProduct({ geometry, weights }: Pick<Product, "geometry" | "weights">): PackedProduct {
  const rows = rowCount(geometry), columns = geometry.outputShape[2] / geometry.groups, chunks = Math.ceil(rows / 16);
  const depth = geometry.inputShape[2] / geometry.groups;
  let [least, most] = [0, 0];
  for (const weight of weights) [least, most] = [Math.min(least, weight), Math.max(most, weight)];
  // 127 · (1 + 256) and −128 · (1 + 256) are the furthest two planes go.
  const planes = least >= -128 && most <= 127 ? 1 : most <= 32639 ? 2 : 3;
  const packed = new Int8Array(geometry.groups * chunks * planes * columns * 16);
  const sums = new Int32Array(geometry.outputShape[2]);
  for (let group = 0; group < geometry.groups; group++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let rest = weights[(group * rows + row) * columns + column]!;
        sums[group * columns + column]! += rest;
        for (let plane = 0; plane < planes; plane++) {
          const low = rest << 24 >> 24;
          packed[(((group * chunks + (row >> 4)) * planes + plane) * columns + column) * 16 + (row & 15)] = low;
          rest = (rest - low) / 256;
        }
      }
    }
  }
  const run = depth % 16 === 0 ? 16 : depth % 4 === 0 ? 4 : 1;
  const runs = new Uint32Array(chunks * 16 / run * 2).fill(0xffffffff);
  for (let row = 0; row < rows; row += run) {
    const tap = Math.floor(row / depth);
    const dy = Math.floor(tap / geometry.kernel[1]) * geometry.dilation[0];
    const dx = tap % geometry.kernel[1] * geometry.dilation[1];
    runs.set([dy * 65536 + dx, row % depth], row / run * 2);
  }
  return { planes, chunks, weights: packed, sums, run, runs };
}

/**
 * Plans a product; `direct` makes the launches of the kernel without tiles, where there is one.
 *
 * @throws {DeviceError} if the device has room for no tile and there is no other kernel.
 */
export async function planProduct(
  context: PlanContext,
  product: Product,
  direct?: () => Promise<readonly Launch[]>,
): Promise<readonly Launch[]> {
  const { device } = context;
  const { geometry, name, zero, bias, gate } = product;
  const { groups, outputShape: [outHeight, outWidth, columns], inputShape: [height, width, channels] } = geometry;
  const { planes, chunks, weights, sums, run, runs } = packProduct(product);
  const perGroup = columns / groups, positions = outHeight * outWidth;
  const shapes = tileShapes(device.limits, { perPosition: DEPTH * 16, perColumn: DEPTH * 16 * planes, columns: perGroup });
  const small = device.software && positions * columns * chunks * 16 < SMALL;
  const choices: Tile[] = direct === undefined ? shapes : small ? ["direct", ...shapes] : [...shapes, "direct"];
  if (choices.length === 0) {
    throw new DeviceError("plan an integer product", {
      where: name,
      got: `${device.limits.workgroupMemory} bytes of workgroup memory on ${device.description}`,
      wanted: "room for one tile",
    });
  }
  const start = sums.map((sum) => bias + (128 - zero) * sum);
  let operands: Launch["operands"] | undefined;
  const key = ["product", planes, run, bucket(perGroup), bucket(chunks), bucket(positions), groups > 1].join(" ");
  return await context.tiles.pick(context, {
    key,
    choices,
    scratch: {},
    make: (tile) => tile === "direct" ? direct!() : tiled(tile),
  });

  async function tiled(shape: TileShape): Promise<Launch[]> {
    const kernel = await compile(device, {
      label: "integer product",
      code: gemmCode,
      bindings: bindings(gate === undefined ? "rrrrw" : "rrrrwr"),
      values: {
        ...tileValues(shape, DEPTH, DEPTH * planes),
        DEPTH,
        PLANES: planes,
        QUADS: 4,
        GATED: Number(gate !== undefined),
        PACKED: Number(hasPackedDot()),
        RUN1: Number(run === 1),
        RUN4: Number(run === 4),
        RUN16: Number(run === 16),
      },
    });
    operands ??= [
      product.input,
      { data: runs, label: `${name} rows` },
      { data: weights, label: `${name} weights` },
      { data: start, label: `${name} start` },
      product.output,
      ...(gate === undefined ? [] : [gate.operand]),
    ];
    const columnTiles = Math.ceil(perGroup / widthOf(shape));
    const launches: Launch[] = [];
    for (let begin = 0; begin < chunks; begin += CHUNKS_PER_LAUNCH) {
      const fixed = [columns, perGroup, columnTiles, groups, chunks, begin, Math.min(chunks, begin + CHUNKS_PER_LAUNCH), channels]
        .concat([
          channels / groups,
          height,
          width,
          outHeight,
          outWidth,
          ...geometry.stride,
          ...geometry.padding,
          (zero & 255) * 0x01010101,
        ]);
      launches.push({
        kernel,
        operands: operands!,
        params: (batch) => [batch * positions, ...fixed, gate?.limit(batch) ?? 0],
        groups: (batch) => Math.ceil(batch * positions / heightOf(shape)) * groups * columnTiles,
      });
    }
    return launches;
  }
}

/** Sizes within a factor of two share a choice. */
export function bucket(size: number): number {
  return Math.ceil(Math.log2(Math.max(1, size)));
}
