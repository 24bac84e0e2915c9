// Between the trainer's buffers, floats with halos and padded channels, and the simulator's, plain codes and sums.

import { normalizeSums } from "../../../kernels/train/normalize.ts";
import type { ThreadPool } from "../../cpu/pool.ts";
import { type ImageBuffer, imageFloats } from "../value.ts";

/** Calls `body(at, dense)` for every pixel: where it starts in the buffer and in a dense array. */
function pixels({ plane }: ImageBuffer, batch: number, channels: number, body: (at: number, dense: number) => void): void {
  let dense = 0;
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < plane.height; y++) {
      let at = image * imageFloats(plane) + ((y + plane.halo) * (plane.width + 2 * plane.halo) + plane.halo) * plane.channels;
      for (let x = 0; x < plane.width; x++, at += plane.channels, dense += channels) body(at, dense);
    }
  }
}

/** Codes of fake-quantised values, value = (code − zero) · step. */
export function readCodes(
  pool: ThreadPool,
  buffer: ImageBuffer,
  batch: number,
  channels: number,
  { step, zero }: { readonly step: number; readonly zero: number },
  target: Uint8Array,
): void {
  const floats = pool.f32(buffer.address, batch * imageFloats(buffer.plane)), inverse = 1 / step, shift = zero + 0.5;
  pixels(buffer, batch, channels, (at, dense) => {
    // Values are multiples of the step but for rounding, so that halves do not occur.
    for (let c = 0; c < channels; c++) target[dense + c] = floats[at + c]! * inverse + shift;
  });
}

/** Writes sums as floats: sum · factor[channel] + shift[channel]. */
export function writeSums(
  pool: ThreadPool,
  sums: Int32Array,
  buffer: ImageBuffer,
  batch: number,
  { factor, shift }: { readonly factor: Float64Array; readonly shift: Float64Array },
): void {
  const floats = pool.f32(buffer.address, batch * imageFloats(buffer.plane)), channels = factor.length;
  pixels(buffer, batch, channels, (at, dense) => {
    for (let c = 0; c < channels; c++) floats[at + c] = sums[dense + c]! * factor[c]! + shift[c]!;
  });
}

/** How a layer's output spreads. */
export interface Spread {
  /** Variance over all elements. */
  readonly variance: number;
  /** `[channels]`: 1 where all elements of a channel are equal, as far as f32 sums tell. */
  readonly constant: Uint8Array;
}

/** Share of a channel's mean square below which its variance is taken for rounding. */
const ROUNDING = 1e-5;

/** Makes a function that measures the spread of a layer's output, less each channel's shift. */
export async function spreadOf(
  pool: ThreadPool,
  buffer: ImageBuffer,
  batch: number,
  channels: number,
): Promise<(shift?: Float32Array) => Spread> {
  const [kernel] = await pool.load([normalizeSums(buffer.plane)]), { height, width } = buffer.plane;
  const rows = batch * height,
    each = Math.ceil(rows / 64),
    jobs = Math.ceil(rows / each),
    pitch = buffer.plane.channels,
    count = rows * width;
  const at = pool.allocate(jobs * 2 * pitch * 4), sums = pool.f32(at, jobs * 2 * pitch);
  return (shift) => {
    pool.run(kernel!, jobs, 1, buffer.address, 0, at, each, rows);
    const constant = new Uint8Array(channels);
    let mean = 0, square = 0;
    for (let c = 0; c < channels; c++) {
      let [sum, squares] = [0, 0];
      for (let job = 0; job < jobs; job++) {
        sum += sums[job * 2 * pitch + c]! / count;
        squares += sums[(job * 2 + 1) * pitch + c]! / count;
      }
      constant[c] = Number(squares - sum * sum <= ROUNDING * squares);
      const less = shift === undefined ? 0 : shift[c]!;
      mean += (sum - less) / channels;
      square += (squares - 2 * less * sum + less * less) / channels;
    }
    return { variance: Math.max(0, square - mean * mean), constant };
  };
}

/** Multiplies a gradient by a factor, and by 0 in some channels. */
export function scaleGradient(pool: ThreadPool, buffer: ImageBuffer, batch: number, factor: number, without: Uint8Array): void {
  const floats = pool.f32(buffer.address, batch * imageFloats(buffer.plane)), channels = without.length;
  const factors = Float64Array.from(without, (dead) => dead ? 0 : factor);
  pixels(buffer, batch, channels, (at) => {
    for (let c = 0; c < channels; c++) floats[at + c] = floats[at + c]! * factors[c]!;
  });
}

/** Adds factor times a buffer's floats to a dense array. */
export function addFloats(
  pool: ThreadPool,
  buffer: ImageBuffer,
  batch: number,
  channels: number,
  factor: number,
  target: Float32Array,
): void {
  const floats = pool.f32(buffer.address, batch * imageFloats(buffer.plane));
  pixels(buffer, batch, channels, (at, dense) => {
    for (let c = 0; c < channels; c++) target[dense + c] = target[dense + c]! + factor * floats[at + c]!;
  });
}

/** Σ of a buffer's floats times the first or second power of a dense array's, less some channels. */
export function dotFloats(
  pool: ThreadPool,
  buffer: ImageBuffer,
  batch: number,
  without: Uint8Array,
  dense: Float32Array,
  power: 1 | 2,
): number {
  const floats = pool.f32(buffer.address, batch * imageFloats(buffer.plane)), channels = without.length;
  let sum = 0;
  pixels(buffer, batch, channels, (at, from) => {
    for (let c = 0; c < channels; c++) {
      if (without[c] === 0) sum += floats[at + c]! * (power === 1 ? dense[from + c]! : dense[from + c]! ** 2);
    }
  });
  return sum;
}
