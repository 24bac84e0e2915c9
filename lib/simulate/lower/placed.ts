// A layer on arrays by any placement: plainly unfolded layers run as one step; others gather rows, run a step per unit, and scatter what comes out.

import type { LayerAdc } from "../../circuit/adc.ts";
import type { MappedLayer } from "../../map/mapped.ts";
import { elements } from "../../tensor.ts";
import type { AdcTable, Geometry, ScatterPart, Step, Value } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";
import {
  type ArrayPlan,
  checkUnit,
  correctionFactors,
  type CrossbarPlan,
  extremes,
  type Factors,
  layerCells,
  lowerCrossbar,
  planCrossbar,
  type TabledAdc,
  tabulate,
  tallest,
} from "./crossbar.ts";
import { type ConversionUnit, conversionUnits, unfolding } from "./units.ts";

/** One crossbar step of a placed layer. */
export interface PlacedUnit {
  /** The step, on gathered rows; its reach is the whole layer's. */
  readonly plan: CrossbarPlan;
  /** `[groups · rows][3]`: lines and columns from a position's origin, and the channel. */
  readonly rows: Int32Array;
  /** Output pixels it adds to, ascending. */
  readonly pixels: Int32Array;
  /** Output channels it adds to. */
  readonly channels: Int32Array;
}

/** A placed layer before its ADC is chosen. */
export interface PlacedPlan extends ArrayPlan {
  /** What is converted alike. */
  readonly units: readonly PlacedUnit[];
}

/** A layer on arrays before its ADC is chosen. */
export type LayerPlan = CrossbarPlan | PlacedPlan;

/**
 * Lays out a layer's cells as its arrays sum them.
 *
 * @param inputBits Bits of the input codes.
 * @param digitBits Bits applied to the word lines at once.
 * @throws {MappingError} if a cell's effect does not fit 8 bits.
 */
export function planLayer(layer: MappedLayer, inputBits: number, digitBits: number): LayerPlan {
  const { geometry } = layer.placement;
  const units = conversionUnits(layer.placement), plain = unfolding(geometry, units);
  if (plain !== undefined) return planCrossbar(layer, plain, inputBits, digitBits);
  const { cells, plan, fullScale } = layerCells(layer, inputBits, digitBits);
  const parts = units.map((unit) => ({ unit, ...unitCells(unit, geometry, cells, plan.slices) }));
  const reaches = parts.map((part) => extremes({ ...plan, ...part }).reach);
  const reach = [Math.min(0, ...reaches.map(([low]) => low)), Math.max(0, ...reaches.map(([, high]) => high))] as const;
  const whole: ArrayPlan = { ...plan, reach, fullScale: fullScale(Math.max(0, ...parts.map(({ tiles }) => tallest(tiles)))) };
  return {
    ...whole,
    units: parts.map(({ unit, ...part }) => ({
      plan: { ...whole, ...part, correction: 0 },
      rows: unitRows(unit, geometry),
      pixels: unit.pixels,
      channels: Int32Array.from(unit.groups.flatMap((group) => {
        return Array.from(unit.columns, (column) => group * geometry.outputShape[2] / geometry.groups + column);
      })),
    })),
  };
}

/** Cells of a unit's step, its window on gathered rows, and its tiles. */
function unitCells({ groups, columns, tiles: rows, pixels }: ConversionUnit, geometry: Geometry, all: Int8Array, slices: number) {
  const natural = rowsOf(geometry), perGroup = geometry.outputShape[2] / geometry.groups;
  const tiles = [0];
  for (const tile of rows) tiles.push(tiles.at(-1)! + tile.length);
  const count = tiles.at(-1)!;
  const cells = new Int8Array(groups.length * slices * count * columns.length);
  let at = 0;
  for (const group of groups) {
    for (let slice = 0; slice < slices; slice++) {
      for (const tile of rows) {
        for (const row of tile) {
          const from = ((group * slices + slice) * natural + row) * perGroup;
          for (const column of columns) cells[at++] = all[from + column]!;
        }
      }
    }
  }
  const unfolded: Geometry = {
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: groups.length,
    inputShape: [1, pixels.length, groups.length * count],
    outputShape: [1, pixels.length, groups.length * columns.length],
  };
  return { cells, tiles, geometry: unfolded, rowIndex: Int32Array.from({ length: count }, (_, row) => row) };
}

function unitRows({ groups, tiles }: ConversionUnit, { kernel, dilation, groups: all, inputShape }: Geometry): Int32Array {
  const channels = inputShape[2] / all;
  return Int32Array.from(groups.flatMap((group) =>
    tiles.flatMap((tile) =>
      Array.from(tile).flatMap((row) => {
        const channel = row % channels, tap = (row - channel) / channels, column = tap % kernel[1];
        return [(tap - column) / kernel[1] * dilation[0], column * dilation[1], group * channels + channel];
      })
    )
  ));
}

/** Line and column, possibly in the padding, at which the window of each output pixel starts. */
export function windowOrigins(pixels: Int32Array, { stride, padding, outputShape: [, width] }: Geometry): Int32Array {
  const origins = new Int32Array(2 * pixels.length);
  pixels.forEach((pixel, index) => {
    origins[2 * index] = Math.floor(pixel / width) * stride[0] - padding[0];
    origins[2 * index + 1] = (pixel % width) * stride[1] - padding[1];
  });
  return origins;
}

/** Where the steps of a layer go. */
export interface LayerTarget {
  /** Value with the layer's input codes. */
  readonly input: number;
  /** Value for the layer's output. */
  readonly output: number;
  /** Makes a value. */
  value(type: Value["type"], shape: Value["shape"]): number;
}

