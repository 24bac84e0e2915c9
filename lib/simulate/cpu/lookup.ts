// Host side of the look-up kernel: weights as nibbles of bit planes, records for slices and passes, and the block loop, in which an exact product
// takes over from the look-up wherever few conversions can clip.

import { bitPlanes } from "../../../kernels/simulate/bit_planes.ts";
import { crossbarLookup, PASS, PLAN, SLICE } from "../../../kernels/simulate/crossbar_lookup.ts";
import { copyColumns, startSums } from "../../../kernels/simulate/gather.ts";
import { integerGemm, PAIRS } from "../../../kernels/simulate/integer_gemm.ts";
import type { AdcKernel, Reach } from "./adc.ts";
import { digitCount, type SlicePlanes } from "./cells.ts";
import type { KernelStage } from "../../cpu/pool.ts";
import { CHUNK, type CpuDevice, type Executor } from "./device.ts";
import {
  ALWAYS_SAFE,
  clipBounds,
  type ExactProduct,
  exactProduct,
  type Layout,
  leastAbreast,
  safeCounts,
  safeLimits,
  unsafeShares,
  worthwhileShare,
} from "./saturate.ts";
import { prepareSubset } from "./subset.ts";
import { prepareWindow, rowCount } from "./window.ts";
import type { CrossbarStep } from "../program.ts";

/** Relative cost of a vector of columns when 1, 2, 3 or 4 share their table loads. */
const COST = [1.35, 1.1, 1.05, 1] as const;

/** Cost of a turn of the inner loop in look-ups. */
const TURN_COST = 0.5;
/** Cost of converting a tile, in rows counted. */
const TILE_COST = 32;
/** Positions of a block whose counts decide how it runs. */
const SAMPLES = 32;

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
function flushTiles(step: CrossbarStep, bound: number): number {
  return Math.floor(32767 / Math.max(1, bound * (bitsPerPass(step) === 2 && step.digitBits === 1 ? 3 : 1)));
}

/** Whether codes fit the kernel's accumulators. */
export function fitsLookup(step: CrossbarStep, adc: AdcKernel): boolean {
  return flushTiles(step, adc.bound) >= 1;
}

function bitsPerPass(step: CrossbarStep): 1 | 2 {
  return (step.digitBits === 1 ? digitCount(step) : step.digitBits) % 2 === 0 ? 2 : 1;
}

/** What {@linkcode prepareLookup} is told of a step. */
export interface LookupStep {
  readonly step: CrossbarStep;
  readonly adc: AdcKernel;
  readonly reach: Reach;
  /** Of the slices, see `slicePlanes`. */
  readonly planes: readonly SlicePlanes[];
  /** Σ of the weights of all conversions of an output: what a code of 1 everywhere would add. */
  readonly conversions: number;
}

/**
 * Packs cells and records. The step is "corrected" if blocks with few conversions that can clip run as an exact product, and a "subset" if large
 * batches count by tables of subsets.
 */
