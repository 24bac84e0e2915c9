// Gather and scatter on the CPU: rows and channels as runs of contiguous elements, positions spread over all threads.

import { gatherPlaced, scatterPlaced } from "../../../kernels/simulate/placed.ts";
import { elements } from "../../tensor.ts";
import type { GatherStep, ScatterStep, Value } from "../program.ts";
import { CHUNK, type CpuDevice, type Executor } from "./device.ts";

/** Rows of a placed layer on all threads. */
export async function prepareGather(device: CpuDevice, step: GatherStep, values: readonly Value[]): Promise<Executor> {
  const [height, width, channels] = values[step.input]!.shape;
  const { rows } = step, pitch = rows.length / 3, positions = step.origins.length / 2;
  const runs: number[] = [];
  for (let row = 0; row < pitch; row++) {
    const [y, x, channel] = rows.subarray(3 * row, 3 * row + 3) as unknown as [number, number, number];
    const last = runs.length - 4;
    const joins = last >= 0 && runs[last] === y && runs[last + 1] === x && runs[last + 2]! + runs[last + 3]! === channel;
    if (joins) runs[last + 3]!++;
    else runs.push(y, x, channel, 1);
  }
  const records = device.upload(Int32Array.from(runs)), origins = device.upload(step.origins);
  const kernel = await device.kernel(gatherPlaced());
  return {
    run(batch, address) {
      const [from, to] = [address(step.input), address(step.output)];
      const window = [from, to, pitch, positions, height, width, channels, records, runs.length / 4, origins];
      device.pool.run(kernel, batch * positions, CHUNK, ...window);
    },
  };
}

/** Parts of a placed layer added up, one part after the other. */
export async function prepareScatter(device: CpuDevice, step: ScatterStep, values: readonly Value[]): Promise<Executor> {
  const { type, shape } = values[step.output]!, size = elements(shape);
  const bits = (factor: number) => type === "i32" ? factor : new Int32Array(Float32Array.of(factor).buffer)[0]!;
  const parts = await Promise.all(step.parts.map(async ({ pixels, channels, factor }, index) => {
    const runs: number[] = [];
    for (const channel of channels) {
      const last = runs.length - 2;
      if (last >= 0 && runs[last]! + runs[last + 1]! === channel) runs[last + 1]!++;
      else runs.push(channel, 1);
    }
    const input = step.inputs[index]!;
    return {
      input,
      kernel: await device.kernel(scatterPlaced(values[input]!.type as "i32" | "f32", type as "i32" | "f32")),
      positions: pixels.length,
      pitch: 4 * channels.length,
      runs: device.upload(Int32Array.from(runs)),
      count: runs.length / 2,
      pixels: device.upload(pixels),
      factor: bits(factor),
    };
  }));
  return {
    run(batch, address) {
      const output = address(step.output), sums = device.pool.i32(output, batch * size);
      if (step.bias === undefined) sums.fill(0);
      else for (let image = 0; image < batch; image++) sums.set(step.bias, image * size);
      for (const { input, kernel, positions, pitch, runs, count, pixels, factor } of parts) {
        const target = [output, pitch, positions, 4 * size, 4 * shape[2], runs, count, pixels, factor];
        device.pool.run(kernel, batch * positions, CHUNK, address(input), ...target);
      }
    },
  };
}
