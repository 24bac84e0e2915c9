// Host side of the look-up kernel: weights as nibbles of bit planes, records for slices and passes, and the block loop.

import { bitPlanes } from "../../../kernels/simulate/bit_planes.ts";
import { crossbarLookup, PASS, PLAN, SLICE } from "../../../kernels/simulate/crossbar_lookup.ts";
import { copyColumns, startSums } from "../../../kernels/simulate/gather.ts";
import type { AdcKernel } from "./adc.ts";
import { digitCount, type SlicePlanes } from "./cells.ts";
import { CHUNK, type CpuDevice, type Executor } from "./device.ts";
import { prepareWindow, rowCount } from "./window.ts";
import type { CrossbarStep } from "../program.ts";

/** Relative cost of a vector of columns when 1, 2, 3 or 4 share their table loads. */
const COST = [1.35, 1.1, 1.05, 1] as const;

/** Writes the 16 tables of subset counts the look-up kernel expects at address 0. */
export function writeTables(bytes: Uint8Array): void {
  for (let a = 0; a < 16; a++) {
    for (let w = 0; w < 16; w++) {
      let count = 0;
      for (let both = a & w; both > 0; both >>= 1) count += both & 1;
      bytes[a * 16 + w] = count;
    }
  }
}

/** Tiles whose codes may be summed in i16 before they are weighted: at least one must fit. */
function flushTiles(step: CrossbarStep, adc: AdcKernel): number {
  return Math.floor(32767 / Math.max(1, adc.bound * (bitsPerPass(step) === 2 && step.digitBits === 1 ? 3 : 1)));
}

/** Whether codes fit the kernel's accumulators. */
export function fitsLookup(step: CrossbarStep, adc: AdcKernel): boolean {
  return flushTiles(step, adc) >= 1;
}

function bitsPerPass(step: CrossbarStep): 1 | 2 {
  return (step.digitBits === 1 ? digitCount(step) : step.digitBits) % 2 === 0 ? 2 : 1;
}

/** Packs cells and records; `constant` starts every output. */
export async function prepareLookup(
  device: CpuDevice,
  step: CrossbarStep,
  adc: AdcKernel,
  planes: readonly SlicePlanes[],
  constant: number,
): Promise<Executor> {
  const { geometry, tiles, digitBits } = step;
  const channels = geometry.outputShape[2], columns = channels / geometry.groups;
  const tallest = Math.max(...tiles.slice(1).map((end, tile) => end - tiles[tile]!));
  const unroll = tallest > 32 ? 16 : tallest > 16 ? 8 : 4;
  const vectors = chooseVectors(columns), width = vectors * 16, blocks = Math.ceil(columns / width);
  const simple = digitBits === 1 && tallest <= 255 && planes.every((slice) => slice.planes === 1);
  const bits = bitsPerPass(step);
  const clips = simple && adc.form === "clip" && adc.high >= 0 && adc.low <= 0 && adc.high * (2 ** bits - 1) <= 255 &&
    planes.every(({ least, factor }) => least === 0 && factor === 1);
  const window = await prepareWindow(device, geometry, { rowIndex: step.rowIndex, tiles, multiple: unroll * 4, bytes: 1, fill: 0 });
  const digits = digitCount(step), quads = Math.ceil(digits * digitBits / 4), tileCount = tiles.length - 1;
  const tileBytes = device.upload(window.tileBytes);
  const turns = device.upload(window.tileBytes.map((bytes) => bytes / (unroll * 4)));
  const countQuad = tileCount * 8;
  const table = adc.table === undefined ? 0 : device.upload(adc.table);
  const plan = new Int32Array(PLAN.words);
  const words: Partial<Record<keyof typeof PLAN, number>> = {
    blocks,
    slices: step.slices,
    tiles: tileCount,
    passes: digitBits === 1 ? digits / bits : digits,
    flush: flushTiles(step, adc),
    planeBytes: window.pitch,
    countBytes: countQuad,
    multiplier: adc.multiplier,
    low: adc.low,
    high: adc.high,
    table,
  };
  for (const [word, value] of Object.entries(words)) plan[PLAN[word as keyof typeof PLAN]] = value;
  const planAt = device.upload(plan);
  const passes = device.upload(passRecords(words.passes!, digitBits === 1 ? bits : digitBits, window.pitch, countQuad));
  const at = Array.from({ length: geometry.groups }, (_, group) => {
    const { packed, offsets, blockBytes } = packCells(step, group, planes, { width, tileBytes: window.tileBytes });
    const weights = device.upload(packed);
    return { slices: device.upload(sliceRecords(step, planes, adc, offsets.map((offset) => weights + offset))), blockBytes };
  });
  const bias = device.upload(new Int32Array(blocks * width).fill(constant));
  const pack = await device.kernel(bitPlanes()), start = await device.kernel(startSums()), copy = await device.kernel(copyColumns());
  const lookup = await device.kernel(
    crossbarLookup({
      vectors,
      bits,
      unroll,
      digit: digitBits,
      simple,
      adc: clips ? "clip8" : adc.form,
      ...(adc.shift === undefined ? {} : { shift: adc.shift }),
    }),
  );
  const pitch = blocks * width * 4, direct = geometry.groups === 1 && channels * 4 === pitch;
  const planePitch = quads * window.pitch, countPitch = quads * countQuad;
  const { pool } = device;
  return {
    run(batch, address) {
      const source = window.pad(batch, address(step.input)), output = address(step.output);
      device.blocks(batch * window.positions, window.pitch + planePitch + countPitch + pitch, (first, count) => {
        at.forEach((group, index) => {
          const rows = window.gather(source, index, first, count);
          const planesAt = device.scratch("planes", count * planePitch), counts = device.scratch("counts", count * countPitch);
          const out = direct ? output + first * pitch : device.scratch("sums", count * pitch);
          pool.run(pack, count, CHUNK, rows, window.pitch, planesAt, counts, quads, tileBytes, tileCount);
          pool.run(start, count, CHUNK, rows, window.pitch, out, pitch, pitch / 16, bias, step.correction);
          pool.run(
            lookup,
            count,
            CHUNK,
            planesAt,
            planePitch,
            counts,
            countPitch,
            group.blockBytes,
            out,
            pitch,
            planAt,
            turns,
            group.slices,
            passes,
          );
          const target = output + (first * channels + index * columns) * 4;
          if (!direct) pool.run(copy, count, CHUNK, out, pitch, target, channels * 4, columns * 4);
        });
      });
    },
  };
}

