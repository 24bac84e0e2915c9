// Analog-core cases on real conductances: line resistance folded in, products by each backend's float step where the chain is linear.
//
// Where a converter, a current limit or a non-linear cell follows the real sums, no step of a backend computes it: the definition is then evaluated
// directly, in f64 on the host, and the case needs no backend.

import { cubicCell, solveNonlinearWires } from "../../../lib/circuit/wires/nonlinear.ts";
import { effectiveConductance } from "../../../lib/circuit/wires/solve.ts";
import type { Geometry, Program } from "../../../lib/simulate/program.ts";
import { type GoldenCase, relativeError } from "../format.ts";
import { converterRange, makeConverter } from "./crosssim_adc.ts";
import { programReal, type RealPlanes, type Recorded, type Side } from "./crosssim_conductances.ts";
import type { CoreConfig } from "./crosssim_config.ts";
import { encode, inputScale, type Problem } from "./crosssim_problem.ts";
import { partition } from "./crosssim_program.ts";

export type { Recorded };

/** Bits of inputs without a DAC, as fractions of the largest, on backends: as many as f32 holds. */
const FINE = 24;

/** A case as far as it runs: what is left is its name and limit. */
export function realCase(
  problem: Problem,
  config: CoreConfig,
  recorded: Recorded | undefined,
  where: string,
): Pick<GoldenCase, "needsBackend" | "run"> {
  const planes = programReal(problem, config, recorded, where), bounds = partition(problem.inputs, config.rows);
  const inputs = unfold(problem, sentInputs(problem, config)), positions = inputs.length / problem.inputs;
  const finish = (outputs: Float64Array): number => {
    const { columns, unitColumn, gain, digital } = planes, got = new Float64Array(positions * problem.outputs);
    for (let at = 0; at < got.length; at++) {
      const position = Math.floor(at / problem.outputs), row = position * columns, column = row + at % problem.outputs;
      let sum = 0;
      for (let input = 0; input < problem.inputs; input++) sum += inputs[position * problem.inputs + input]!;
      const y = unitColumn ? outputs[column + 1]! - outputs[row]! : outputs[column]!;
      got[at] = (gain * y - digital * sum) / inputScale(config);
    }
    return relativeError(got, problem.wanted);
  };
  if (config.adcBits > 0 || config.columnLimit > 0 || config.cubic !== undefined) {
    return { needsBackend: false, run: () => Promise.resolve(finish(evaluate(problem.inputs, planes, config, bounds, inputs, where))) };
  }
  return {
    async run(backend) {
      const { program, images, factor } = floatProgram(problem, config, fold(planes, config, bounds));
      await using session = await backend.prepare(program);
      const { taps } = await session.run(images, [program.output]);
      const sums = taps.get(program.output)!.data, outputs = new Float64Array(positions * planes.columns);
      const width = sums.length / positions, paired = planes.slices[0]!.negative !== undefined ? 2 : 1;
      for (let at = 0; at < outputs.length; at++) {
        const from = Math.floor(at / planes.columns) * width + at % planes.columns;
        planes.factors.forEach((weight, slice) => {
          const first = from + slice * paired * planes.columns;
          outputs[at]! += factor * weight * (sums[first]! - (paired === 2 ? sums[first + planes.columns]! : 0));
        });
      }
      return finish(outputs);
    },
  };
}

/** Images as the DAC gives them; as they are without one. */
function sentInputs({ images }: Problem, config: CoreConfig): Float64Array {
  const scale = inputScale(config);
  if (config.dacBits === 0) return images.data.map((value) => value * scale);
  const most = 2 ** (config.dacBits - (config.signed ? 1 : 0)) - 1, codes = encode(images.data, config, scale);
  return images.data.map((_, at) => codes[at]! / most);
}

/** `[positions][inputs]`, inputs by channel, kernel row, kernel column. */
function unfold({ window, inputs, images }: Problem, values: Float64Array): Float64Array {
  const [batch = 0, height = 0, width = 0, channels = 0] = images.shape, [kernelHeight, kernelWidth] = window.kernel;
  const { outputShape: [rows, columns] } = geometryOf(window, 1, 1), area = kernelHeight * kernelWidth;
  const out = new Float64Array(batch * rows * columns * inputs);
  for (let at = 0; at < out.length; at++) {
    const input = at % inputs, position = Math.floor(at / inputs);
    const tap = input % area, channel = Math.floor(input / area);
    const y = Math.floor(position / columns) % rows * window.stride[0] - window.padding[0] + Math.floor(tap / kernelWidth);
    const x = position % columns * window.stride[1] - window.padding[1] + tap % kernelWidth;
    if (y < 0 || y >= height || x < 0 || x >= width) continue;
    out[at] = values[((Math.floor(position / (rows * columns)) * height + y) * width + x) * channels + channel]!;
  }
  return out;
}

/** Rows `from` to `to` of an array of `columns`. */
function slab(cells: Float64Array, columns: number, from: number, to: number): Float64Array {
  return cells.subarray(from * columns, to * columns);
}