export async function prepareLookup(
  device: CpuDevice,
  { step, adc, reach, planes, conversions }: LookupStep,
): Promise<Executor & { readonly corrected: boolean; readonly subset: boolean }> {
  const { geometry, tiles, digitBits, correction, input, output: target } = step;
  const channels = geometry.outputShape[2], columns = channels / geometry.groups;
  const tallest = Math.max(...tiles.slice(1).map((end, tile) => end - tiles[tile]!));
  const unroll = chooseUnroll(tiles);
  const { vectors, abreast } = chooseShape(columns, planes);
  const width = vectors / abreast * 16, blocks = Math.ceil(columns / width);
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
    slices: step.slices / abreast,
    tiles: tileCount,
    passes: digitBits === 1 ? digits / bits : digits,
    flush: flushTiles(step, adc.bound),
    planeBytes: window.pitch,
    countBytes: countQuad,
    multiplier: adc.multiplier,
    low: adc.low,
    high: adc.high,
    table,
    scale: adc.scale,
    offset: adc.offset,
  };
  for (const [word, value] of Object.entries(words)) plan[PLAN[word as keyof typeof PLAN]] = value;
  const planAt = device.upload(plan);
  const passes = device.upload(passRecords(words.passes!, digitBits === 1 ? bits : digitBits, window.pitch, countQuad));
  const layout = { columns: blocks * width, width, abreast, tileRows: window.tileBytes, multiple: unroll * 4 };
  const exact = await prepareExact(device, { step, adc, reach, planes, conversions }, layout);
  const at = packGroups(device, step, { adc, planes, layout, limits: exact?.limits, bounds: exact?.bounds });
  const bias = device.upload(new Int32Array(blocks * width).fill(adc.base * conversions));
  const pack = await device.kernel(bitPlanes()), start = await device.kernel(startSums()), copy = await device.kernel(copyColumns());
  const form = { vectors, abreast, bits, unroll, digit: digitBits, simple, ...(adc.shift === undefined ? {} : { shift: adc.shift }) };
  const lookup = await device.kernel(crossbarLookup({ ...form, adc: clips ? "clip8" : adc.form }));
  const cuts = clips && (reach.high - adc.high) * (2 ** bits - 1) <= 255;
  const redo = exact && await device.kernel(crossbarLookup({ ...form, adc: cuts ? "clip8" : "clip", excess: true }));
  const redoPlan = exact &&
    device.upload(plan.map((word, index) => index === PLAN.flush ? exact.flush : index === PLAN.limitBytes ? exact.limitBytes : word));
  const parts = { layout, vectors, window, plan, groups: at, exact, form, clips };
  const subset = simple ? await prepareSubset(device, { step, adc, reach, planes, conversions }, parts) : undefined;
  const pitch = blocks * width * 4, direct = geometry.groups === 1 && channels * 4 === pitch;
  const planePitch = quads * window.pitch, countPitch = quads * countQuad;
  const { pool } = device;
  /** Σ digit of a pass, the largest where it has several; `one` is the count of a bit. */
  const sums = (one: (bit: number) => number, pass: number) => {
    if (digitBits === 1) return bits === 1 ? one(pass) : Math.max(one(2 * pass), one(2 * pass + 1));
    return Array.from({ length: digitBits }, (_, bit) => one(pass * digitBits + bit) * 2 ** bit).reduce((sum, term) => sum + term, 0);
  };
  /** Cost of a tile's look-ups relative to the mean. */
  const tileCost = Array.from(window.tileBytes, (bytes) => (bytes + TILE_COST) * tileCount / (window.pitch + TILE_COST * tileCount));
  /** Whether few enough conversions of a block can clip for the product to pay. */
  const safe = (at: number, count: number) => {
    if (exact === undefined) return false;
    const counts = pool.u16(at, count * countPitch / 2), samples = Math.min(SAMPLES, count);
    let unsafe = 0;
    for (let sample = 0; sample < samples; sample++) {
      const position = count === samples ? sample : Math.floor((sample * 0.6180339887498949) % 1 * count);
      for (let pass = 0; pass < words.passes!; pass++) {
        for (let tile = 0; tile < tileCount; tile++) {
          const one = (bit: number) => counts[(position * countPitch + (bit >> 2) * countQuad + tile * 8) / 2 + (bit & 3)]!;
          unsafe += tileCost[tile]! * exact.shares[tile]![sums(one, pass)]!;
        }
      }
    }
    return unsafe < exact.worthwhile() * samples * words.passes! * tileCount;
  };
  return {
    corrected: exact !== undefined,
    subset: subset !== undefined,
    run(batch, address) {
      if (subset?.(batch, address)) return;
      const source = window.pad(batch, address(input)), output = address(target);
      const bytes = window.pitch + planePitch + countPitch + pitch;
      device.blocks(batch * window.positions, bytes, (first, count) => {
        at.forEach((group, index) => {
          const rows = window.stage(source, index, first, count);
          const planesAt = device.scratch("planes", count * planePitch), counts = device.scratch("counts", count * countPitch);
          const out = direct ? output + first * pitch : device.scratch("sums", count * pitch);
          const packed = { kernel: pack, parameters: [rows.at, window.pitch, planesAt, counts, quads, tileBytes, tileCount] };
          pool.chain(rows.stage === undefined ? [packed] : [rows.stage, packed], count, CHUNK);
          const product = safe(counts, count), gain = product ? 0 : correction;
          const stages: KernelStage[] = [{ kernel: start, parameters: [rows.at, window.pitch, out, pitch, pitch / 16, bias, gain] }];
          if (product) {
            const whole = { rows: rows.at, pitch: window.pitch, from: 0, length: window.pitch, group: index, out, outPitch: pitch };
            stages.push(exact!.stage(whole));
          }
          const look = [planesAt, planePitch, counts, countPitch, group.blockBytes, out, pitch, product ? redoPlan! : planAt, turns];
          const rest = [group.slices, passes, product ? exact!.least[index]! : 0];
          stages.push({ kernel: product ? redo! : lookup, parameters: [...look, ...rest] });
          const to = output + (first * channels + index * columns) * 4;
          if (!direct) stages.push({ kernel: copy, parameters: [out, pitch, to, channels * 4, columns * 4] });
          pool.chain(stages, count, CHUNK);
        });
      });
    },
  };
}

