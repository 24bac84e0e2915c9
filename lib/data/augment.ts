// Random crop and flip for training, each image's draw a hash of seed, epoch and its number, so that resuming repeats it.

import { OptionError, ShapeError } from "../errors.ts";
import { hash } from "../random.ts";
import type { Tensor } from "../tensor.ts";

/** What to cut from a data set, and how. */
export interface AugmentBatch {
  /** Pixels of the whole set, [n, height, width, channels]. */
  readonly images: Tensor<Uint8Array>;
  /** Images of the batch, in order. */
  readonly indices: ArrayLike<number>;
  /** Seed of the run. */
  readonly seed: number;
  /** Pass over the set: another epoch, other draws. */
  readonly epoch: number;
  /** Pixels added on each side before cropping back to size, 0–255; 0 leaves positions alone. */
  readonly pad: number;
  /** Mirror half of the images left to right. */
  readonly flip: boolean;
  /** Pixel value of the added border, 0–255, usually the one that encodes 0. */
  readonly fill: number;
}

/**
 * Writes a batch of randomly shifted and mirrored images to `output`, [indices.length, height, width, channels].
 *
 * @throws {ShapeError} if `output` has another length.
 * @throws {OptionError} if `pad`, `fill` or an index is out of range.
 *
 * @example
 * ```ts
 * import { augmentBatch, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const images = tensor(Uint8Array.of(1, 2, 3, 4), [1, 2, 2, 1]), output = new Uint8Array(4);
 * augmentBatch({ images, indices: [0], seed: 1, epoch: 0, pad: 0, flip: false, fill: 0 }, output);
 * assertEquals([...output], [1, 2, 3, 4]);
 * ```
 */
export function augmentBatch(batch: AugmentBatch, output: Uint8Array): void {
  const { indices, seed, epoch, pad, flip, fill } = batch;
  const { data, shape } = batch.images;
  const [total, height, width, channels] = shape as [number, number, number, number];
  if (shape.length !== 4) throw new ShapeError("augment a batch", { where: "images", got: shape, wanted: "[n, height, width, channels]" });
  const size = height * width * channels;
  if (output.length !== indices.length * size) {
    throw new ShapeError("augment a batch", { where: "output", got: `${output.length} bytes`, wanted: `${indices.length * size} bytes` });
  }
  requireInteger("pad", pad, 255);
  requireInteger("fill", fill, 255);
  const span = 2 * pad + 1;
  if (pad > 0) output.fill(fill);
  for (let slot = 0; slot < indices.length; slot++) {
    const index = indices[slot]!;
    requireInteger(`indices[${slot}]`, index, total - 1);
    const draw = hash(seed, epoch, index);
    const dy = (draw & 0xfff) % span - pad;
    const dx = ((draw >>> 12) & 0xfff) % span - pad;
    const mirrored = flip && draw >>> 31 === 1;
    const left = Math.max(0, -dx);
    const right = Math.min(width, width - dx);
    const bottom = Math.min(height, height - dy);
    for (let y = Math.max(0, -dy); y < bottom; y++) {
      const from = index * size + (y + dy) * width * channels;
      const to = slot * size + y * width * channels;
      if (mirrored) mirror(data, from + (left + dx) * channels, output, to + (width - left) * channels, right - left, channels);
      else copy(data, from + (left + dx) * channels, output, to + left * channels, (right - left) * channels);
    }
  }
}

/** Copies a row; a loop, since `set(subarray())` costs more than the ~100 bytes it moves. */
function copy(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  for (let index = 0; index < length; index++) target[to + index] = source[from + index]!;
}

/** Copies `pixels` pixels forward from `from` to end at `to` backward. */
function mirror(source: Uint8Array, from: number, target: Uint8Array, to: number, pixels: number, channels: number): void {
  for (let pixel = 0; pixel < pixels; pixel++) {
    to -= channels;
    for (let channel = 0; channel < channels; channel++) target[to + channel] = source[from++]!;
  }
}

function requireInteger(where: string, got: number, most: number): void {
  if (!Number.isInteger(got) || got < 0 || got > most) {
    throw new OptionError("augment a batch", { where, got, wanted: `an integer from 0 to ${most}` });
  }
}
