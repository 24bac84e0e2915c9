// The oracle: every step of a program in plain TypeScript, as program.ts documents it. Slow on purpose; nothing else defines the results.

import { ShapeError } from "../../errors.ts";
import { elements, type Tensor, type TypedArray } from "../../tensor.ts";
import type { Backend, BatchResult, Session } from "../backend.ts";
import type {
  AffineStep,
  ElementStep,
  FloatStep,
  IntegerStep,
  PoolStep,
  Program,
  QuantizeStep,
  Step,
  ThresholdStep,
  Value,
} from "../program.ts";
import { runAnalog } from "./analog.ts";
import { rint, rowsOf, runCrossbar, sourceIndex } from "./crossbar.ts";
import { gather, scatter } from "./placed.ts";

type Data = Uint8Array | Int32Array | Float32Array;

/**
 * The backend every other one is compared with: plain loops in TypeScript, sums of integers in i32 and of floats in f64, results in f32.
 *
 * @example
 * ```ts
 * import { referenceBackend } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * await using backend = referenceBackend();
 * await using session = await backend.prepare({
 *   values: [{ type: "u8", shape: [1, 1, 2], name: "input" }, { type: "f32", shape: [1, 1, 2], name: "scaled" }],
 *   steps: [{ op: "affine", input: 0, output: 1, scale: Float32Array.of(2, 2), bias: Float32Array.of(0, 1) }],
 *   output: 1,
 * });
 * const { output } = await session.run({ shape: [1, 1, 1, 2], data: Uint8Array.of(3, 4) });
 * assertEquals([...output.data], [6, 9]);
 * ```
 */
