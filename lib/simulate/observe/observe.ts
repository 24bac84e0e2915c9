// What the converters of a layer see: partial sums on a sample of positions, counted with packed bits, and what the ADC does to them.

import { adcCode, adcLimits, type ObservedSums, type ResolvedAdc } from "../../circuit/adc.ts";
import { ShapeError } from "../../errors.ts";
import { hash } from "../../random.ts";
import { elements, type Tensor } from "../../tensor.ts";
import type { ArrayPlan, CrossbarPlan } from "../lower/crossbar.ts";
import { type LayerPlan, windowOrigins } from "../lower/placed.ts";
import type { Geometry } from "../program.ts";
import { packCells, packInputs, popcountAnd } from "./packed_bits.ts";
import { rowsOf, sourceIndex } from "../reference/crossbar.ts";

/** How {@linkcode observe} samples. */
export interface ObserveOptions {
  /** Converter to judge; without one, only sums are counted. */
  readonly adc?: ResolvedAdc;
  /** 32-bit words to combine, at most about this many; default 30 million, some 0.2 s. */
  readonly budget?: number;
  /** Key of the sample; default 0. */
  readonly seed?: number;
}

/** Partial sums of one layer. */
export interface Observation {
  /** Sum counted in the first bin of both histograms. */
  readonly min: number;
  /** Number of times each integer sum was converted. */
  readonly histogram: Float64Array;
  /** The same, each time counted by its squared factor (2^digit · slice weight)² in the layer's output. */
  readonly influence: Float64Array;
  /** Both histograms of each slice alone. */
  readonly slices: readonly Required<Omit<ObservedSums, "slices">>[];
  /** Output positions looked at. */
  readonly positions: number;
  /** With an ADC: shares of conversions below and above its range. */
  readonly clipped?: { readonly low: number; readonly high: number };
  /** With an ADC: Σ of squared exact outputs (multiplier · Σ x · (code − zero)), and of squared errors; noise 0 is lossless. */
  readonly power?: { readonly signal: number; readonly noise: number };
}

/** Positions wanted before columns are left out. */
const POSITIONS = 64;

/** One step of a layer as it is observed. */
interface View {
  readonly plan: CrossbarPlan;
  /** Groups of the layer, one for each group of the step. */
  readonly groups: readonly number[];
  /** Columns of the step that are looked at, and their place among all that are, counted within a group. */
  readonly columns: readonly number[];
  readonly slots: readonly number[];
  /** Reads the rows of a position; false if the step makes no output there. */
  read(line: Uint8Array, codes: Uint8Array, pixel: number, group: number): boolean;
}

/**
 * Counts the partial sums of a layer on some of its inputs: a sample of output positions (and of columns, if the layer is large), the same for the
 * same seed and shapes. At each position all conversions count that the placement makes for it.
 *
 * @param plan The layer, from the `layers` of a lowered program.
 * @param codes Its input codes, `[batch, height, width, channels]`.
 * @throws {ShapeError} if the codes do not have the layer's input shape.
 */
