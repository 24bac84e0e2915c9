// An analog-core case as a program: signed inputs and wide cells become more rows of the same tile, which leaves every partial sum as it is.
//
// The positive part of an input drives one row, the negative part another whose cells are negated; a cell beyond ±127 is spread over rows
// that carry the same input. Rows of one array stay in one tile, so the converter sees exactly the sums of the original.

import type { CrossbarStep, Geometry, Program, Step, Value } from "../../../lib/simulate/program.ts";
import { rint } from "../../../lib/simulate/reference/crossbar.ts";
import { NotCovered } from "../format.ts";
import { type Converter, converterRange, makeConverter, passThrough, tabulate } from "./crosssim_adc.ts";
import type { Planes } from "./crosssim_cells.ts";
import type { CoreConfig } from "./crosssim_config.ts";

/** Where a matrix meets its inputs: a matrix product is a 1 × 1 convolution. */
export interface Window {
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  /** Height and width of an image. */
  readonly image: readonly [number, number];
}

/** Planes that share a converter, as one step: y += factor · (step · out + lo), digitally. */
interface Conversion {
  readonly value: number;
  readonly factor: number;
  readonly step: number;
  /** Σ of what code 0 stands for over all conversions of an output. */
  readonly lo: number;
}

/** A lowered case. */
export interface CoreProgram {
  readonly program: Program;
  /** Row copies per input: positive parts first, then negative ones where inputs are signed. */
  readonly copies: number;
  readonly conversions: readonly Conversion[];
  /** Value that holds Σ x. */
  readonly sumValue: number;
  readonly geometry: Geometry;
}

/** Lowers planes over a window. @throws {NotCovered} if codes, cells or sums do not fit the kernels. */
export function coreProgram(planes: Planes, window: Window, config: CoreConfig, where: string): CoreProgram {
  const inputBits = config.dacBits - (config.signed ? 1 : 0);
  if (inputBits < 1 || inputBits > 8) throw new NotCovered(`inputs of ${inputBits} magnitude bits`);
  const converted = config.adcBits > 0;
  const perDigit = config.bitSerial && (converted ? config.adcPerDigit : true);
  if (config.bitSerial && !perDigit && config.columnLimit > 0) {
    throw new NotCovered("a current limit per input digit before one conversion");
  }
  const digitBits = Math.min(perDigit ? config.digitBits : inputBits, inputBits);
  if (digitBits < 1) throw new NotCovered("input digits of no bits");

  const area = window.kernel[0] * window.kernel[1], inputs = window.channels * area;
  let widest = 1;
  for (const plane of planes.cells) for (const cell of plane) widest = Math.max(widest, Math.abs(cell));
  const spread = Math.ceil(widest / 127), copies = spread * (config.signed ? 2 : 1);
  if (spread > 16) throw new NotCovered(`cells of ${widest} steps`);
  const bounds = partition(inputs, config.rows);
  const layout = layRows(window, bounds, copies);
  const [height, width] = window.image;
  const extent = (axis: 0 | 1) =>
    Math.floor((window.image[axis] + 2 * window.padding[axis] - window.kernel[axis]) / window.stride[axis]) + 1;
  const geometry: Geometry = {
    kernel: window.kernel,
    stride: window.stride,
    padding: window.padding,
    dilation: [1, 1],
    groups: 1,
    inputShape: [height, width, window.channels * copies],
    outputShape: [extent(0), extent(1), planes.columns],
  };
  const digitMax = 2 ** digitBits - 1, inputMax = 2 ** inputBits - 1;
  const unit = planes.unit / digitMax;
  const tallest = bounds[1]! - bounds[0]!;
  const paired = config.style === "balanced" || (config.style === "bitsliced" && config.sliceStyle === "BALANCED");
  const cutApart = config.columnLimit > 0 && config.columnLimit < tallest && config.subtract && !config.interleaved;
  if (paired && converted && cutApart) throw new NotCovered("a current limit before pairs are subtracted and converted");
  const uneven = bounds.some((bound, part) => part > 0 && bound - bounds[part - 1]! !== tallest);
  if (converted && uneven && config.adcRange === "MAX") throw new NotCovered("full-scale ranges of arrays that differ in rows");
  let shifts = 0;
  for (let shift = 0; shift < inputBits; shift += digitBits) shifts += 2 ** shift;

  const values: Value[] = [{ type: "u8", shape: geometry.inputShape, name: "codes" }];
  const steps: Step[] = [];
  const conversions: Conversion[] = [];
  for (const [converter, members] of groupByConverter(planes, config, tallest, unit, where)) {
    const physical = members.map((plane) => spreadRows(planes.cells[plane]!, planes.columns, layout, spread));
    const cells = Int8Array.from(physical.flatMap((plane) => [...plane]));
    const reach = reachOf(physical, planes.columns, layout.tiles, digitMax);
    const limited = config.columnLimit > 0 && Math.max(-reach[0], reach[1]) * unit > config.columnLimit;
    const table = tabulate(converter, unit, limited ? config.columnLimit : 0, reach);
    const sliceWeights = members.map((plane) => planes.weights[plane]!);
    let largest = 0;
    for (const code of table.codes) largest = Math.max(largest, Math.abs(code));
    const conversionsPerOutput = (bounds.length - 1) * shifts;
    if (largest * conversionsPerOutput * sliceWeights.reduce((sum, weight) => sum + Math.abs(weight), 0) >= 2 ** 31) {
      throw new NotCovered("sums beyond 32 bits");
    }
    const step: CrossbarStep = {
      op: "crossbar",
      input: 0,
      output: values.push({ type: "i32", shape: geometry.outputShape, name: `converter ${conversions.length + 1}` }) - 1,
      geometry,
      cells,
      slices: members.length,
      sliceWeights,
      inputBits,
      digitBits,
      rowIndex: layout.rowIndex,
      tiles: layout.tiles,
      adc: { kind: "table", table },
      correction: 0,
    };
    steps.push(step);
    const lo = converter.lo * conversionsPerOutput * sliceWeights.reduce((sum, weight) => sum + weight, 0);
    conversions.push({ value: step.output, factor: planes.gain * digitMax / inputMax, step: converter.step, lo });
  }
  const sumGeometry: Geometry = { ...geometry, outputShape: [geometry.outputShape[0], geometry.outputShape[1], 1] };
  const sumValue = values.push({ type: "i32", shape: sumGeometry.outputShape, name: "input sum" }) - 1;
  const signs = Int16Array.from({ length: inputs * copies }, (_, row) => {
    const copy = Math.floor(row % (window.channels * copies) / window.channels);
    return copy === 0 ? 1 : copy === spread ? -1 : 0;
  });
  steps.push({ op: "integer", input: 0, output: sumValue, geometry: sumGeometry, weights: signs, zero: 0 });
  const output = values.push({ type: "f32", shape: sumGeometry.outputShape, name: "output" }) - 1;
  steps.push({ op: "affine", input: sumValue, output, scale: Float32Array.of(1), bias: Float32Array.of(0) });
  return { program: { values, steps, output }, copies, conversions, sumValue, geometry };
}