/** A layer's steps: y = gain · out + constant is Σ x · multiplier · (code − zero), as far as the ADC resolves it. */
export interface LayerLowered {
  /** In order; the last one writes the output. */
  readonly steps: readonly Step[];
  /** Real sum per unit of the output. */
  readonly gain: number;
  /** Real sum at an output of 0. */
  readonly constant: number;
  /** The converter, if it has limits. */
  readonly table?: AdcTable;
}

/**
 * Gives a layer its converter.
 *
 * Where outputs differ in how often they are converted, so does the constant a converter's offset adds. It then goes into the start of each output, and
 * sums are scaled by the largest power of two that 32 bits allow, so that little is lost by rounding it.
 *
 * @throws {NumericError} if a sum could leave 32 bits.
 */
export function lowerPlan(plan: LayerPlan, adc: LayerAdc, target: LayerTarget): LayerLowered {
  if (!("units" in plan)) {
    const { step, ...scale } = lowerCrossbar(plan, adc, target.input, target.output);
    return { steps: [step], ...scale, ...(step.adc.kind === "table" ? { table: step.adc.table } : {}) };
  }
  checkUnit(plan, adc);
  const { geometry, units, sliceWeights, correction } = plan;
  const dynamic = "dynamic" in adc, tabled = dynamic ? undefined : tabulate(plan, adc);
  const start: LayerStart = dynamic
    ? { factors: { codes: 1, inputs: correction, gain: 1 }, constant: 0 }
    : startOf(plan, conversionCounts(plan), adc.step, tabled!);
  const converter = dynamic
    ? { kind: "dynamic", levels: adc.levels, unit: plan.unit } as const
    : { kind: "table", table: tabled!.table } as const;
  const steps: Step[] = [], inputs: number[] = [], parts: ScatterPart[] = [];
  for (
    const { plan: { name: _name, unit: _unit, multiplier: _multiplier, reach: _reach, fullScale: _full, ...step }, rows, pixels, channels }
      of units
  ) {
    const gathered = target.value("u8", step.geometry.inputShape);
    const sums = target.value(dynamic ? "f32" : "i32", step.geometry.outputShape);
    steps.push({ op: "gather", input: target.input, output: gathered, origins: windowOrigins(pixels, geometry), rows });
    steps.push({ ...step, op: "crossbar", input: gathered, output: sums, sliceWeights, adc: converter });
    inputs.push(sums);
    parts.push({ pixels, channels, factor: start.factors.codes });
  }
  if (correction !== 0) {
    const sums = target.value("i32", geometry.outputShape);
    const weights = new Int16Array(rowsOf(geometry) * geometry.outputShape[2]).fill(1);
    steps.push({ op: "integer", input: target.input, output: sums, geometry, weights, zero: 0 });
    inputs.push(sums);
    const all = (length: number) => Int32Array.from({ length }, (_, index) => index);
    const [height, width, channels] = geometry.outputShape;
    parts.push({ pixels: all(height * width), channels: all(channels), factor: start.factors.inputs });
  }
  const { factors: { gain }, constant, bias } = start;
  steps.push({ op: "scatter", inputs, output: target.output, parts, ...(bias === undefined ? {} : { bias }) });
  return { steps, gain, constant, ...(tabled === undefined ? {} : { table: tabled.table }) };
}

/** Where the sums of a layer start. */
export interface LayerStart {
  /** Factors of codes and inputs. */
  readonly factors: Factors;
  /** Real sum at an output of 0, the same for all outputs. */
  readonly constant: number;
  /** Start of each output, where it is not. */
  readonly bias?: Int32Array;
}

/**
 * Factors of a layer's sums, and the constant that goes with them, output by output if need be.
 *
 * @param counts Row tiles converted for each output element.
 */
export function startOf(plan: ArrayPlan, counts: Int32Array, step: number, { magnitude, rest }: Omit<TabledAdc, "table">): LayerStart {
  let [least, most] = [Infinity, 0];
  for (const count of counts) [least, most] = [Math.min(least, count), Math.max(most, count)];
  if (least === most) return { factors: correctionFactors(plan, step, most * magnitude), constant: most * rest };
  const shift = most * Math.abs(rest) / step;
  if (shift < 1e-6) return { factors: correctionFactors(plan, step, most * magnitude), constant: 0 };
  const codes = most * magnitude + Math.ceil(shift) + 1;
  const factors = correctionFactors(plan, step, codes);
  const largest = factors.codes * codes + Math.abs(factors.inputs) * rowsOf(plan.geometry) * (2 ** plan.inputBits - 1);
  const scale = 2 ** Math.max(0, Math.min(20, Math.floor(Math.log2((2 ** 31 - 2) / largest))));
  const gain = factors.gain / scale;
  const bias = counts.map((count) => Math.round(count * rest / gain));
  return { factors: { codes: scale * factors.codes, inputs: scale * factors.inputs, gain }, constant: 0, bias };
}

/** Most row tiles whose conversions add up to one output. */
export function mostConversions(plan: LayerPlan): number {
  return "units" in plan ? conversionCounts(plan).reduce((most, count) => Math.max(most, count), 0) : plan.tiles.length - 1;
}

/** Row tiles converted for each output element of an image. */
function conversionCounts({ geometry, units }: PlacedPlan): Int32Array {
  const counts = new Int32Array(elements(geometry.outputShape)), width = geometry.outputShape[2];
  for (const { plan: { tiles }, pixels, channels } of units) {
    for (const pixel of pixels) {
      for (const channel of channels) counts[pixel * width + channel]! += tiles.length - 1;
    }
  }
  return counts;
}