/** A product of gathered rows: `length` of them from row `from` of all rows of the tiles, spare ones included. */
interface ProductRows {
  readonly rows: number;
  readonly pitch: number;
  readonly from: number;
  readonly length: number;
  readonly group: number;
  readonly out: number;
  readonly outPitch: number;
}

/** What runs tiles of a step as an exact product. */
export interface ExactWay {
  /** Whether the weights are i8. */
  readonly narrow: boolean;
  /** Turns of the correcting look-up until i16 sums must be widened. */
  readonly flush: number;
  /** Largest share of unsafe look-ups with which the product pays against a way of `plain` of the look-up's time. */
  readonly worthwhile: (plain?: number) => number;
  /** Of each tile, share of the look-ups that a Σ digit makes unsafe. */
  readonly shares: readonly Float64Array[];
  /** Whether no input can make a conversion of a tile clip. */
  readonly always: readonly boolean[];
  /** Addresses: of the safe limits by group, of the bounds of counts by slice, of safe counts by group. */
  readonly limits: readonly number[];
  readonly bounds: readonly number[];
  readonly least: readonly number[];
  /** Limits from one column block to the next. */
  readonly limitBytes: number;
  /** Adds the product of some rows to the sums. */
  readonly stage: (product: ProductRows) => KernelStage;
}

/** The exact product of a step whose converter clips, and what tells where that is not enough; undefined if it would not pay. */
async function prepareExact(
  device: CpuDevice,
  { step, adc, reach, planes }: LookupStep,
  layout: Layout,
): Promise<ExactWay | undefined> {
  const excess = Math.max(reach.high - adc.high, adc.low - reach.low), flush = flushTiles(step, excess);
  const zeroClips = adc.low > 0 || adc.high < 0;
  if (adc.form !== "clip" || zeroClips || flush < 1 || worthwhileShare(step, planes, true) <= 0) return undefined;
  const product = exactProduct(step, layout);
  if (product === undefined) return undefined;
  const { narrow, vectors } = product, worthwhile = (plain = 1) => worthwhileShare(step, planes, narrow, plain);
  if (worthwhile() <= 0) return undefined;
  const tiles = step.tiles.length - 1;
  const limits = product.packed.map((_, group) => leastAbreast(safeLimits(step, group, adc, layout), tiles, layout.abreast));
  const gemm = await device.kernel(integerGemm({ weights: narrow ? "i8" : "i16", vectors }));
  return {
    narrow,
    flush,
    worthwhile,
    shares: unsafeShares(step, planes, limits),
    always: Array.from(
      { length: tiles },
      (_, tile) => limits.every((each) => each.every((limit, at) => at % tiles !== tile || limit === ALWAYS_SAFE)),
    ),
    limits: limits.map((each) => device.upload(each)),
    bounds: planes.map((slice) => device.upload(clipBounds(adc, slice))),
    least: limits.map((each) => device.upload(safeCounts(step, each))),
    limitBytes: 4 * step.slices * tiles,
    stage: multiplication(device, gemm, product, layout),
  };
}

/** Multiplies gathered rows. Apart from what prepares it, so that it keeps no packed weights but those of the kernel. */
function multiplication(device: CpuDevice, gemm: number, { packed, flush, blocks, vectors }: ExactProduct, { tileRows }: Layout) {
  const weights = packed.map((each) => device.upload(each)), rowBytes = vectors * 8;
  const blockBytes = tileRows.reduce((sum, rows) => sum + rows, 0) * rowBytes;
  return ({ rows, pitch, from, length, group, out, outPitch }: ProductRows): KernelStage => {
    const turns = length / (2 * PAIRS), at = weights[group]! + from * rowBytes;
    return { kernel: gemm, parameters: [rows, pitch, at, blockBytes, turns, flush, out, outPitch, blocks, 0, 0] };
  };
}

/** Registers of 16 columns, and slices that lie side by side in them, at the least total cost. */
function chooseShape(columns: number, planes: readonly SlicePlanes[]): { readonly vectors: number; readonly abreast: number } {
  const [first] = planes;
  const alike = planes.every(({ least, factor, planes }) => least === first!.least && factor === first!.factor && planes === first!.planes);
  const shape = (across: number) => {
    const abreast = alike ? [4, 3, 2, 1].find((slices) => planes.length % slices === 0 && slices * across <= 4)! : 1;
    const vectors = across * abreast;
    return { vectors, abreast, cost: Math.ceil(columns / (16 * across)) * across * COST[vectors - 1]! };
  };
  return [1, 2, 3, 4].map(shape).reduce((best, each) => each.cost < best.cost ? each : best);
}

