// Crossbar steps whose partial sums must be seen one by one: tables too large for 16 bits, and ranges that follow the batch.

import { copyColumns, startSums } from "../../../kernels/simulate/gather.ts";
import { integerGemm, PAIRS } from "../../../kernels/simulate/integer_gemm.ts";
import { RANGE_BYTES, rangeSums, tableSums } from "../../../kernels/simulate/partial_sums.ts";
import type { Reach } from "./adc.ts";
import { digitCount } from "./cells.ts";
import { CHUNK, type CpuDevice, type Executor } from "./device.ts";
import { uploadPairs } from "./gemm.ts";
import { prepareWindow, rowCount } from "./window.ts";
import type { AdcTable, CrossbarStep } from "../program.ts";
import { rint } from "../reference/crossbar.ts";

/** One conversion of every output: a tile, a digit and a slice. */
interface Conversion {
  readonly tile: number;
  readonly digit: number;
  readonly slice: number;
  /** 2^(digitBits · digit) · slice weight. */
  readonly gain: number;
}

interface Partials {
  /** In the order tile, digit, slice. */
  readonly conversions: readonly Conversion[];
  readonly columns: number;
  readonly positions: number;
  /** Columns of the sums' buffer in bytes. */
  readonly pitch: number;
  readonly bytesPerPosition: number;
  pad(batch: number, input: number): number;
  gather(source: number, group: number, first: number, count: number): number;
  /** Address of the partial sums of a block, whose rows are gathered. */
  sums(rows: number, group: number, conversion: Conversion, count: number): number;
  /** Writes gain · Σ x to each of `vectors` × 4 columns. */
  inputSums(rows: number, count: number, to: number, toPitch: number, gain: number): void;
}

async function preparePartials(device: CpuDevice, step: CrossbarStep): Promise<Partials> {
  const { geometry, tiles, slices, digitBits, inputBits } = step;
  const columns = geometry.outputShape[2] / geometry.groups;
  const vectors = Math.min(4, Math.ceil(columns / 4)), width = vectors * 4, blocks = Math.ceil(columns / width);
  const window = await prepareWindow(device, geometry, { rowIndex: step.rowIndex, tiles, multiple: 2 * PAIRS, bytes: 1, fill: 0 });
  const starts = [0];
  for (const bytes of window.tileBytes) starts.push(starts.at(-1)! + bytes);
  const weights = packPlanes(device, step, window.tileBytes, width);
  const zeros = device.upload(new Int32Array(blocks * width));
  const gemm = await device.kernel(integerGemm({ weights: "digit", vectors })), start = await device.kernel(startSums());
  const conversions: Conversion[] = [];
  for (let tile = 0; tile + 1 < tiles.length; tile++) {
    for (let digit = 0; digit < digitCount(step); digit++) {
      for (let slice = 0; slice < slices; slice++) {
        conversions.push({ tile, digit, slice, gain: 2 ** (digitBits * digit) * step.sliceWeights[slice]! });
      }
    }
  }
  const pitch = blocks * width * 4;
  const { pool } = device;
  return {
    conversions,
    columns,
    positions: window.positions,
    pitch,
    bytesPerPosition: window.pitch + 3 * pitch,
    pad: window.pad,
    gather: window.gather,
    sums(rowsAt, group, { tile, digit, slice }, count) {
      const out = device.scratch("partial", count * pitch);
      const turns = window.tileBytes[tile]! / (2 * PAIRS);
      pool.run(start, count, CHUNK, 0, 0, out, pitch, pitch / 16, zeros, 0);
      const at = weights[group * slices + slice]![tile]!;
      pool.run(
        gemm,
        count,
        CHUNK,
        rowsAt + starts[tile]!,
        window.pitch,
        at,
        turns * PAIRS * vectors * 16,
        turns,
        turns,
        out,
        pitch,
        blocks,
        digit * digitBits,
        2 ** Math.min(digitBits, inputBits) - 1,
      );
      return out;
    },
    inputSums(rowsAt, count, to, toPitch, gain) {
      pool.run(start, count, CHUNK, rowsAt, window.pitch, to, toPitch, toPitch / 16, zeros, gain);
    },
  };
}

/** Addresses of each tile's cells, by group and slice. Apart from the executors, which then do not keep the cells they were made of. */
function packPlanes(device: CpuDevice, { geometry, tiles, slices, cells }: CrossbarStep, tileBytes: Int32Array, width: number): number[][] {
  const rows = rowCount(geometry), columns = geometry.outputShape[2] / geometry.groups;
  return Array.from({ length: geometry.groups * slices }, (_, plane) =>
    [...tileBytes].map((bytes, tile) => {
      const base = plane * rows, part = cells.subarray((base + tiles[tile]!) * columns, (base + tiles[tile + 1]!) * columns);
      return uploadPairs(device, part, columns, { rows: bytes, width, narrow: false });
    }));
}

