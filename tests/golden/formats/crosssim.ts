// Analog matrix products and convolutions of CrossSim: integer programs where inputs and cells lie on grids, real conductances elsewhere.
//
// Files {name, config, arrays}: M [Nout, Nin], X [Nin, batch], Y [Nout, batch]; or W [O, C, kh, kw], X [B, C, H, W], Y [B, O, H', W'] with
// stride and padding beside config. All from the file; conductances recorded there (Gpos_r0c0 …) stand in for errors that no seed repeats.

import { FileError } from "../../../lib/errors.ts";
import { elements } from "../../../lib/tensor.ts";
import type { Backend } from "../../../lib/simulate/backend.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord, NotCovered, relativeError } from "../format.ts";
import { programCells } from "./crosssim_cells.ts";
import { type CoreConfig, readConfig } from "./crosssim_config.ts";
import { encode, type Problem, type Stored } from "./crosssim_problem.ts";
import { coreProgram, type Window } from "./crosssim_program.ts";
import { realCase, type Recorded } from "./crosssim_real.ts";
import { toChannelsLast } from "./lowprec_rram.ts";

const LIMIT = 1e-5;

/** CrossSim cases. */
export const crosssim: Format = {
  name: "crosssim",
  matches: ({ json }) => isRecord(json) && isRecord(json["config"]) && isRecord(json["arrays"]),
  open,
};

function open({ path, stem, json }: GoldenFile): GoldenCase {
  const file = json as Record<string, unknown>, config = readConfig(file["config"], path), problem = readProblem(file, path);
  const name = typeof file["name"] === "string" ? file["name"] : stem;
  const real = () => ({ name, limit: LIMIT, ...realCase(problem, config, readRecorded(file, config, path), path) });
  const onGrid = config.dacBits > 0 && (config.cellBits > 0 || config.style === "bitsliced");
  if (!onGrid || config.wires !== undefined || config.cubic !== undefined || config.errors) return real();
  try {
    return { name, limit: LIMIT, run: integerRun(problem, config, path) };
  } catch (error) {
    // On a grid, but beyond what integer steps hold.
    if (error instanceof NotCovered) return real();
    throw error;
  }
}

/** A case as an integer program. @throws {NotCovered} if codes, cells or sums do not fit. */
function integerRun(problem: Problem, config: CoreConfig, path: string): (backend: Backend) => Promise<number> {
  const { outputs, inputs, images, wanted } = problem;
  const planes = programCells(problem.matrix, outputs, inputs, config);
  const { program, copies, conversions, sumValue, geometry } = coreProgram(planes, problem.window, config, path);
  const inputScale = (config.signed ? 2 : 1) / (config.inputRange[1] - config.inputRange[0]);
  const codes = encode(images.data, config, inputScale);
  const [batch = 0, height = 0, width = 0, channels = 0] = images.shape;
  const driven = { shape: [batch, height, width, channels * copies], data: spreadInputs(codes, channels, copies, config.signed) };
  const largest = 2 ** (config.dacBits - (config.signed ? 1 : 0)) - 1;
  const positions = batch * geometry.outputShape[0] * geometry.outputShape[1];
  return async (backend) => {
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
  };
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

/** Conductances as programmed, `[outputs][inputs]` per part of the rows, as `[inputs][columns]`. @throws {NotCovered} if they are needed and missing. */
function readRecorded(file: Record<string, unknown>, config: CoreConfig, path: string): Recorded | undefined {
  const arrays = file["arrays"] as Record<string, unknown>;
  const named = Object.keys(arrays).flatMap((name) => {
    const [, side, part] = /^G(pos|neg)?_r(\d+)c0$/.exec(name) ?? [];
    return part === undefined ? [] : [{ name, side: side ?? "pos", part: Number(part) }];
  }).sort((a, b) => a.part - b.part);
  if (named.length === 0 || config.style === "bitsliced") {
    if (config.errors) throw new NotCovered("programming errors without recorded conductances");
    return undefined;
  }
  const stack = (wanted: string) => {
    const parts = named.filter(({ side }) => side === wanted).map(({ name }) => readArray(arrays[name], `${path}: arrays.${name}`));
    const columns = parts[0]?.shape[0] ?? 0, inputs = parts.reduce((sum, { shape }) => sum + shape[1]!, 0);
    const cells = new Float64Array(inputs * columns);
    let first = 0;
    for (const { shape: [, width = 0], data } of parts) {
      for (let at = 0; at < data.length; at++) cells[(first + at % width) * columns + Math.floor(at / width)] = data[at]!;
      first += width;
    }
    return cells;
  };
  return { positive: stack("pos"), negative: stack("neg") };
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
