// Random programs for agreement tests: every step kind and odd geometry, with float parts whose sums are exact in f32 in any order.

import { hash, uniform } from "../../lib/random.ts";
import type { Tensor } from "../../lib/tensor.ts";
import type { Pair, Shape } from "../../lib/network/graph.ts";
import type { AdcTable, CrossbarStep, Geometry, Program, ScatterPart, Step, Value } from "../../lib/simulate/program.ts";

/** A stream of draws, a function of the seed alone. */
export interface Draws {
  /** Integer in [low, high], both included. */
  integer(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** Draws of a seed. */
export function draws(seed: number): Draws {
  let count = 0;
  const next = () => uniform(seed, count++);
  const integer = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return { integer, chance: (probability) => next() < probability, pick: (items) => items[integer(0, items.length - 1)]! };
}

interface Builder {
  readonly values: Value[];
  readonly steps: Step[];
}

function value(builder: Builder, type: Value["type"], shape: Shape, name: string): number {
  builder.values.push({ type, shape, name });
  return builder.values.length - 1;
}

function extent(input: number, kernel: number, stride: number, padding: number, dilation: number): number {
  return Math.floor((input + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** Geometry of a random convolution on `inputShape` with about `channels` outputs (a multiple of the groups). */
function randomGeometry(random: Draws, inputShape: Shape, channels: number): Geometry {
  const [height, width, inputs] = inputShape;
  const divisors = [1, 2, 3, 4].filter((groups) => inputs % groups === 0);
  const groups = random.chance(0.5) ? 1 : random.pick(divisors);
  const kernel: Pair = height * width === 1 ? [1, 1] : [random.integer(1, 3), random.integer(1, 3)];
  const padding: Pair = height * width === 1 ? [0, 0] : [random.integer(0, kernel[0] - 1), random.integer(0, kernel[1] - 1)];
  const room = (size: number, taps: number, pad: number) =>
    taps === 1 ? 1 : Math.max(1, Math.min(2, Math.floor((size + 2 * pad - 1) / (taps - 1))));
  const dilation: Pair = [random.integer(1, room(height, kernel[0], padding[0])), random.integer(1, room(width, kernel[1], padding[1]))];
  const fits = (axis: 0 | 1, size: number) => size + 2 * padding[axis] > dilation[axis] * (kernel[axis] - 1);
  if (!fits(0, height) || !fits(1, width)) return randomGeometry(random, inputShape, channels);
  const stride: Pair = [random.integer(1, 2), random.integer(1, 2)];
  const outputShape: Shape = [
    extent(height, kernel[0], stride[0], padding[0], dilation[0]),
    extent(width, kernel[1], stride[1], padding[1], dilation[1]),
    groups * Math.max(1, Math.round(channels / groups)),
  ];
  return { kernel, stride, padding, dilation, groups, inputShape, outputShape };
}

function rowsOf(geometry: Geometry): number {
  return geometry.kernel[0] * geometry.kernel[1] * geometry.inputShape[2] / geometry.groups;
}

function randomTable(random: Draws, min: number, max: number, largest: number, linear: boolean): AdcTable {
  const codes = new Int32Array(max - min + 1);
  const bits = random.integer(1, 8);
  const levels = 2 ** bits;
  const step = Math.max(1, (max - min) / (levels * random.integer(1, 4)));
  const shift = random.integer(0, Math.min(largest, 40));
  const monotone = linear || random.chance(0.6);
  for (let index = 0; index < codes.length; index++) {
    const ramp = Math.min(levels - 1, Math.max(0, Math.round((index + min) / step) + (levels >> 1))) - shift;
    codes[index] = monotone ? Math.max(-largest, Math.min(largest, ramp)) : random.integer(-largest, largest);
  }
  return { min, max, codes };
}

/** Adds a crossbar step on value `input` (u8 codes below 2^inputBits). */
function crossbar(builder: Builder, random: Draws, input: number, geometry: Geometry, inputBits: number, dynamic: boolean): number {
  const rows = rowsOf(geometry);
  const columns = geometry.outputShape[2] / geometry.groups;
  const slices = random.integer(1, 4);
  const digitBits = random.integer(1, 4);
  const digits = Math.ceil(inputBits / digitBits);
  const largestCell = random.pick([1, 1, 3, 7, 15]);
  const smallestCell = random.chance(0.5) ? 0 : -largestCell;
  const cells = new Int8Array(geometry.groups * slices * rows * columns);
  for (let index = 0; index < cells.length; index++) cells[index] = random.integer(smallestCell, largestCell);
  const rowIndex = Int32Array.from({ length: rows }, (_, row) => row);
  if (random.chance(0.5)) {
    for (let last = rows - 1; last > 0; last--) {
      const other = random.integer(0, last);
      [rowIndex[last], rowIndex[other]] = [rowIndex[other]!, rowIndex[last]!];
    }
  }
  const height = Math.min(rows, random.pick([7, 16, 31, 32, 33, 64, 100, 128, 600]));
  const tiles = [0];
  while (tiles.at(-1)! < rows) tiles.push(Math.min(rows, tiles.at(-1)! + (random.chance(0.2) ? Math.max(1, height >> 1) : height)));
  const sliceWeights = Array.from({ length: slices }, (_, slice) => (random.chance(0.2) ? -1 : 1) * (random.chance(0.2) ? 3 : 2 ** slice));
  const digitMax = 2 ** Math.min(digitBits, inputBits) - 1;
  let [min, max] = [0, 0];
  for (let group = 0; group < geometry.groups * slices; group++) {
    for (let tile = 0; tile + 1 < tiles.length; tile++) {
      for (let column = 0; column < columns; column++) {
        let [low, high] = [0, 0];
        for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
          const cell = cells[(group * rows + row) * columns + column]!;
          if (cell < 0) low += cell;
          else high += cell;
        }
        min = Math.min(min, low * digitMax);
        max = Math.max(max, high * digitMax);
      }
    }
  }
  if (random.chance(0.3)) [min, max] = [min - random.integer(0, 3), max + random.integer(0, 3)];
  const gain = (tiles.length - 1) * (2 ** (digits * digitBits)) * sliceWeights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  const correction = dynamic ? random.pick([0, 0, -7.5]) : random.pick([0, 0, -3, 15]);
  const largest = Math.floor(Math.min(random.pick([100, 2000, 40000]), (2 ** 30) / gain));
  const output = value(builder, dynamic ? "f32" : "i32", geometry.outputShape, `crossbar${builder.steps.length}`);
  const step: CrossbarStep = {
    op: "crossbar",
    input,
    output,
    geometry,
    cells,
    slices,
    sliceWeights,
    inputBits,
    digitBits,
    rowIndex,
    tiles,
    adc: dynamic
      ? { kind: "dynamic", levels: 2 ** random.integer(3, 8), unit: random.pick([0.5, 1]) }
      : { kind: "table", table: randomTable(random, min, max, Math.max(1, largest), random.chance(0.5)) },
    correction,
  };
  builder.steps.push(step);
  return output;
}

function integer(builder: Builder, random: Draws, input: number, geometry: Geometry): number {
  const columns = geometry.outputShape[2] / geometry.groups;
  const weights = new Int16Array(geometry.groups * rowsOf(geometry) * columns);
  const largest = random.pick([1, 15, 255, 4000]);
  for (let index = 0; index < weights.length; index++) weights[index] = random.integer(-largest, largest);
  const output = value(builder, "i32", geometry.outputShape, `integer${builder.steps.length}`);
  builder.steps.push({ op: "integer", input, output, geometry, weights, zero: random.pick([0, 0, 3, 125]) });
  return output;
}

/** Adds thresholds spread over a plausible range of the step that made `input`. */
function threshold(builder: Builder, random: Draws, input: number, bits: number): number {
  const shape = builder.values[input]!.shape;
  const source = builder.steps.find((step) => step.output === input)!;
  let spread = 100;
  if (source.op === "integer") {
    spread = Math.sqrt(rowsOf(source.geometry)) * 64 * source.weights.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 1);
  } else if (source.op === "crossbar" && source.adc.kind === "table") {
    const code = source.adc.table.codes.reduce((sum, entry) => sum + Math.abs(entry), 0) / source.adc.table.codes.length;
    spread = code * 2 ** source.inputBits * source.sliceWeights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  }
  const levels = 2 ** bits - 1;
  const thresholds = new Int32Array(shape[2] * levels);
  const sign = new Int8Array(shape[2]);
  for (let channel = 0; channel < shape[2]; channel++) {
    sign[channel] = random.chance(0.3) ? -1 : 1;
    const row = Int32Array.from({ length: levels }, () => random.integer(-Math.ceil(spread), Math.ceil(spread))).sort();
    if (random.chance(0.1)) row[levels - 1] = 2147483647;
    if (random.chance(0.05)) row[0] = -2147483648;
    thresholds.set(row, channel * levels);
  }
  const output = value(builder, "u8", shape, `codes${builder.steps.length}`);
  builder.steps.push({ op: "threshold", input, output, thresholds, levels, sign });
  return output;
}

/** Scales are powers of two and biases small dyadic numbers, so the result is exact. */
function affine(builder: Builder, random: Draws, input: number, exponent: readonly [number, number]): number {
  const shape = builder.values[input]!.shape;
  const scale = Float32Array.from({ length: shape[2] }, () => (random.chance(0.3) ? -1 : 1) * 2 ** random.integer(...exponent));
  const bias = Float32Array.from({ length: shape[2] }, () => random.integer(-16, 16) / 8);
  const output = value(builder, "f32", shape, `affine${builder.steps.length}`);
  builder.steps.push({ op: "affine", input, output, scale, bias });
  return output;
}

function float(builder: Builder, random: Draws, input: number, geometry: Geometry): number {
  const channels = geometry.outputShape[2];
  const weights = Float32Array.from({ length: rowsOf(geometry) * channels }, () => random.integer(-4, 4) / 4);
  const bias = Float32Array.from({ length: channels }, () => random.integer(-8, 8) / 4);
  const output = value(builder, "f32", geometry.outputShape, `float${builder.steps.length}`);
  builder.steps.push({ op: "float", input, output, geometry, weights, bias });
  return output;
}

function pool(builder: Builder, random: Draws, input: number, op: "maxPool" | "averagePool"): number {
  const { shape: [height, width, channels], type } = builder.values[input]!;
  const kernel: Pair = [random.integer(1, Math.min(3, height)), random.integer(1, Math.min(3, width))];
  const stride: Pair = [random.integer(1, 2), random.integer(1, 2)];
  const padding: Pair = [random.integer(0, kernel[0] >> 1), random.integer(0, kernel[1] >> 1)];
  const shape: Shape = [
    extent(height, kernel[0], stride[0], padding[0], 1),
    extent(width, kernel[1], stride[1], padding[1], 1),
    channels,
  ];
  const output = value(builder, type, shape, `${op}${builder.steps.length}`);
  builder.steps.push({ op, input, output, kernel, stride, padding });
  return output;
}

function element(builder: Builder, op: "relu" | "softmax" | "add" | "concat", inputs: readonly number[]): number {
  const shapes = inputs.map((input) => builder.values[input]!.shape);
  const [height, width, channels] = shapes[0]!;
  const total = op === "concat" ? shapes.reduce((sum, shape) => sum + shape[2], 0) : channels;
  const output = value(builder, "f32", [height, width, total], `${op}${builder.steps.length}`);
  builder.steps.push({ op, inputs, output });
  return output;
}

function view(builder: Builder, input: number): number {
  const { shape, type } = builder.values[input]!;
  const output = value(builder, type, [1, 1, shape[0] * shape[1] * shape[2]], `view${builder.steps.length}`);
  builder.steps.push({ op: "view", input, output });
  return output;
}

/**
 * One crossbar step on the pixels (value 1: i32 with a table, f32 with `dynamic`), then an affine step to f32 if it was a table.
 * Images must be below 2^inputBits: take them from {@linkcode randomImages}.
 */
export function randomCrossbarProgram(seed: number, options: { readonly dynamic?: boolean } = {}): Program {
  const random = draws(hash(seed, 1));
  const linear = random.chance(0.2);
  const shape: Shape = linear ? [1, 1, random.integer(3, 700)] : [random.integer(2, 7), random.integer(2, 7), random.integer(1, 40)];
  const builder: Builder = { values: [{ type: "u8", shape, name: "input" }], steps: [] };
  const geometry = randomGeometry(random, shape, random.pick([1, 3, 8, 10, 17, 40]));
  const sums = crossbar(builder, random, 0, geometry, random.integer(1, 8), options.dynamic ?? false);
  const output = options.dynamic ? sums : affine(builder, random, sums, [-12, -8]);
  return { ...builder, output };
}

/**
 * A small network with every step kind: integer or crossbar on the pixels, thresholds, pools, crossbars (table), quantise, float convolution,
 * relu, add, concat, average pool, view, softmax. All float values before the average pool and softmax are exact dyadic numbers.
 */
export function randomProgram(seed: number): Program {
  const random = draws(hash(seed, 2));
  const shape: Shape = [random.integer(5, 9), random.integer(5, 9), random.integer(1, 4)];
  const builder: Builder = { values: [{ type: "u8", shape, name: "input" }], steps: [] };
  const geometryOn = (input: number, channels: number) => randomGeometry(random, builder.values[input]!.shape, channels);
  let bits = random.integer(1, 4);
  let at = random.chance(0.7)
    ? integer(builder, random, 0, geometryOn(0, random.integer(2, 12)))
    : crossbar(builder, random, 0, geometryOn(0, random.integer(2, 12)), 8, false);
  at = threshold(builder, random, at, bits);
  if (random.chance(0.5)) at = pool(builder, random, at, "maxPool");
  at = crossbar(builder, random, at, geometryOn(at, random.integer(2, 40)), bits, false);
  bits = random.integer(2, 5);
  at = threshold(builder, random, at, bits);
  at = integer(builder, random, at, geometryOn(at, random.integer(2, 9)));
  const sum = affine(builder, random, at, [-14, -10]);
  at = element(builder, "relu", [sum]);
  const step = 2 ** -random.integer(0, 3);
  bits = random.integer(2, 6);
  at = value(builder, "u8", builder.values[sum]!.shape, `quantize${builder.steps.length}`);
  builder.steps.push({ op: "quantize", input: sum, output: at, step, levels: 2 ** bits - 1 });
  const real = affine(builder, random, at, [-3, 0]);
  const convolved = float(builder, random, real, geometryOn(real, random.integer(2, 6)));
  const rectified = element(builder, "relu", [convolved]);
  at = element(builder, "add", [convolved, rectified, rectified]);
  at = element(builder, "concat", [at, convolved]);
  if (random.chance(0.5)) at = pool(builder, random, at, "maxPool");
  at = pool(builder, random, at, "averagePool");
  at = view(builder, at);
  at = float(builder, random, at, randomGeometry(random, builder.values[at]!.shape, random.integer(2, 10)));
  if (random.chance(0.5)) at = element(builder, "softmax", [at]);
  return { ...builder, output: at };
}

/** The i32 (or, dynamic, f32) output of several gathers, each through a crossbar, added where they belong; with a start and an integer term at times. */
export function randomPlacedProgram(seed: number, options: { readonly dynamic?: boolean } = {}): Program {
  const random = draws(hash(seed, 4)), dynamic = options.dynamic ?? false;
  const [height, width, channels] = [random.integer(2, 6), random.integer(2, 6), random.integer(1, 9)];
  const outShape: Shape = [random.integer(1, 5), random.integer(1, 5), random.integer(1, 21)];
  const builder: Builder = { values: [{ type: "u8", shape: [height, width, channels], name: "input" }], steps: [] };
  const list = (length: number, draw: (index: number) => number) => Int32Array.from({ length }, (_, index) => draw(index));
  const some = (from: number, count: number) => {
    const all = list(from, (index) => index);
    for (let last = from - 1; last > 0; last--) {
      const other = random.integer(0, last);
      [all[last], all[other]] = [all[other]!, all[last]!];
    }
    return random.chance(0.5) ? all.subarray(0, count) : all.slice(0, count).sort();
  };
  const inputs: number[] = [], parts: ScatterPart[] = [];
  const inputBits = random.integer(1, 8);
  for (let part = random.integer(1, 3); part > 0; part--) {
    const pixels = some(outShape[0] * outShape[1], random.integer(1, outShape[0] * outShape[1]));
    const columns = some(outShape[2], random.integer(1, outShape[2]));
    const groups = columns.length % 2 === 0 && random.chance(0.3) ? 2 : 1, rows = groups * random.integer(1, 40);
    const origins = list(2 * pixels.length, () => random.integer(-2, 5));
    const offsets = random.chance(0.5)
      ? list(3 * rows, (at) => at % 3 === 2 ? random.integer(0, channels - 1) : random.integer(-1, 3))
      : list(3 * rows, (at) => at % 3 === 2 ? Math.floor(at / 3) % channels : Math.floor(at / 3 / channels) % 3);
    const gathered = value(builder, "u8", [1, pixels.length, rows], `gather${builder.steps.length}`);
    builder.steps.push({ op: "gather", input: 0, output: gathered, origins, rows: offsets });
    const geometry: Geometry = {
      kernel: [1, 1],
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups,
      inputShape: [1, pixels.length, rows],
      outputShape: [1, pixels.length, columns.length],
    };
    inputs.push(crossbar(builder, random, gathered, geometry, inputBits, dynamic));
    parts.push({ pixels, channels: columns, factor: dynamic ? random.pick([1, -0.5]) : random.integer(-5, 5) });
  }
  if (random.chance(0.5)) {
    const geometry: Geometry = {
      kernel: [1, 1],
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      inputShape: [height, width, channels],
      outputShape: [height, width, outShape[2]],
    };
    inputs.push(integer(builder, random, 0, geometry));
    const pixels = list(height * width, (index) => index);
    if (height * width <= outShape[0] * outShape[1]) {
      parts.push({ pixels, channels: list(outShape[2], (index) => index), factor: dynamic ? -1.5 : 3 });
    } else inputs.pop();
  }
  const output = value(builder, dynamic ? "f32" : "i32", outShape, "scatter");
  const bias = !dynamic && random.chance(0.5)
    ? { bias: list(outShape[0] * outShape[1] * outShape[2], () => random.integer(-1000, 1000)) }
    : {};
  builder.steps.push({ op: "scatter", inputs, output, parts, ...bias });
  return { ...builder, output: dynamic ? output : affine(builder, random, output, [-12, -8]) };
}

/** Random pixels for a program, `[batch, height, width, channels]`; below 2^inputBits where a crossbar reads them; about a tenth are 0. */
export function randomImages(seed: number, program: Program, batch: number): Tensor<Uint8Array> {
  const [height, width, channels] = program.values[0]!.shape;
  let bits = 8;
  const raw = new Set([0]);
  for (const step of program.steps) if (step.op === "gather" && step.input === 0) raw.add(step.output);
  for (const step of program.steps) if (step.op === "crossbar" && raw.has(step.input)) bits = Math.min(bits, step.inputBits);
  const key = hash(seed, 3);
  const data = new Uint8Array(batch * height * width * channels);
  for (let index = 0; index < data.length; index++) {
    data[index] = uniform(key, index, 1) < 0.1 ? 0 : hash(key, index) & (2 ** bits - 1);
  }
  return { shape: [batch, height, width, channels], data };
}
