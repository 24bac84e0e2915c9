// Digital convolutions on the CPU: integer steps, crossbars whose ADC loses nothing, and float steps.

import { FLOAT_ROWS, floatGemm } from "../../../kernels/simulate/float_gemm.ts";
import { copyColumns, startSums } from "../../../kernels/simulate/gather.ts";
import { integerGemm, PAIRS } from "../../../kernels/simulate/integer_gemm.ts";
import type { KernelStage } from "../../cpu/pool.ts";
import { NumericError } from "../../errors.ts";
import { CHUNK, type CpuDevice, type Executor } from "./device.ts";
import { mergeGroups } from "./merge_groups.ts";
import { identityOrder, prepareWindow, rowCount } from "./window.ts";
import type { FloatStep, Geometry } from "../program.ts";

/** An exact integer convolution: out[n] = bias[n] + Σ_k (x[k] − zero) · w[k, n]. */
export interface IntegerProduct {
  readonly name: string;
  readonly input: number;
  readonly output: number;
  readonly geometry: Geometry;
  /** `[groups][rows][columns per group]`, rows in natural order. */
  readonly weights: Int16Array;
  readonly zero: number;
  /** Largest input code. */
  readonly most: number;
  /** Constant of every output. */
  readonly bias: number;
}

const LARGEST = 2 ** 31 - 1;

/**
 * Packs the weights and picks the narrowest arithmetic that is exact: i8 × 7 bits with sums in i16, else i16.
 *
 * @throws {NumericError} if a sum could leave i32, or `zero` cannot be padding.
 */
export async function prepareInteger(device: CpuDevice, product: IntegerProduct): Promise<Executor> {
  const { zero, most, input, output: target } = product, { geometry, weights } = mergeGroups(product.geometry, product.weights);
  const rows = rowCount(geometry), columns = geometry.outputShape[2] / geometry.groups;
  const padded = geometry.padding.some((side) => side > 0);
  if (!Number.isInteger(zero) || (padded && (zero < 0 || zero > 255))) {
    throw new NumericError("run an integer step", { where: `${product.name}.zero`, got: zero, wanted: "an integer from 0 to 255" });
  }
  const bias = columnConstants({ ...product, geometry, weights }, rows, columns);
  const largest = weights.reduce((best, w) => Math.max(best, Math.abs(w)), 0);
  const flush = Math.floor(32767 / Math.max(1, largest * most * 2 * PAIRS));
  const narrow = largest <= 127 && most <= 127 && Math.max(most, zero) <= 127 && flush >= 2;
  const lanes = narrow ? 8 : 4;
  const vectors = Math.min(4, Math.ceil(columns / lanes));
  const width = vectors * lanes, blocks = Math.ceil(columns / width);
  const window = await prepareWindow(device, geometry, {
    rowIndex: identityOrder(geometry),
    tiles: [0, rows],
    multiple: 2 * PAIRS,
    bytes: 1,
    fill: zero,
  });
  const at = packGroups(device, { ...product, geometry, weights }, bias, { rows: window.pitch, width, narrow });
  const gemm = await device.kernel(integerGemm({ weights: narrow ? "i8" : "i16", vectors }));
  const start = await device.kernel(startSums()), copy = await device.kernel(copyColumns());
  const turns = window.pitch / (2 * PAIRS), pitch = blocks * width * 4, blockBytes = turns * PAIRS * vectors * 16;
  const channels = geometry.outputShape[2], direct = geometry.groups === 1 && channels * 4 === pitch;
  const { pool } = device;
  return {
    run(batch, address) {
      const source = window.pad(batch, address(input)), output = address(target);
      device.blocks(batch * window.positions, window.pitch + pitch, (first, count) => {
        at.forEach((group, index) => {
          const rows = window.stage(source, index, first, count);
          const out = direct ? output + first * pitch : device.scratch("sums", count * pitch);
          const product = [rows.at, window.pitch, group.weights, blockBytes, turns, narrow ? flush : turns, out, pitch, blocks, 0, 0];
          const stages: KernelStage[] = [
            { kernel: start, parameters: [0, 0, out, pitch, pitch / 16, group.bias, 0] },
            { kernel: gemm, parameters: product },
          ];
          if (rows.stage !== undefined) stages.unshift(rows.stage);
          const to = output + (first * channels + index * columns) * 4;
          if (!direct) stages.push({ kernel: copy, parameters: [out, pitch, to, channels * 4, columns * 4] });
          pool.chain(stages, count, CHUNK);
        });
      });
    },
  };
}

/** How {@linkcode packPairs} lays out a matrix: rows in all, columns of a block, and whether weights are i8. */
interface PairLayout {
  readonly rows: number;
  readonly width: number;
  readonly narrow: boolean;
}

/** Addresses of each group's packed weights and constants. Apart from the executor, which then does not keep the weights it was made of. */
function packGroups(device: CpuDevice, { weights, geometry: { groups } }: IntegerProduct, bias: Int32Array, layout: PairLayout) {
  const columns = bias.length / groups, size = weights.length / groups;
  return Array.from({ length: groups }, (_, group) => {
    const constants = new Int32Array(Math.ceil(columns / layout.width) * layout.width);
    constants.set(bias.subarray(group * columns, (group + 1) * columns));
    const packed = uploadPairs(device, weights.subarray(group * size, (group + 1) * size), columns, layout);
    return { weights: packed, bias: device.upload(constants) };
  });
}