export function observe(plan: LayerPlan, codes: Tensor<Uint8Array>, options: ObserveOptions = {}): Observation {
  const { adc, budget = 3e7, seed = 0 } = options;
  const { geometry, slices, inputBits, digitBits, reach: [min, max], sliceWeights } = plan;
  const batch = codes.shape[0] ?? 0;
  const pixels = elements(geometry.inputShape);
  if (codes.shape.length !== 4 || codes.data.length !== batch * pixels || elements(codes.shape) !== codes.data.length) {
    throw new ShapeError("observe a layer", { where: plan.name, got: codes.shape, wanted: `[batch, ${geometry.inputShape}]` });
  }
  const all = geometry.outputShape[2] / geometry.groups, area = geometry.outputShape[0] * geometry.outputShape[1];
  const digits = Math.ceil(inputBits / digitBits);
  const digitPlanes = Math.min(digitBits, inputBits);
  const perColumn = wordsPerPosition(plan) * digits * digitPlanes * slices * cellPlanes(plan);
  const columns = pickSome(all, Math.max(1, Math.min(all, Math.floor(budget / (POSITIONS * perColumn)))), hash(seed, 1));
  const places = batch * area;
  const chosen = pickSome(places, Math.max(1, Math.min(places, Math.floor(budget / (perColumn * columns.length)))), hash(seed, 2));

  const views = viewsOf(plan, columns).map((view) => ({ ...view, packed: packCells(view.plan, view.columns) }));
  const counts = new Float64Array(digits * slices * (max - min + 1));
  const values = adc === undefined ? undefined : Array.from({ length: slices }, (_, slice) => conversionErrors(sliceAdc(adc, slice), plan));
  const exact = new Float64Array(geometry.groups * columns.length), error = new Float64Array(exact.length);
  let signal = 0, noise = 0;
  const line = new Uint8Array(Math.max(0, ...views.map(({ plan }) => plan.rowIndex.length)));
  for (const place of chosen) {
    const image = codes.data.subarray(Math.floor(place / area) * pixels, (Math.floor(place / area) + 1) * pixels), pixel = place % area;
    for (let group = 0; group < geometry.groups; group++) {
      exact.fill(
        plan.correction === 0 ? 0 : plan.correction * inputSum(geometry, image, pixel, group),
        group * columns.length,
        (group + 1) * columns.length,
      );
    }
    error.fill(0);
    for (const { plan: { tiles }, plan: step, groups, columns: seen, slots, packed, read } of views) {
      for (const [index, group] of groups.entries()) {
        if (!read(line, image, pixel, index)) break;
        const inputs = packInputs(step, line, packed.words), first = group * columns.length;
        for (let tile = 0; tile + 1 < tiles.length; tile++) {
          const start = packed.starts[tile]!, length = packed.starts[tile + 1]! - start;
          for (let digit = 0; digit < digits; digit++) {
            const base = packed.lowest * inputs.sums[tile * digits + digit]!;
            for (let slice = 0; slice < slices; slice++) {
              const gain = 2 ** (digitBits * digit) * sliceWeights[slice]!;
              const bins = (digit * slices + slice) * (max - min + 1) - min;
              const stride = packed.planes * packed.words, single = packed.planes === 1 && digitPlanes === 1;
              let cells = (index * slices + slice) * seen.length * stride + start;
              for (let column = 0; column < seen.length; column++, cells += stride) {
                let bits = 0;
                // Most layers have one bit per cell and per step; the loops over planes would cost them as much as the count.
                if (single) bits = popcountAnd(inputs.bits, digit * packed.words + start, packed.bits, cells, length);
                else {
                  for (let plane = 0; plane < packed.planes; plane++) {
                    for (let part = 0; part < digitPlanes; part++) {
                      const from = (digit * digitPlanes + part) * packed.words + start;
                      bits += popcountAnd(inputs.bits, from, packed.bits, cells + plane * packed.words, length) << (plane + part);
                    }
                  }
                }
                const sum = base + packed.factor * bits;
                counts[bins + sum]!++;
                if (values === undefined) continue;
                const slot = first + slots[column]!;
                exact[slot]! += gain * plan.unit * sum;
                error[slot]! += gain * values[slice]![sum - min]!;
              }
            }
          }
        }
      }
    }
    for (let slot = 0; slot < exact.length; slot++) {
      signal += exact[slot]! ** 2;
      noise += error[slot]! ** 2;
    }
  }
  const parts = perSlice(plan, counts, max - min + 1, digits);
  const seen = { min, histogram: total(parts, "histogram"), influence: total(parts, "influence"), slices: parts, positions: chosen.length };
  return adc === undefined
    ? seen
    : { ...seen, clipped: meanShares(parts.map((part, slice) => clippedShare(part, sliceAdc(adc, slice)))), power: { signal, noise } };
}

/** The steps of a layer, of which some output channels of each group are looked at. */
function viewsOf(plan: LayerPlan, chosen: readonly number[]): View[] {
  const { geometry } = plan, [, width] = geometry.outputShape;
  if (!("units" in plan)) {
    const groups = Array.from({ length: geometry.groups }, (_, group) => group), { rowIndex } = plan;
    const read = (line: Uint8Array, image: Uint8Array, pixel: number, group: number) => {
      for (let row = 0; row < rowIndex.length; row++) {
        const source = sourceIndex(geometry, group, rowIndex[row]!, Math.floor(pixel / width), pixel % width);
        line[row] = source < 0 ? 0 : image[source]!;
      }
      return true;
    };
    return [{ plan, groups, columns: chosen, slots: chosen.map((_, slot) => slot), read }];
  }
  const perGroup = geometry.outputShape[2] / geometry.groups, slotOf = new Map(chosen.map((column, slot) => [column, slot]));
  const [height, breadth, channels] = geometry.inputShape;
  return plan.units.map(({ plan, rows, pixels, channels: outputs }): View => {
    const wide = outputs.length / plan.geometry.groups, count = plan.rowIndex.length, origins = windowOrigins(pixels, geometry);
    const columns = Array.from({ length: wide }, (_, column) => column).filter((column) => slotOf.has(outputs[column]! % perGroup));
    const positions = new Map(Array.from(pixels, (pixel, position) => [pixel, position]));
    return {
      plan,
      groups: Array.from({ length: plan.geometry.groups }, (_, group) => Math.floor(outputs[group * wide]! / perGroup)),
      columns,
      slots: columns.map((column) => slotOf.get(outputs[column]! % perGroup)!),
      read(line, image, pixel, group) {
        const position = positions.get(pixel);
        if (position === undefined) return false;
        const top = origins[2 * position]!, left = origins[2 * position + 1]!;
        for (let row = 0, at = 3 * group * count; row < count; row++, at += 3) {
          const y = top + rows[at]!, x = left + rows[at + 1]!;
          line[row] = y < 0 || y >= height || x < 0 || x >= breadth ? 0 : image[(y * breadth + x) * channels + rows[at + 2]!]!;
        }
        return true;
      },
    };
  });
}