/** A table of any size: one look-up per partial sum. */
export async function prepareTable(device: CpuDevice, step: CrossbarStep, table: AdcTable, reach: Reach): Promise<Executor> {
  const partials = await preparePartials(device, step);
  const convert = await device.kernel(tableSums("i32")), copy = await device.kernel(copyColumns());
  const codes = table.codes.subarray(reach.low - table.min, reach.high - table.min + 1);
  const tables = new Map<number, number>();
  for (const { gain } of partials.conversions) {
    if (!tables.has(gain)) tables.set(gain, device.upload(codes.map((code) => code * gain)));
  }
  const { geometry: { groups, outputShape: [, , channels] }, correction, input, output: target } = step, { columns, pitch } = partials;
  const { pool } = device;
  return {
    run(batch, address) {
      const source = partials.pad(batch, address(input)), output = address(target);
      device.blocks(batch * partials.positions, partials.bytesPerPosition, (first, count) => {
        for (let group = 0; group < groups; group++) {
          const rows = partials.gather(source, group, first, count);
          const out = device.scratch("sums", count * pitch);
          partials.inputSums(rows, count, out, pitch, correction);
          for (const conversion of partials.conversions) {
            const sums = partials.sums(rows, group, conversion, count);
            pool.run(convert, count, CHUNK, sums, pitch, columns, tables.get(conversion.gain)!, reach.low, out, pitch);
          }
          pool.run(copy, count, CHUNK, out, pitch, output + (first * channels + group * columns) * 4, channels * 4, columns * 4);
        }
      });
    },
  };
}

/**
 * A range that follows the batch: one pass over the sums finds the extremes of every conversion, from which the host tabulates
 * the converter in f64; a second pass converts.
 */
export async function prepareDynamic(
  device: CpuDevice,
  step: CrossbarStep,
  adc: { readonly levels: number; readonly unit: number },
): Promise<Executor> {
  const partials = await preparePartials(device, step);
  const range = await device.kernel(rangeSums()), convert = await device.kernel(tableSums("f64"));
  const { geometry: { groups, outputShape: [, , channels] }, correction, input, output: to } = step;
  const { columns, pitch, conversions } = partials;
  const { pool } = device;
  return {
    run(batch, address) {
      const source = partials.pad(batch, address(input)), output = address(to);
      const total = batch * partials.positions;
      const slots = pool.threads * RANGE_BYTES;
      const extremes = device.scratch("extremes", conversions.length * slots);
      const words = pool.i32(extremes, conversions.length * slots / 4);
      for (let word = 0; word < words.length; word += RANGE_BYTES / 4) [words[word], words[word + 1]] = [2 ** 31 - 1, -(2 ** 31)];
      const visit = (body: (rows: number, group: number, first: number, count: number) => void) =>
        device.blocks(total, partials.bytesPerPosition, (first, count) => {
          for (let group = 0; group < groups; group++) body(partials.gather(source, group, first, count), group, first, count);
        });
      visit((rows, group, _, count) =>
        conversions.forEach((conversion, index) => {
          const sums = partials.sums(rows, group, conversion, count);
          pool.run(range, count, CHUNK, sums, pitch, columns, extremes + index * slots);
        })
      );
      const tables = tabulate(device, conversions, pool.i32(extremes, conversions.length * slots / 4), slots / 4, adc);
      visit((rows, group, first, count) => {
        const out = device.scratch("exact", count * columns * 8), inputs = device.scratch("sums", count * 16);
        pool.u8(out, count * columns * 8).fill(0);
        conversions.forEach((conversion, index) => {
          const sums = partials.sums(rows, group, conversion, count), { at, least } = tables[index]!;
          pool.run(convert, count, CHUNK, sums, pitch, columns, at, least, out, columns * 8);
        });
        if (correction !== 0) partials.inputSums(rows, count, inputs, 16, 1);
        const exact = new Float64Array(pool.memory.buffer, out, count * columns), x = pool.i32(inputs, count * 4);
        const target = pool.f32(output, total * channels);
        for (let position = 0; position < count; position++) {
          const corrected = correction === 0 ? 0 : correction * x[position * 4]!;
          const to = (first + position) * channels + group * columns;
          for (let column = 0; column < columns; column++) target[to + column] = exact[position * columns + column]! + corrected;
        }
      });
    },
  };
}

/** gain · adc(d) for every sum d each conversion saw. */
function tabulate(
  device: CpuDevice,
  conversions: readonly Conversion[],
  extremes: Int32Array,
  stride: number,
  { levels, unit }: { readonly levels: number; readonly unit: number },
): { at: number; least: number }[] {
  const ranges = conversions.map((_, index) => {
    let [least, most] = [Infinity, -Infinity];
    for (let word = index * stride; word < (index + 1) * stride; word += RANGE_BYTES / 4) {
      least = Math.min(least, extremes[word]!);
      most = Math.max(most, extremes[word + 1]!);
    }
    return { least, most };
  });
  const entries = ranges.reduce((sum, { least, most }) => sum + most - least + 1, 0);
  const base = device.scratch("tables", entries * 8);
  const values = new Float64Array(device.pool.memory.buffer, base, entries);
  let at = 0;
  return ranges.map(({ least, most }, index) => {
    const begin = at, lo = least * unit, step = (most * unit - lo) / levels, { gain } = conversions[index]!;
    for (let d = least; d <= most; d++) {
      const code = step === 0 ? 0 : Math.min(rint((d * unit - lo) / step), levels - 1);
      values[at++] = gain * (code * step + lo);
    }
    return { at: base + begin * 8, least };
  });
}