/** Packs weights as {@linkcode packPairs} does, right where kernels read them; gives their address. */
export function uploadPairs(device: CpuDevice, weights: ArrayLike<number>, columns: number, { rows, width, narrow }: PairLayout): number {
  const length = Math.ceil(columns / width) * rows * width, at = device.constants(length * (narrow ? 1 : 2));
  packPairs(weights, rows, columns, width, narrow, device.pool[narrow ? "i8" : "i16"](at, length));
  return at;
}

/** bias − zero · Σ weights of each column, once no sum can overflow. */
function columnConstants({ weights, zero, most, bias, geometry, name }: IntegerProduct, rows: number, columns: number): Int32Array {
  const constants = new Int32Array(geometry.outputShape[2]);
  const extent = Math.max(most, Math.abs(zero));
  for (let column = 0; column < constants.length; column++) {
    const base = Math.floor(column / columns) * rows * columns + column % columns;
    let [sum, magnitude] = [0, 0];
    for (let row = 0; row < rows; row++) {
      const weight = weights[base + row * columns]!;
      sum += weight;
      magnitude += Math.abs(weight);
    }
    const constant = bias - zero * sum;
    if (Math.abs(constant) + magnitude * extent > LARGEST) {
      throw new NumericError("sum in 32 bits", {
        where: name,
        got: `sums of up to ${Math.abs(constant) + magnitude * extent}`,
        wanted: `at most ${LARGEST}`,
        hint: "Use fewer bits for weights or activations.",
      });
    }
    constants[column] = constant;
  }
  return constants;
}

/** Weights of one group as [block of `width` columns][row pair][column][2], zeros (as in `packed`) where there is no row or column. */
export function packPairs(
  weights: ArrayLike<number>,
  rows: number,
  columns: number,
  width: number,
  narrow: boolean,
  packed: Int8Array | Int16Array = new (narrow ? Int8Array : Int16Array)(Math.ceil(columns / width) * rows * width),
): Int8Array | Int16Array {
  const present = weights.length / columns;
  for (let row = 0; row < present; row++) {
    for (let column = 0; column < columns; column++) {
      const block = Math.floor(column / width);
      packed[block * rows * width + ((row >> 1) * width + column % width) * 2 + (row & 1)] = weights[row * columns + column]!;
    }
  }
  return packed;
}

/** Packs a float convolution. */
export async function prepareFloat(device: CpuDevice, step: FloatStep): Promise<Executor> {
  const { input, output: target } = step, { geometry, weights } = mergeGroups(step.geometry, step.weights);
  const rows = rowCount(geometry), channels = geometry.outputShape[2], columns = channels / geometry.groups;
  const window = await prepareWindow(device, geometry, {
    rowIndex: identityOrder(geometry),
    tiles: [0, rows],
    multiple: FLOAT_ROWS,
    bytes: 4,
    fill: 0,
  });
  const paddedRows = window.pitch / 4, blocks = Math.ceil(columns / 16);
  const at = packFloats(device, { ...step, geometry, weights }, paddedRows);
  const gemm = await device.kernel(floatGemm()), copy = await device.kernel(copyColumns());
  const pitch = blocks * 64, direct = geometry.groups === 1 && channels * 4 === pitch;
  const { pool } = device;
  return {
    run(batch, address) {
      const source = window.pad(batch, address(input)), output = address(target);
      device.blocks(batch * window.positions, window.pitch + pitch, (first, count) => {
        at.forEach((group, index) => {
          const rowsAt = window.gather(source, index, first, count);
          const out = direct ? output + first * pitch : device.scratch("sums", count * pitch);
          pool.run(gemm, count, CHUNK, rowsAt, window.pitch, group.weights, paddedRows / FLOAT_ROWS, group.bias, out, pitch, blocks);
          const to = output + (first * channels + index * columns) * 4;
          if (!direct) pool.run(copy, count, CHUNK, out, pitch, to, channels * 4, columns * 4);
        });
      });
    },
  };
}

/** Addresses of each group's weights, in blocks of 16 columns, and of its biases. */
function packFloats(device: CpuDevice, { geometry, weights, bias }: FloatStep, paddedRows: number) {
  const rows = rowCount(geometry), columns = geometry.outputShape[2] / geometry.groups, blocks = Math.ceil(columns / 16);
  return Array.from({ length: geometry.groups }, (_, group) => {
    const length = blocks * paddedRows * 16, at = device.constants(4 * length), packed = device.pool.f32(at, length);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        packed[((column >> 4) * paddedRows + row) * 16 + (column & 15)] = weights[(group * rows + row) * columns + column]!;
      }
    }
    const biases = new Float32Array(blocks * 16);
    biases.set(bias.subarray(group * columns, (group + 1) * columns));
    return { weights: at, bias: device.upload(biases) };
  });
}