/** Rows of G⁺ and G⁻ in turn. */
function interleave({ positive, negative }: Side, columns: number): Float64Array {
  const rows = positive.length / columns, out = new Float64Array(2 * positive.length);
  for (let row = 0; row < rows; row++) {
    out.set(slab(positive, columns, row, row + 1), 2 * row * columns);
    out.set(slab(negative!, columns, row, row + 1), (2 * row + 1) * columns);
  }
  return out;
}

/** Every array replaced by its effective conductances. */
function fold(planes: RealPlanes, { wires, interleaved }: CoreConfig, bounds: readonly number[]): RealPlanes {
  if (wires === undefined) return planes;
  const { columns } = planes;
  const solve = (cells: Float64Array, options = wires) =>
    effectiveConductance({ shape: [cells.length / columns, columns], data: cells }, options).conductances.data;
  const slices = planes.slices.map((side): Side => {
    const positive = new Float64Array(side.positive.length), negative = new Float64Array(side.positive.length);
    for (let part = 0; part + 1 < bounds.length; part++) {
      const [from, to] = [bounds[part]!, bounds[part + 1]!], own = slab(side.positive, columns, from, to);
      if (side.negative === undefined) positive.set(solve(own), from * columns);
      else if (!interleaved) {
        positive.set(solve(own), from * columns);
        negative.set(solve(slab(side.negative, columns, from, to)), from * columns);
      } else {
        const both = solve(interleave({ positive: own, negative: slab(side.negative, columns, from, to) }, columns), {
          ...wires,
          interleaved,
        });
        for (let row = from; row < to; row++) {
          positive.set(slab(both, columns, 2 * (row - from), 2 * (row - from) + 1), row * columns);
          negative.set(slab(both, columns, 2 * (row - from) + 1, 2 * (row - from) + 2), row * columns);
        }
      }
    }
    return side.negative === undefined ? { positive } : { positive, negative };
  });
  return { ...planes, slices };
}