export function referenceBackend(): Backend {
  return {
    name: "reference",
    description: "plain TypeScript, one thread",
    prepare: (program) => Promise.resolve(session(program)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function session(program: Program): Session {
  return {
    run: (images, taps = [], first = 0) => new Promise((resolve) => resolve(runProgram(program, images, taps, first))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function runProgram(program: Program, images: Tensor<Uint8Array>, taps: readonly number[], first: number): BatchResult {
  const batch = checkImages(program, images);
  const data: Data[] = [images.data];
  for (const step of program.steps) data[step.output] = runStep(program.values, step, data, batch, first);
  const values = new Map<number, Tensor<TypedArray>>();
  for (const tap of taps) {
    const value = program.values[tap];
    const tapped = data[tap];
    if (value === undefined || tapped === undefined) {
      throw new ShapeError("tap a value", {
        where: "taps",
        got: tap,
        wanted: `a value below ${program.values.length} that a step computes`,
      });
    }
    values.set(tap, { shape: [batch, ...value.shape], data: tapped.slice() });
  }
  const output = data[program.output];
  if (!(output instanceof Float32Array)) {
    throw new ShapeError("run a program", { where: program.values[program.output]?.name ?? "output", wanted: "an f32 output" });
  }
  return { output: { shape: [batch, output.length / Math.max(batch, 1)], data: output.slice() }, taps: values };
}

/** Batch size of `images`. @throws {ShapeError} if they do not have the program's input shape. */
function checkImages(program: Program, images: Tensor<Uint8Array>): number {
  const [batch, ...shape] = images.shape;
  const wanted = program.values[0]!.shape;
  if (
    batch === undefined || shape.length !== 3 || shape.some((extent, axis) => extent !== wanted[axis]) ||
    elements(images.shape) !== images.data.length
  ) {
    throw new ShapeError("run a program", { where: "images", got: images.shape, wanted: `[batch, ${wanted.join(", ")}]` });
  }
  return batch;
}

function runStep(values: readonly Value[], step: Step, data: readonly Data[], batch: number, first: number): Data {
  switch (step.op) {
    case "integer":
      return integer(step, data[step.input]!, batch);
    case "crossbar":
      return runCrossbar(step, data[step.input] as Uint8Array, batch);
    case "analog":
      return runAnalog(step, data[step.input] as Uint8Array, batch, first);
    case "gather":
      return gather(step, values[step.input]!, data[step.input] as Uint8Array, batch);
    case "scatter":
      return scatter(step, values[step.output]!, step.inputs.map((input) => data[input]!), batch);
    case "threshold":
      return threshold(step, data[step.input]!);
    case "affine":
      return affine(step, data[step.input]!);
    case "float":
      return float(step, data[step.input]!, batch);
    case "quantize":
      return quantize(step, data[step.input]!);
    case "maxPool":
    case "averagePool":
      return pool(step, values[step.input]!, values[step.output]!, data[step.input]!, batch);
    case "view":
      return data[step.input]!;
    default:
      return element(step, values, step.inputs.map((input) => data[input]!), batch);
  }
}

function integer({ geometry, weights, zero }: IntegerStep, input: Data, batch: number): Int32Array {
  const sums = convolve(geometry, weights, input, batch, zero);
  return Int32Array.from(sums);
}

function float({ geometry, weights, bias }: FloatStep, input: Data, batch: number): Float32Array {
  const sums = convolve(geometry, weights, input, batch, 0);
  for (let at = 0; at < sums.length; at++) sums[at]! += bias[at % bias.length]!;
  return Float32Array.from(sums);
}

/** Σ_rows (x − zero) · w in f64, which is exact for integers; padding contributes nothing. */
function convolve(
  geometry: IntegerStep["geometry"],
  weights: Int16Array | Float32Array,
  input: Data,
  batch: number,
  zero: number,
): Float64Array {
  const [height, width, channels] = geometry.outputShape;
  const pixels = elements(geometry.inputShape);
  const columns = channels / geometry.groups;
  const rows = rowsOf(geometry);
  const sums = new Float64Array(batch * height * width * channels);
  let at = 0;
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let group = 0; group < geometry.groups; group++, at += columns) {
          for (let row = 0; row < rows; row++) {
            const source = sourceIndex(geometry, group, row, y, x);
            if (source < 0) continue;
            const operand = input[image * pixels + source]! - zero;
            if (operand === 0) continue;
            const base = (group * rows + row) * columns;
            for (let column = 0; column < columns; column++) sums[at + column]! += operand * weights[base + column]!;
          }
        }
      }
    }
  }
  return sums;
}

function threshold({ thresholds, levels, sign }: ThresholdStep, input: Data): Uint8Array {
  const codes = new Uint8Array(input.length);
  for (let at = 0; at < input.length; at++) {
    const channel = at % sign.length;
    const level = sign[channel]! * input[at]!;
    for (let k = 0; k < levels; k++) if (level >= thresholds[channel * levels + k]!) codes[at]!++;
  }
  return codes;
}

/** Each operation rounds to f32, as hardware without a fused multiply-add does. */
function affine({ scale, bias }: AffineStep, input: Data): Float32Array {
  const output = new Float32Array(input.length);
  for (let at = 0; at < input.length; at++) {
    const channel = at % scale.length;
    output[at] = Math.fround(Math.fround(input[at]!) * scale[channel]!) + bias[channel]!;
  }
  return output;
}

function quantize({ step, levels }: QuantizeStep, input: Data): Uint8Array {
  const codes = new Uint8Array(input.length);
  for (let at = 0; at < input.length; at++) codes[at] = Math.min(Math.max(rint(input[at]! / step), 0), levels);
  return codes;
}

function pool(step: PoolStep, { shape: [height, width, channels] }: Value, { shape, type }: Value, input: Data, batch: number): Data {
  const output = type === "u8" ? new Uint8Array(batch * elements(shape)) : new Float32Array(batch * elements(shape));
  let at = 0;
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < shape[0]; y++) {
      for (let x = 0; x < shape[1]; x++) {
        const top = Math.max(y * step.stride[0] - step.padding[0], 0);
        const bottom = Math.min(y * step.stride[0] - step.padding[0] + step.kernel[0], height);
        const left = Math.max(x * step.stride[1] - step.padding[1], 0);
        const right = Math.min(x * step.stride[1] - step.padding[1] + step.kernel[1], width);
        for (let channel = 0; channel < channels; channel++, at++) {
          let [largest, sum] = [-Infinity, 0];
          for (let sourceY = top; sourceY < bottom; sourceY++) {
            for (let sourceX = left; sourceX < right; sourceX++) {
              const item = input[((image * height + sourceY) * width + sourceX) * channels + channel]!;
              largest = Math.max(largest, item);
              sum += item;
            }
          }
          output[at] = step.op === "maxPool" ? largest : sum / ((bottom - top) * (right - left));
        }
      }
    }
  }
  return output;
}

function element({ op, inputs, output }: ElementStep, values: readonly Value[], data: readonly Data[], batch: number): Float32Array {
  const result = new Float32Array(batch * elements(values[output]!.shape));
  const [first] = data;
  const channels = values[output]!.shape[2];
  if (op === "relu") {
    for (let at = 0; at < result.length; at++) result[at] = Math.max(first![at]!, 0);
  } else if (op === "add") {
    for (let at = 0; at < result.length; at++) result[at] = data.reduce((sum, item) => sum + item[at]!, 0);
  } else if (op === "softmax") {
    for (let start = 0; start < result.length; start += channels) {
      const items = Array.from(first!.subarray(start, start + channels));
      const largest = Math.max(...items);
      const powers = items.map((item) => Math.exp(item - largest));
      const total = powers.reduce((sum, power) => sum + power, 0);
      result.set(powers.map((power) => power / total), start);
    }
  } else {
    let offset = 0;
    inputs.forEach((input, index) => {
      const width = values[input]!.shape[2];
      for (let at = 0; at < data[index]!.length; at++) {
        result[Math.floor(at / width) * channels + offset + at % width] = data[index]![at]!;
      }
      offset += width;
    });
  }
  return result;
}