/** Vectors of 16 columns per block at the least total cost. */
function chooseVectors(columns: number): number {
  const cost = (vectors: number) => Math.ceil(columns / (16 * vectors)) * vectors * COST[vectors - 1]!;
  return [4, 3, 2, 1].reduce((best, vectors) => cost(vectors) < cost(best) ? vectors : best);
}

function passRecords(passes: number, bits: number, planeBytes: number, countBytes: number): Int32Array {
  const records = new Int32Array(passes * PASS.words);
  for (let pass = 0; pass < passes; pass++) {
    const bit = pass * bits, at = pass * PASS.words;
    records[at + PASS.planes] = (bit >> 2) * planeBytes + (bit & 3);
    records[at + PASS.counts] = (bit >> 2) * countBytes + (bit & 3) * 2;
    records[at + PASS.bit] = bit;
    records[at + PASS.shift] = bit;
  }
  return records;
}

function sliceRecords(step: CrossbarStep, planes: readonly SlicePlanes[], adc: AdcKernel, weights: readonly number[]): Int32Array {
  const records = new Int32Array(step.slices * SLICE.words);
  planes.forEach((slice, index) => {
    const at = index * SLICE.words;
    records[at + SLICE.weights] = weights[index]!;
    records[at + SLICE.planes] = slice.planes;
    records[at + SLICE.factor] = slice.factor * adc.scale;
    records[at + SLICE.sum] = slice.least * adc.scale;
    records[at + SLICE.offset] = adc.offset;
    records[at + SLICE.weight] = step.sliceWeights[index]!;
  });
  return records;
}

/**
 * One group's cells as [block][slice][tile][plane][4 rows][column] nibbles; offsets of the slices in a block.
 * Spare columns repeat the last one, so that their sums stay within reach of the ADC's table.
 */
function packCells(
  step: CrossbarStep,
  group: number,
  planes: readonly SlicePlanes[],
  { width, tileBytes }: { width: number; tileBytes: Int32Array },
): { packed: Uint8Array; offsets: number[]; blockBytes: number } {
  const rows = rowCount(step.geometry), columns = step.geometry.outputShape[2] / step.geometry.groups;
  const blocks = Math.ceil(columns / width);
  const steps = tileBytes.reduce((sum, bytes) => sum + bytes / 4, 0);
  const offsets: number[] = [];
  let blockBytes = 0;
  for (const slice of planes) {
    offsets.push(blockBytes);
    blockBytes += slice.planes * steps * width;
  }
  const packed = new Uint8Array(blocks * blockBytes);
  planes.forEach(({ least, factor, planes: count }, slice) => {
    let base = offsets[slice]!;
    tileBytes.forEach((bytes, tile) => {
      const first = step.tiles[tile]!;
      for (let row = first; row < step.tiles[tile + 1]!; row++) {
        const from = ((group * step.slices + slice) * rows + row) * columns;
        const place = base + ((row - first) >> 2) * width, bit = (row - first) & 3;
        for (let column = 0; column < blocks * width; column++) {
          const level = (step.cells[from + Math.min(column, columns - 1)]! - least) / factor;
          const block = Math.floor(column / width);
          const target = block * blockBytes + place + column - block * width;
          for (let plane = 0; plane < count; plane++) {
            packed[target + plane * (bytes / 4) * width]! |= ((level >> plane) & 1) << bit;
          }
        }
      }
      base += count * (bytes / 4) * width;
    });
  });
  return { packed, offsets, blockBytes };
}
