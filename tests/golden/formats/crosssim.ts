// Analog matrix products and convolutions of CrossSim with a DAC, gridded cells and an ADC, as integer programs.
//
// Files {name, config, arrays}: M [Nout, Nin], X [Nin, batch], Y [Nout, batch]; or W [O, C, kh, kw], X [B, C, H, W], Y [B, O, H', W'] with
// stride and padding beside config. All from the file; options that need analog cells or devices are reported as not covered.

import { FileError } from "../../../lib/errors.ts";
import { elements } from "../../../lib/tensor.ts";
import { rint } from "../../../lib/simulate/reference/crossbar.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord, NotCovered, relativeError } from "../format.ts";
import { programCells } from "./crosssim_cells.ts";
import { type CoreConfig, readConfig } from "./crosssim_config.ts";
import { coreProgram, type Window } from "./crosssim_program.ts";
import { toChannelsLast } from "./lowprec_rram.ts";

const LIMIT = 1e-5;

/** CrossSim cases. */
export const crosssim: Format = {
  name: "crosssim",
  matches: ({ json }) => isRecord(json) && isRecord(json["config"]) && isRecord(json["arrays"]),
  open,
};

interface Stored {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** A case as matrix, inputs and results, images channels last. */
interface Problem {
  readonly matrix: Float64Array;
  readonly outputs: number;
  readonly inputs: number;
  readonly window: Window;
  /** `[batch, height, width, channels]`. */
  readonly images: Stored;
  /** `[batch, height, width, outputs]`. */
  readonly wanted: Float64Array;
}

function open({ path, stem, json }: GoldenFile): GoldenCase {
  const file = json as Record<string, unknown>;
  const config = readConfig(file["config"], path);
  const problem = readProblem(file, path);
  const { outputs, inputs, images, wanted } = problem;
  const planes = programCells(problem.matrix, outputs, inputs, config);
  const { program, copies, conversions, sumValue, geometry } = coreProgram(planes, problem.window, config, path);
  const inputScale = (config.signed ? 2 : 1) / (config.inputRange[1] - config.inputRange[0]);
  const codes = encode(images.data, config, inputScale);
  const [batch = 0, height = 0, width = 0, channels = 0] = images.shape;
  const driven = { shape: [batch, height, width, channels * copies], data: spreadInputs(codes, channels, copies, config.signed) };
  const largest = 2 ** (config.dacBits - (config.signed ? 1 : 0)) - 1;
  const positions = batch * geometry.outputShape[0] * geometry.outputShape[1];
  return {
    name: typeof file["name"] === "string" ? file["name"] : stem,
    limit: LIMIT,
    async run(backend) {
      await using session = await backend.prepare(program);
      const { taps } = await session.run(driven, [...conversions.map(({ value }) => value), sumValue]);
      const sums = taps.get(sumValue)!.data;
      const got = new Float64Array(positions * outputs);
      for (const { value, factor, step, lo } of conversions) {
        const { data } = taps.get(value)!;
        for (let at = 0; at < got.length; at++) {
          const row = Math.floor(at / outputs) * planes.columns;
          const column = row + at % outputs + (planes.unitColumn ? 1 : 0);
          const sum = planes.unitColumn ? step * (data[column]! - data[row]!) : step * data[column]! + lo;
          got[at]! += factor * sum / inputScale;
        }
      }
      for (let at = 0; at < got.length; at++) got[at]! -= planes.digital * sums[Math.floor(at / outputs)]! / largest / inputScale;
      return relativeError(got, wanted);
    },
  };
}

/** Signed input codes of a DAC. */
function encode(x: Float64Array, { dacBits, signed }: CoreConfig, scale: number): Int32Array {
  const [lo, levels] = signed ? [-1, 2 ** dacBits - 1] : [0, 2 ** dacBits];
  const q = (levels - 1) / (1 - lo), largest = 2 ** (dacBits - (signed ? 1 : 0)) - 1;
  return Int32Array.from(x, (value) => rint((rint((Math.min(Math.max(value * scale, lo), 1) - lo) * q) / q + lo) * largest));
}

/** Copies of each channel: magnitudes where the copy's sign is the input's, else 0. */
function spreadInputs(codes: Int32Array, channels: number, copies: number, signed: boolean): Uint8Array {
  const out = new Uint8Array(codes.length * copies);
  for (let at = 0; at < codes.length; at++) {
    const channel = at % channels, first = (at - channel) * copies + channel;
    for (let copy = 0; copy < copies; copy++) {
      const value = signed && copy >= copies / 2 ? -codes[at]! : codes[at]!;
      out[first + copy * channels] = Math.max(value, 0);
    }
  }
  return out;
}

function readProblem(file: Record<string, unknown>, path: string): Problem {
  const arrays = file["arrays"] as Record<string, unknown>;
  const stored = (name: string): Stored => readArray(arrays[name], `${path}: arrays.${name}`);
  const x = stored("X"), y = stored("Y");
  if (arrays["W"] !== undefined) return convolution(stored("W"), x, y, file, path);
  const m = stored("M");
  const [outputs = 0, inputs = 0] = m.shape, [rows, batch = 0] = x.shape;
  const fits = m.shape.length === 2 && rows === inputs && x.shape.length === 2 && y.shape.join() === [outputs, batch].join();
  if (!fits) throw misfit(path, [m.shape, x.shape, y.shape], "M [Nout, Nin], X [Nin, batch], Y [Nout, batch]");
  return {
    matrix: m.data,
    outputs,
    inputs,
    window: { channels: inputs, kernel: [1, 1], stride: [1, 1], padding: [0, 0], image: [1, 1] },
    images: { shape: [batch, 1, 1, inputs], data: transpose(x.data, inputs, batch) },
    wanted: transpose(y.data, outputs, batch),
  };
}

function convolution(w: Stored, x: Stored, y: Stored, file: Record<string, unknown>, path: string): Problem {
  const [outputs = 0, channels = 0, kernelHeight = 0, kernelWidth = 0] = w.shape;
  const [batch = 0, planes, height = 0, width = 0] = x.shape;
  const stride = readSize(file, "stride", 1, path), padding = readSize(file, "padding", 0, path);
  for (const name of ["groups", "dilation"]) {
    if (readSize(file, name, 1, path).some((size) => size !== 1)) throw new NotCovered(`${name} other than 1`);
  }
  const window: Window = { channels, kernel: [kernelHeight, kernelWidth], stride, padding, image: [height, width] };
  const extent = (axis: 0 | 1) => Math.floor((window.image[axis] + 2 * padding[axis] - window.kernel[axis]) / stride[axis]) + 1;
  const fits = w.shape.length === 4 && x.shape.length === 4 && planes === channels &&
    y.shape.join() === [batch, outputs, extent(0), extent(1)].join();
  if (!fits) throw misfit(path, [w.shape, x.shape, y.shape], "W [O, C, kh, kw], X [B, C, H, W], Y [B, O, H', W']");
  return {
    matrix: w.data,
    outputs,
    inputs: channels * kernelHeight * kernelWidth,
    window,
    images: { shape: [batch, height, width, channels], data: toChannelsLast(x.data, x.shape) },
    wanted: toChannelsLast(y.data, y.shape),
  };
}

function misfit(path: string, got: unknown, wanted: string): FileError {
  return new FileError("read a golden case", { where: `${path}: arrays`, got: JSON.stringify(got), wanted });
}

function readArray(value: unknown, where: string): Stored {
  const { shape, data } = isRecord(value) ? value : {} as Record<string, unknown>;
  const sound = Array.isArray(shape) && shape.every((extent) => Number.isInteger(extent) && extent > 0) &&
    Array.isArray(data) && data.length === elements(shape) && data.every(Number.isFinite);
  if (!sound) {
    throw new FileError("read a golden case", {
      where,
      got: value === undefined ? "nothing" : "something else",
      wanted: "{shape, data} of numbers",
    });
  }
  return { shape, data: Float64Array.from(data) };
}

function readSize(file: Record<string, unknown>, name: string, fallback: number, path: string): [number, number] {
  const value = file[name] ?? fallback;
  const pair = Array.isArray(value) ? value : [value, value];
  if (pair.length === 2 && pair.every((size) => Number.isInteger(size) && size >= 0)) return [pair[0], pair[1]];
  throw new FileError("read a golden case", { where: `${path}: ${name}`, got: value, wanted: "a size or two" });
}

/** `[rows, columns]` to `[columns, rows]`. */
function transpose(data: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(data, (_, at) => data[(at % rows) * columns + Math.floor(at / rows)]!);
}