/** Look-ups per turn of the inner loop at the least total cost: longer turns waste more on tiles that do not fill them. */
function chooseUnroll(tiles: readonly number[]): number {
  const cost = (unroll: number) =>
    tiles.slice(1).reduce((sum, end, tile) => sum + Math.ceil((end - tiles[tile]!) / (4 * unroll)) * (unroll + TURN_COST), 0);
  return [16, 8, 4].reduce((best, unroll) => cost(unroll) < cost(best) ? unroll : best);
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

/** Records of the slices abreast, see `SLICE`. */
function sliceRecords(
  step: CrossbarStep,
  { adc, planes, layout, bounds }: Packing,
  weights: readonly number[],
  limits: number,
): Int32Array {
  const { abreast } = layout, records = new Int32Array(step.slices / abreast * SLICE.words);
  for (let slice = 0; slice < step.slices; slice++) {
    const at = Math.floor(slice / abreast) * SLICE.words, { planes: count, factor, least } = planes[slice]!;
    records[at + SLICE.weight + slice % abreast] = step.sliceWeights[slice]!;
    if (slice % abreast !== 0) continue;
    records[at + SLICE.weights] = weights[slice]!;
    records[at + SLICE.planes] = count;
    records[at + SLICE.factor] = factor * adc.scale;
    records[at + SLICE.sum] = least * adc.scale;
    records[at + SLICE.offset] = adc.offset;
    records[at + SLICE.limits] = limits + 4 * slice * (step.tiles.length - 1);
    records[at + SLICE.bounds] = bounds?.[slice] ?? 0;
    records[at + SLICE.least] = least;
    records[at + SLICE.distance] = factor;
  }
  return records;
}

/** What packs the cells of each group. */
interface Packing {
  readonly adc: AdcKernel;
  readonly planes: readonly SlicePlanes[];
  readonly layout: Layout;
  /** Addresses of the safe limits, by group. */
  readonly limits: readonly number[] | undefined;
  /** Addresses of the bounds of counts, by slice. */
  readonly bounds: readonly number[] | undefined;
}

/** Slice records of each group. Apart from the executor, which then does not keep the cells it was made of. */
function packGroups(device: CpuDevice, step: CrossbarStep, packing: Packing) {
  const { planes, layout, limits } = packing;
  return Array.from({ length: step.geometry.groups }, (_, group) => {
    const { at, offsets, blockBytes } = packCells(device, step, group, planes, layout);
    const addresses = offsets.map((offset) => at + offset);
    return { slices: device.upload(sliceRecords(step, packing, addresses, limits?.[group] ?? 0)), blockBytes };
  });
}

/**
 * One group's cells as [block][slices abreast][tile][plane][4 rows][slice][column] nibbles; offsets of the slices in a block, of which those of the
 * first abreast matter.
 * Spare columns repeat the last one, so that their sums stay within reach of the ADC's table.
 */
function packCells(
  device: CpuDevice,
  step: CrossbarStep,
  group: number,
  planes: readonly SlicePlanes[],
  { width, abreast, tileRows: tileBytes }: Layout,
): { at: number; offsets: number[]; blockBytes: number } {
  const rows = rowCount(step.geometry), columns = step.geometry.outputShape[2] / step.geometry.groups;
  const blocks = Math.ceil(columns / width);
  const steps = tileBytes.reduce((sum, bytes) => sum + bytes / 4, 0);
  const offsets: number[] = [];
  let blockBytes = 0;
  for (const slice of planes) {
    offsets.push(blockBytes);
    blockBytes += slice.planes * steps * width;
  }
  const at = device.constants(blocks * blockBytes), packed = device.pool.u8(at, blocks * blockBytes);
  planes.forEach(({ least, factor, planes: count }, slice) => {
    const first = slice - slice % abreast, wide = width * abreast;
    let base = offsets[first]! + (slice - first) * width;
    tileBytes.forEach((bytes, tile) => {
      const start = step.tiles[tile]!;
      for (let row = start; row < step.tiles[tile + 1]!; row++) {
        const from = ((group * step.slices + slice) * rows + row) * columns;
        const place = base + ((row - start) >> 2) * wide, bit = (row - start) & 3;
        for (let column = 0; column < blocks * width; column++) {
          const level = (step.cells[from + Math.min(column, columns - 1)]! - least) / factor;
          const block = Math.floor(column / width);
          const target = block * blockBytes + place + column - block * width;
          for (let plane = 0; plane < count; plane++) {
            packed[target + plane * (bytes / 4) * wide]! |= ((level >> plane) & 1) << bit;
          }
        }
      }
      base += count * (bytes / 4) * wide;
    });
  });
  return { at, offsets, blockBytes };
}
