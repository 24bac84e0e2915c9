// What the converters of a layer see: partial sums on a sample of positions, counted with packed bits, and what the ADC does to them.

import type { ResolvedAdc } from "../../circuit/adc.ts";
import { adcCode } from "../../circuit/adc.ts";
import { ShapeError } from "../../errors.ts";
import { hash } from "../../random.ts";
import { elements, type Tensor } from "../../tensor.ts";
import type { CrossbarPlan } from "../lower/crossbar.ts";
import { packCells, packInputs, popcountAnd } from "./packed_bits.ts";
import { sourceIndex } from "../reference/crossbar.ts";

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
  /** Output positions looked at. */
  readonly positions: number;
  /** With an ADC: shares of conversions below and above its range. */
  readonly clipped?: { readonly low: number; readonly high: number };
  /** With an ADC: Σ of squared exact outputs (multiplier · Σ x · (code − zero)), and of squared errors; noise 0 is lossless. */
  readonly power?: { readonly signal: number; readonly noise: number };
}

/** Positions wanted before columns are left out. */
const POSITIONS = 64;

/**
 * Counts the partial sums of a layer on some of its inputs: a sample of output positions (and of columns, if the layer is large), the same for the
 * same seed and shapes.
 *
 * @param plan The layer, from the `layers` of a lowered program.
 * @param codes Its input codes, `[batch, height, width, channels]`.
 * @throws {ShapeError} if the codes do not have the layer's input shape.
 */
export function observe(plan: CrossbarPlan, codes: Tensor<Uint8Array>, options: ObserveOptions = {}): Observation {
  const { adc, budget = 3e7, seed = 0 } = options;
  const { geometry, slices, inputBits, digitBits, reach: [min, max], sliceWeights } = plan;
  const batch = codes.shape[0] ?? 0;
  const pixels = elements(geometry.inputShape);
  if (codes.shape.length !== 4 || codes.data.length !== batch * pixels || elements(codes.shape) !== codes.data.length) {
    throw new ShapeError("observe a layer", { where: plan.name, got: codes.shape, wanted: `[batch, ${geometry.inputShape}]` });
  }
  const all = geometry.outputShape[2] / geometry.groups;
  const [height, width] = geometry.outputShape;
  const digits = Math.ceil(inputBits / digitBits);
  const digitPlanes = Math.min(digitBits, inputBits);
  const words = plan.tiles.slice(1).reduce((sum, end, tile) => sum + Math.ceil((end - plan.tiles[tile]!) / 32), 0);
  const perColumn = words * geometry.groups * digits * digitPlanes * slices * cellPlanes(plan);
  const columns = pickSome(all, Math.max(1, Math.min(all, Math.floor(budget / (POSITIONS * perColumn)))), hash(seed, 1));
  const total = batch * height * width;
  const chosen = pickSome(total, Math.max(1, Math.min(total, Math.floor(budget / (perColumn * columns.length)))), hash(seed, 2));

  const packed = packCells(plan, columns);
  const counts = new Float64Array(digits * slices * (max - min + 1));
  const values = adc === undefined ? undefined : Float64Array.from({ length: max - min + 1 }, (_, index) => {
    return adc.lo + adc.step * adcCode(adc, (index + min) * plan.unit) - (index + min) * plan.unit;
  });
  const exact = new Float64Array(columns.length), error = new Float64Array(columns.length);
  let signal = 0, noise = 0;
  const line = new Uint8Array(plan.rowIndex.length);
  for (const place of chosen) {
    const image = Math.floor(place / (height * width));
    const y = Math.floor(place / width) % height, x = place % width;
    for (let group = 0; group < geometry.groups; group++) {
      let sumOfInputs = 0;
      for (let row = 0; row < line.length; row++) {
        const source = sourceIndex(geometry, group, plan.rowIndex[row]!, y, x);
        line[row] = source < 0 ? 0 : codes.data[image * pixels + source]!;
        sumOfInputs += line[row]!;
      }
      const inputs = packInputs(plan, line, packed.words);
      exact.fill(plan.correction * sumOfInputs);
      error.fill(0);
      for (let tile = 0; tile + 1 < plan.tiles.length; tile++) {
        const start = packed.starts[tile]!, length = packed.starts[tile + 1]! - start;
        for (let digit = 0; digit < digits; digit++) {
          const base = packed.lowest * inputs.sums[tile * digits + digit]!;
          for (let slice = 0; slice < slices; slice++) {
            const gain = 2 ** (digitBits * digit) * sliceWeights[slice]!;
            const bins = (digit * slices + slice) * (max - min + 1) - min;
            for (let column = 0; column < columns.length; column++) {
              let bits = 0;
              for (let plane = 0; plane < packed.planes; plane++) {
                const cells = (((group * slices + slice) * columns.length + column) * packed.planes + plane) * packed.words + start;
                for (let part = 0; part < digitPlanes; part++) {
                  const from = (digit * digitPlanes + part) * packed.words + start;
                  bits += popcountAnd(inputs.bits, from, packed.bits, cells, length) << (plane + part);
                }
              }
              const sum = base + packed.factor * bits;
              counts[bins + sum]!++;
              exact[column]! += gain * plan.unit * sum;
              if (values !== undefined) error[column]! += gain * values[sum - min]!;
            }
          }
        }
      }
      for (let column = 0; column < columns.length; column++) {
        signal += exact[column]! ** 2;
        noise += error[column]! ** 2;
      }
    }
  }
  const { histogram, influence } = merge(plan, counts, max - min + 1, digits);
  const seen = { min, histogram, influence, positions: chosen.length };
  return adc === undefined ? seen : { ...seen, clipped: clippedShare(seen, adc), power: { signal, noise } };
}

/** Signal to quantisation noise in dB; Infinity where nothing was lost. */
export function decibels({ signal, noise }: { readonly signal: number; readonly noise: number }): number {
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

/** Shares of the counted sums that lie more than half a step below or above what an ADC can represent. */
export function clippedShare({ min, histogram }: Pick<Observation, "min" | "histogram">, adc: ResolvedAdc): { low: number; high: number } {
  let low = 0, high = 0, all = 0;
  const bottom = adc.lo - adc.step / 2, top = adc.lo + adc.step * (adc.levels - 0.5);
  histogram.forEach((count, index) => {
    const sum = (index + min) * adc.unit;
    all += count;
    if (sum < bottom) low += count;
    else if (sum > top) high += count;
  });
  return all === 0 ? { low: 0, high: 0 } : { low: low / all, high: high / all };
}

function merge({ slices, sliceWeights, digitBits }: CrossbarPlan, counts: Float64Array, length: number, digits: number) {
  const histogram = new Float64Array(length), influence = new Float64Array(length);
  for (let digit = 0; digit < digits; digit++) {
    for (let slice = 0; slice < slices; slice++) {
      const squared = (2 ** (digitBits * digit) * sliceWeights[slice]!) ** 2;
      const part = (digit * slices + slice) * length;
      for (let index = 0; index < length; index++) {
        histogram[index]! += counts[part + index]!;
        influence[index]! += squared * counts[part + index]!;
      }
    }
  }
  return { histogram, influence };
}

function cellPlanes({ cells }: CrossbarPlan): number {
  let low = 127, high = -128;
  for (const cell of cells) {
    low = Math.min(low, cell);
    high = Math.max(high, cell);
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
