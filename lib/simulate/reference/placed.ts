// Gather and scatter as their definitions read: the rows a placed layer's arrays see, and its partial results put back together.

import { elements } from "../../tensor.ts";
import type { GatherStep, ScatterStep, Value } from "../program.ts";

/** Executes a gather step on `[batch, height, width, channels]` codes. */
export function gather(
  { origins, rows }: GatherStep,
  { shape: [height, width, channels] }: Value,
  input: Uint8Array,
  batch: number,
): Uint8Array {
  const positions = origins.length / 2, count = rows.length / 3;
  const output = new Uint8Array(batch * positions * count);
  let at = 0;
  for (let image = 0; image < batch; image++) {
    for (let position = 0; position < positions; position++) {
      for (let row = 0; row < count; row++, at++) {
        const y = origins[2 * position]! + rows[3 * row]!, x = origins[2 * position + 1]! + rows[3 * row + 1]!;
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        output[at] = input[((image * height + y) * width + x) * channels + rows[3 * row + 2]!]!;
      }
    }
  }
  return output;
}

/** Executes a scatter step; f32 sums are taken in f64 and rounded at the end. */
export function scatter(
  { parts, bias }: ScatterStep,
  { type, shape }: Value,
  inputs: readonly ArrayLike<number>[],
  batch: number,
): Int32Array | Float32Array {
  const size = elements(shape), channelCount = shape[2];
  const sums = new Float64Array(batch * size);
  if (bias !== undefined) { for (let image = 0; image < batch; image++) sums.set(bias, image * size); }
  parts.forEach(({ pixels, channels, factor }, index) => {
    const input = inputs[index]!;
    let at = 0;
    for (let image = 0; image < batch; image++) {
      for (const pixel of pixels) {
        for (const channel of channels) sums[image * size + pixel * channelCount + channel]! += factor * input[at++]!;
      }
    }
  });
  return type === "i32" ? Int32Array.from(sums) : Float32Array.from(sums);
}