/** Σ x over the window of an output. */
function inputSum(geometry: Geometry, image: Uint8Array, pixel: number, group: number): number {
  const width = geometry.outputShape[1];
  let sum = 0;
  for (let row = rowsOf(geometry) - 1; row >= 0; row--) {
    const source = sourceIndex(geometry, group, row, Math.floor(pixel / width), pixel % width);
    if (source >= 0) sum += image[source]!;
  }
  return sum;
}

/** 32-bit words of the rows of one output position, all groups and tiles, on average. */
function wordsPerPosition(plan: LayerPlan): number {
  const wordsOf = ({ tiles }: CrossbarPlan) => tiles.slice(1).reduce((sum, end, tile) => sum + Math.ceil((end - tiles[tile]!) / 32), 0);
  if (!("units" in plan)) return plan.geometry.groups * wordsOf(plan);
  const { outputShape: [height, width, channels] } = plan.geometry, perGroup = channels / plan.geometry.groups;
  const words = plan.units.reduce((sum, unit) => sum + wordsOf(unit.plan) * unit.pixels.length * unit.channels.length, 0);
  return Math.max(1, words / (height * width * perGroup));
}

/** Signal to quantisation noise in dB; Infinity where nothing was lost. */
export function decibels({ signal, noise }: { readonly signal: number; readonly noise: number }): number {
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

/** Shares of the counted sums that lie more than half a step below or above what an ADC can represent. */
export function clippedShare({ min, histogram }: Pick<Observation, "min" | "histogram">, adc: ResolvedAdc): { low: number; high: number } {
  let low = 0, high = 0, all = 0;
  const [bottom, top] = adcLimits(adc);
  histogram.forEach((count, index) => {
    const sum = (index + min) * adc.unit;
    all += count;
    if (sum < bottom) low += count;
    else if (sum > top) high += count;
  });
  return all === 0 ? { low: 0, high: 0 } : { low: low / all, high: high / all };
}

/** Histograms of each slice, all its digits together. */
function perSlice({ slices, sliceWeights, digitBits, reach: [min] }: ArrayPlan, counts: Float64Array, length: number, digits: number) {
  return Array.from({ length: slices }, (_, slice) => {
    const histogram = new Float64Array(length), influence = new Float64Array(length);
    for (let digit = 0; digit < digits; digit++) {
      const squared = (2 ** (digitBits * digit) * sliceWeights[slice]!) ** 2, part = (digit * slices + slice) * length;
      for (let index = 0; index < length; index++) {
        histogram[index]! += counts[part + index]!;
        influence[index]! += squared * counts[part + index]!;
      }
    }
    return { min, histogram, influence };
  });
}

function total(parts: readonly Readonly<Record<"histogram" | "influence", Float64Array>>[], of: "histogram" | "influence"): Float64Array {
  const sums = new Float64Array(parts[0]?.[of].length ?? 0);
  for (const part of parts) part[of].forEach((count, index) => sums[index]! += count);
  return sums;
}

/** All slices convert equally often. */
function meanShares(shares: readonly { readonly low: number; readonly high: number }[]): { low: number; high: number } {
  const mean = (side: "low" | "high") => shares.reduce((sum, share) => sum + share[side], 0) / shares.length;
  return { low: mean("low"), high: mean("high") };
}

/** The converter of a slice. */
function sliceAdc(adc: ResolvedAdc, slice: number): ResolvedAdc {
  return adc.slices?.[slice] ?? adc;
}

/** What conversion changes, for every sum within reach. */
function conversionErrors(adc: ResolvedAdc, { reach: [min, max], unit }: ArrayPlan): Float64Array {
  const errors = new Float64Array(max - min + 1);
  for (let index = 0; index < errors.length; index++) {
    const value = (index + min) * unit;
    errors[index] = adc.lo + adc.step * adcCode(adc, value) - value;
  }
  return errors;
}

function cellPlanes(plan: LayerPlan): number {
  let low = 127, high = -128;
  for (const { cells } of "units" in plan ? plan.units.map((unit) => unit.plan) : [plan]) {
    for (const cell of cells) {
      low = Math.min(low, cell);
      high = Math.max(high, cell);
    }
  }
  return Math.max(1, 32 - Math.clz32(high - low));
}

/** `count` of the numbers 0 … total − 1, ascending: one from each of `count` equal stretches. */
function pickSome(total: number, count: number, key: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const start = Math.floor(index * total / count), end = Math.floor((index + 1) * total / count);
    return start + hash(key, index) % (end - start);
  });
}
