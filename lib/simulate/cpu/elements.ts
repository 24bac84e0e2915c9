// Steps between the convolutions, on all threads with the roundings of the oracle; only softmax, a few values per image, is a plain loop.

import { addElements, affineElements, quantizeElements, reluElements } from "../../../kernels/simulate/element.ts";
import { copyColumns } from "../../../kernels/simulate/gather.ts";
import { maxPool } from "../../../kernels/simulate/max_pool.ts";
import { poolFloats } from "../../../kernels/simulate/pool_float.ts";
import { thresholdCompare, thresholdNarrow, thresholdSearch } from "../../../kernels/simulate/threshold.ts";
import { elements } from "../../tensor.ts";
import { CHUNK, type CpuDevice, type Executor } from "./device.ts";
import type { AffineStep, ElementStep, PoolStep, QuantizeStep, ThresholdStep, Value } from "../program.ts";

/** Elements of a plain step one thread takes at a time. */
const ELEMENTS = 8192;
/** Most levels for which comparing with all of them beats a search. */
const COMPARED_LEVELS = 24;

/** Thresholds on all threads. */
export async function prepareThreshold(device: CpuDevice, step: ThresholdStep, values: readonly Value[]): Promise<Executor> {
  const channels = step.sign.length, positions = elements(values[step.input]!.shape) / channels;
  const { kernel, table, signs } = await thresholdTable(device, step);
  return {
    run(batch, address) {
      const sizes = [channels, step.levels, table, signs];
      device.pool.run(kernel, batch * positions, 4 * CHUNK, address(step.input), address(step.output), ...sizes);
    },
  };
}

/** The quickest kernel for a step's levels and channels, and the addresses of what it compares with. */
async function thresholdTable(device: CpuDevice, { sign, thresholds, levels }: ThresholdStep) {
  const channels = sign.length, few = levels <= COMPARED_LEVELS;
  const transposed = <T extends Int16Array | Int32Array>(to: T): T => {
    for (let at = 0; at < to.length; at++) to[at] = thresholds[(at % channels) * levels + Math.floor(at / channels)]!;
    return to;
  };
  if (few && channels % 8 === 0 && thresholds.every((each) => each >= -32766 && each <= 32767)) {
    const table = transposed(new Int16Array(thresholds.length));
    for (let at = 0; at < table.length; at++) if (sign[at % channels]! < 0) table[at]!--;
    const signs = Int16Array.from(sign, (s) => s < 0 ? -1 : 0);
    return { kernel: await device.kernel(thresholdNarrow()), table: device.upload(table), signs: device.upload(signs) };
  }
  const compare = few && channels % 4 === 0, signs = device.upload(Int32Array.from(sign, (s) => s < 0 ? -1 : 0));
  const table = device.upload(compare ? transposed(new Int32Array(thresholds.length)) : thresholds);
  return { kernel: await device.kernel(compare ? thresholdCompare() : thresholdSearch()), table, signs };
}

/** Pooling: 16 codes or 4 floats at a time. */
export async function preparePool(device: CpuDevice, step: PoolStep, values: readonly Value[]): Promise<Executor> {
  const { type, shape } = values[step.input]!, output = values[step.output]!.shape;
  const kernel = await device.kernel(type === "u8" && step.op === "maxPool" ? maxPool() : poolFloats(step.op));
  const sizes = [...shape, output[0], output[1], ...step.kernel, ...step.stride, ...step.padding];
  return { run: (batch, address) => device.pool.run(kernel, batch * output[0], 2, address(step.input), address(step.output), ...sizes) };
}

/** out = x · scale + bias, each operation rounded to f32. */
export async function prepareAffine(device: CpuDevice, step: AffineStep, values: readonly Value[]): Promise<Executor> {
  const { type, shape } = values[step.input]!, channels = step.scale.length, positions = elements(shape) / channels;
  const kernel = await device.kernel(affineElements(type)), scale = device.upload(step.scale), bias = device.upload(step.bias);
  const chunk = Math.max(1, Math.floor(ELEMENTS / channels));
  return {
    run: (batch, address) =>
      device.pool.run(kernel, batch * positions, chunk, address(step.input), address(step.output), channels, scale, bias),
  };
}

/** Codes of real values, half to even. */
export async function prepareQuantize(device: CpuDevice, step: QuantizeStep, values: readonly Value[]): Promise<Executor> {
  const kernel = await device.kernel(quantizeElements()), unit = device.upload(Float64Array.of(step.step));
  const size = elements(values[step.input]!.shape);
  return {
    run: (batch, address) => device.pool.run(kernel, batch * size, ELEMENTS, address(step.input), address(step.output), unit, step.levels),
  };
}

/** ReLU, softmax, sums and concatenation. */
export async function prepareElement(device: CpuDevice, { op, inputs, output }: ElementStep, values: readonly Value[]): Promise<Executor> {
  const { pool } = device, { shape } = values[output]!, size = elements(shape), channels = shape[2], positions = size / channels;
  if (op === "relu") {
    const kernel = await device.kernel(reluElements());
    return { run: (batch, address) => pool.run(kernel, batch * size, ELEMENTS, address(inputs[0]!), address(output)) };
  }
  if (op === "add") {
    const kernel = await device.kernel(addElements(inputs.length));
    return {
      run(batch, address) {
        const list = device.scratch("addresses", 4 * inputs.length);
        pool.i32(list, inputs.length).set(inputs.map(address));
        pool.run(kernel, batch * size, ELEMENTS, list, address(output));
      },
    };
  }
  if (op === "softmax") {
    return {
      run(batch, address) {
        const [from, to] = [pool.f32(address(inputs[0]!), batch * size), pool.f32(address(output), batch * size)];
        for (let at = 0; at < to.length; at += channels) softmax(from, to, at, channels);
      },
    };
  }
  const kernel = await device.kernel(copyColumns());
  return {
    run(batch, address) {
      let to = address(output);
      for (const input of inputs) {
        const bytes = 4 * values[input]!.shape[2];
        pool.run(kernel, batch * positions, 4 * CHUNK, address(input), bytes, to, 4 * channels, bytes);
        to += bytes;
      }
    },
  };
}

function softmax(from: ArrayLike<number>, to: Float32Array, start: number, channels: number): void {
  let [most, total] = [-Infinity, 0];
  for (let at = start; at < start + channels; at++) most = Math.max(most, from[at]!);
  for (let at = start; at < start + channels; at++) total += Math.exp(from[at]! - most);
  for (let at = start; at < start + channels; at++) to[at] = Math.exp(from[at]! - most) / total;
}
