// Steps that cost little next to the convolutions: threshold and maximum pooling as kernels, the rest as plain loops over the shared memory.

import { maxPool } from "../../../kernels/simulate/max_pool.ts";
import { thresholdCompare, thresholdSearch } from "../../../kernels/simulate/threshold.ts";
import { elements } from "../../tensor.ts";
import { CHUNK, type CpuDevice, type Executor } from "./device.ts";
import type { AffineStep, ElementStep, PoolStep, QuantizeStep, ThresholdStep, Value } from "../program.ts";
import { rint } from "../reference/crossbar.ts";

/** Most levels for which comparing with all of them beats a search. */
const COMPARED_LEVELS = 24;

/** Values of a program with their data. */
export interface Memory {
  /** The data of a value for a batch. */
  read(value: number, batch: number, address: (value: number) => number): Uint8Array | Int32Array | Float32Array;
  readonly values: readonly Value[];
}

/** Views of the pool's memory by value. */
export function memoryOf(device: CpuDevice, values: readonly Value[]): Memory {
  return {
    values,
    read(value, batch, address) {
      const { type, shape } = values[value]!;
      return device.pool[type](address(value), batch * elements(shape));
    },
  };
}

/** Thresholds on all threads. */
export async function prepareThreshold(device: CpuDevice, step: ThresholdStep, values: readonly Value[]): Promise<Executor> {
  const { sign, thresholds, levels } = step;
  const channels = sign.length, compare = channels % 4 === 0 && levels <= COMPARED_LEVELS;
  const ordered = compare
    ? Int32Array.from({ length: thresholds.length }, (_, at) => thresholds[(at % channels) * levels + Math.floor(at / channels)]!)
    : thresholds;
  const table = device.upload(ordered), signs = device.upload(Int32Array.from(sign, (s) => s < 0 ? -1 : 0));
  const kernel = await device.kernel(compare ? thresholdCompare() : thresholdSearch());
  const positions = elements(values[step.input]!.shape) / channels;
  return {
    run(batch, address) {
      device.pool.run(kernel, batch * positions, 4 * CHUNK, address(step.input), address(step.output), channels, levels, table, signs);
    },
  };
}

/** Pooling: maxima of codes on all threads, floats on one. */
export async function preparePool(device: CpuDevice, step: PoolStep, memory: Memory): Promise<Executor> {
  const input = memory.values[step.input]!, [height, width, channels] = input.shape, output = memory.values[step.output]!.shape;
  if (input.type === "u8" && step.op === "maxPool") {
    const kernel = await device.kernel(maxPool());
    const sizes = [height, width, channels, output[0], output[1], ...step.kernel, ...step.stride, ...step.padding];
    return { run: (batch, address) => device.pool.run(kernel, batch * output[0], 2, address(step.input), address(step.output), ...sizes) };
  }
  return {
    run(batch, address) {
      const from = memory.read(step.input, batch, address), to = memory.read(step.output, batch, address);
      let at = 0;
      for (let line = 0; line < batch * output[0]; line++) {
        const image = Math.floor(line / output[0]) * height * width, y0 = (line % output[0]) * step.stride[0] - step.padding[0];
        const [top, bottom] = [Math.max(y0, 0), Math.min(y0 + step.kernel[0], height)];
        for (let column = 0; column < output[1]; column++) {
          const x0 = column * step.stride[1] - step.padding[1];
          const [left, right] = [Math.max(x0, 0), Math.min(x0 + step.kernel[1], width)];
          for (let channel = 0; channel < channels; channel++, at++) {
            let [most, sum] = [-Infinity, 0];
            for (let y = top; y < bottom; y++) {
              for (let x = left; x < right; x++) {
                const item = from[(image + y * width + x) * channels + channel]!;
                if (item > most) most = item;
                sum += item;
              }
            }
            to[at] = step.op === "maxPool" ? most : sum / ((bottom - top) * (right - left));
          }
        }
      }
    },
  };
}

/** out = x · scale + bias, each operation rounded to f32. */
export function prepareAffine({ input, output, scale, bias }: AffineStep, memory: Memory): Executor {
  return {
    run(batch, address) {
      const from = memory.read(input, batch, address), to = memory.read(output, batch, address), channels = scale.length;
      for (let at = 0; at < from.length; at += channels) {
        for (let channel = 0; channel < channels; channel++) {
          to[at + channel] = Math.fround(Math.fround(from[at + channel]!) * scale[channel]!) + bias[channel]!;
        }
      }
    },
  };
}

/** Codes of real values, half to even. */
export function prepareQuantize({ input, output, step, levels }: QuantizeStep, memory: Memory): Executor {
  return {
    run(batch, address) {
      const from = memory.read(input, batch, address), to = memory.read(output, batch, address);
      for (let at = 0; at < from.length; at++) to[at] = Math.min(Math.max(rint(from[at]! / step), 0), levels);
    },
  };
}

/** ReLU, softmax, sums and concatenation. */
export function prepareElement({ op, inputs, output }: ElementStep, memory: Memory): Executor {
  const channels = memory.values[output]!.shape[2];
  return {
    run(batch, address) {
      const sources = inputs.map((input) => memory.read(input, batch, address)), to = memory.read(output, batch, address);
      const first = sources[0]!;
      if (op === "relu") { for (let at = 0; at < to.length; at++) to[at] = Math.max(first[at]!, 0); }
      else if (op === "add") { for (let at = 0; at < to.length; at++) to[at] = sources.reduce((sum, source) => sum + source[at]!, 0); }
      else if (op === "softmax") { for (let at = 0; at < to.length; at += channels) softmax(first, to, at, channels); }
      else concat(sources, inputs.map((input) => memory.values[input]!.shape[2]), to, channels);
    },
  };
}

function softmax(from: ArrayLike<number>, to: Uint8Array | Int32Array | Float32Array, start: number, channels: number): void {
  let [most, total] = [-Infinity, 0];
  for (let at = start; at < start + channels; at++) most = Math.max(most, from[at]!);
  for (let at = start; at < start + channels; at++) total += Math.exp(from[at]! - most);
  for (let at = start; at < start + channels; at++) to[at] = Math.exp(from[at]! - most) / total;
}

function concat(
  sources: readonly ArrayLike<number>[],
  widths: readonly number[],
  to: Uint8Array | Int32Array | Float32Array,
  channels: number,
): void {
  let offset = 0;
  sources.forEach((source, index) => {
    const width = widths[index]!;
    for (let position = 0; position * width < source.length; position++) {
      for (let channel = 0; channel < width; channel++) to[position * channels + offset + channel] = source[position * width + channel]!;
    }
    offset += width;
  });
}