function geometryOf({ kernel, stride, padding, image, channels }: Problem["window"], copies: number, columns: number): Geometry {
  const extent = (axis: 0 | 1) => Math.floor((image[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1;
  return {
    kernel,
    stride,
    padding,
    dilation: [1, 1],
    groups: 1,
    inputShape: [...image, channels * copies],
    outputShape: [extent(0), extent(1), columns],
  };
}

/** One float convolution for all arrays. Inputs are codes of up to 24 bits: bytes of positive ones, then of negative ones, as more channels. */
function floatProgram(problem: Problem, config: CoreConfig, { slices, columns }: RealPlanes) {
  const { window, inputs, images } = problem, sent = sentInputs(problem, config), { channels } = window;
  const bits = config.dacBits > 0 ? config.dacBits - (config.signed ? 1 : 0) : FINE, most = 2 ** bits - 1;
  const largest = config.dacBits > 0 ? 1 : sent.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0) || 1;
  const bytes = Math.ceil(bits / 8), copies = 2 * bytes, data = new Uint8Array(sent.length * copies);
  for (let at = 0; at < sent.length; at++) {
    const code = Math.round(Math.abs(sent[at]!) / largest * most), first = Math.floor(at / channels) * channels * copies + at % channels;
    const sign = sent[at]! < 0 ? bytes : 0;
    for (let byte = 0; byte < bytes; byte++) data[first + (sign + byte) * channels] = (code >> (8 * byte)) & 255;
  }
  const arrays = slices.flatMap(({ positive, negative }) => negative === undefined ? [positive] : [positive, negative]);
  const width = arrays.length * columns, area = window.kernel[0] * window.kernel[1], geometry = geometryOf(window, copies, width);
  const weights = new Float32Array(inputs * copies * width);
  for (let input = 0; input < inputs; input++) {
    const tap = input % area, channel = Math.floor(input / area);
    for (let copy = 0; copy < copies; copy++) {
      const row = (tap * copies + copy) * channels + channel;
      arrays.forEach((cells, array) => weights.set(slab(cells, columns, input, input + 1), row * width + array * columns));
    }
  }
  const scale = Float32Array.from({ length: channels * copies }, (_, at) => {
    const copy = Math.floor(at / channels);
    return (copy < bytes ? 1 : -1) * 256 ** (copy % bytes) / most;
  });
  const program: Program = {
    values: [
      { type: "u8", shape: geometry.inputShape, name: "codes" },
      { type: "f32", shape: geometry.inputShape, name: "inputs" },
      { type: "f32", shape: geometry.outputShape, name: "sums" },
    ],
    steps: [
      { op: "affine", input: 0, output: 1, scale, bias: new Float32Array(scale.length) },
      { op: "float", input: 1, output: 2, geometry, weights, bias: new Float32Array(width) },
    ],
    output: 2,
  };
  const [batch = 0, height = 0, across = 0] = images.shape;
  return { program, images: { shape: [batch, height, across, channels * copies], data }, factor: largest };
}

/** Input vectors applied in turn, with the factor of each in the digital sum. */
function digitsOf(inputs: Float64Array, { bitSerial, dacBits, signed, digitBits }: CoreConfig): { factor: number; values: Float64Array }[] {
  if (!bitSerial) return [{ factor: 1, values: inputs }];
  const bits = dacBits - (signed ? 1 : 0), most = 2 ** bits - 1, top = 2 ** digitBits - 1, digits = [];
  for (let shift = 0; shift < bits; shift += digitBits) {
    const values = inputs.map((x) => Math.sign(x) * ((Math.round(Math.abs(x) * most) >> shift) & top) / top);
    digits.push({ factor: top * 2 ** shift / most, values });
  }
  return digits;
}

/** Outputs of all columns, `[positions][columns]`: the definition in f64. */
function evaluate(
  inputs: number,
  planes: RealPlanes,
  config: CoreConfig,
  bounds: readonly number[],
  vectors: Float64Array,
  where: string,
): Float64Array {
  const { columns, factors, sliceBits } = planes, positions = vectors.length / inputs, out = new Float64Array(positions * columns);
  const limit = config.columnLimit > 0 ? config.columnLimit : Infinity, digits = digitsOf(vectors, config);
  const perDigit = config.bitSerial && config.adcPerDigit;
  const { slices } = config.cubic === undefined ? fold(planes, config, bounds) : planes;
  const clip = (value: number) => Math.min(Math.max(value, -limit), limit);
  for (let part = 0; part + 1 < bounds.length; part++) {
    const [from, to] = [bounds[part]!, bounds[part + 1]!];
    slices.forEach((side, slice) => {
      const converter = config.adcBits > 0 ? makeConverter(config, converterRange(config, to - from, slice, sliceBits, where)) : undefined;
      const convert = (value: number) => converter === undefined ? value : converter.lo + converter.step * converter.code(value);
      const own = { positive: slab(side.positive, columns, from, to) };
      const arrays: Side = side.negative === undefined ? own : { ...own, negative: slab(side.negative, columns, from, to) };
      // What a converter sees, with its sign: the difference, or both sides.
      const signals = side.negative === undefined || config.subtract || config.interleaved ? [1] : [1, -1];
      const totals = signals.map(() => new Float64Array(out.length));
      for (const { factor, values } of digits) {
        const currents = columnCurrents(arrays, columns, slabInputs(values, inputs, from, to), positions, config);
        for (let at = 0; at < out.length; at++) {
          const [positive, negative] = [currents.positive[at]!, currents.negative[at]!];
          const seen = signals.length === 2
            ? [clip(positive), clip(negative)]
            : [config.interleaved ? clip(positive - negative) : clip(positive) - clip(negative)];
          seen.forEach((value, signal) => totals[signal]![at]! += factor * (perDigit ? convert(value) : value));
        }
      }
      signals.forEach((sign, signal) => {
        const sums = totals[signal]!;
        for (let at = 0; at < out.length; at++) out[at]! += factors[slice]! * sign * (perDigit ? sums[at]! : convert(sums[at]!));
      });
    });
  }
  return out;
}

function slabInputs(values: Float64Array, inputs: number, from: number, to: number): Float64Array {
  return values.filter((_, at) => at % inputs >= from && at % inputs < to);
}

/** Currents of all columns of the two arrays, `[positions][columns]`; of interleaved non-linear cells their difference is all in `positive`. */
function columnCurrents(
  side: Side,
  columns: number,
  inputs: Float64Array,
  positions: number,
  { cubic, wires, interleaved }: CoreConfig,
): Record<"positive" | "negative", Float64Array> {
  const none = new Float64Array(positions * columns), rows = inputs.length / positions;
  const solve = (cells: Float64Array | undefined, values: Float64Array, paired = false) => {
    if (cells === undefined) return none;
    if (cubic !== undefined) {
      const options = { wordLine: 0, bitLine: 0, ...wires, interleaved: paired };
      const height = cells.length / columns, odd = cubicCell(cubic);
      return solveNonlinearWires({ shape: [height, columns], data: cells }, { shape: [positions, height], data: values }, options, { odd })
        .outputs.data;
    }
    const out = new Float64Array(positions * columns);
    for (let position = 0; position < positions; position++) {
      for (let row = 0; row < rows; row++) {
        const value = values[position * rows + row]!;
        for (let column = 0; column < columns; column++) out[position * columns + column]! += value * cells[row * columns + column]!;
      }
    }
    return out;
  };
  if (cubic !== undefined && interleaved && side.negative !== undefined) {
    const both = new Float64Array(2 * inputs.length);
    for (let at = 0; at < inputs.length; at++) [both[2 * at], both[2 * at + 1]] = [inputs[at]!, -inputs[at]!];
    return { positive: solve(interleave(side, columns), both, true), negative: none };
  }
  return { positive: solve(side.positive, inputs), negative: solve(side.negative, inputs) };
}