/** Equal parts of at most `rows` inputs; where they cannot be equal the last one takes the rest. */
export function partition(inputs: number, rows: number): number[] {
  const parts = rows > 0 ? Math.ceil(inputs / rows) : 1;
  const size = rint(inputs / parts);
  return Array.from({ length: parts + 1 }, (_, part) => part === parts ? inputs : part * size);
}

interface Rows {
  readonly rowIndex: Int32Array;
  readonly tiles: readonly number[];
  /** Matrix column (channel, kernel row, kernel column) and copy of each row. */
  readonly source: Int32Array;
  readonly copy: Int32Array;
}

/** Rows by part, then copy, then (channel, kernel row, kernel column). */
function layRows({ channels, kernel }: Window, bounds: readonly number[], copies: number): Rows {
  const area = kernel[0] * kernel[1], length = channels * area * copies;
  const rowIndex = new Int32Array(length), source = new Int32Array(length), copy = new Int32Array(length);
  let row = 0;
  for (let part = 0; part + 1 < bounds.length; part++) {
    for (let which = 0; which < copies; which++) {
      for (let input = bounds[part]!; input < bounds[part + 1]!; input++, row++) {
        rowIndex[row] = (input % area) * channels * copies + which * channels + Math.floor(input / area);
        source[row] = input;
        copy[row] = which;
      }
    }
  }
  return { rowIndex, source, copy, tiles: bounds.map((bound) => bound * copies) };
}

/** Cells in array order: copy k of a sign holds what is left beyond k · 127 steps. */
function spreadRows(cells: Float64Array, columns: number, { source, copy }: Rows, spread: number): Int8Array {
  const out = new Int8Array(source.length * columns);
  for (let row = 0; row < source.length; row++) {
    const sign = copy[row]! < spread ? 1 : -1, part = copy[row]! % spread;
    for (let column = 0; column < columns; column++) {
      const cell = cells[source[row]! * columns + column]!;
      const rest = Math.min(Math.max(Math.abs(cell) - 127 * part, 0), 127);
      out[row * columns + column] = sign * Math.sign(cell) * rest;
    }
  }
  return out;
}

function reachOf(planes: readonly Int8Array[], columns: number, tiles: readonly number[], digitMax: number): [number, number] {
  let least = 0, most = 0;
  for (const cells of planes) {
    for (let tile = 0; tile + 1 < tiles.length; tile++) {
      for (let column = 0; column < columns; column++) {
        let low = 0, high = 0;
        for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
          const cell = cells[row * columns + column]!;
          if (cell < 0) low += cell;
          else high += cell;
        }
        least = Math.min(least, low);
        most = Math.max(most, high);
      }
    }
  }
  return [least * digitMax, most * digitMax];
}

/** Planes by converter, in order. */
function groupByConverter(planes: Planes, config: CoreConfig, rows: number, unit: number, where: string): [Converter, number[]][] {
  const groups = new Map<string, [Converter, number[]]>();
  planes.cells.forEach((_, plane) => {
    const converter = config.adcBits === 0
      ? passThrough(unit, config.columnLimit, 256)
      : makeConverter(config, converterRange(config, rows, planes.slice[plane]!, planes.sliceBits, where));
    const group = groups.get(converter.key);
    if (group === undefined) groups.set(converter.key, [converter, [plane]]);
    else group[1].push(plane);
  });
  return [...groups.values()];
}
