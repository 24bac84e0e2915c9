// Random crop and flip for training, each image's draw a hash of seed, epoch and its number, so that resuming repeats it.

import { ShapeError } from "../errors.ts";
import { hash } from "../random.ts";
import type { Tensor } from "../tensor.ts";

/** What to cut from a data set, and how. */
export interface AugmentBatch {
  /** `[n, height, width, channels]` u8. */
  readonly images: Tensor<Uint8Array>;
  /** Images of the batch, in order. */
  readonly indices: ArrayLike<number>;
  readonly seed: number;
  readonly epoch: number;
  /** Pixels added on each side before cropping back to size; 0 leaves positions alone. */
  readonly pad: number;
  /** Mirror half of the images left to right. */
  readonly flip: boolean;
  /** Pixel value of the added border, usually the one that encodes 0. */
  readonly fill: number;
}

/**
 * Writes a batch of randomly shifted and mirrored images to `output`, `[indices.length, height, width, channels]`.
 *
 * @throws {ShapeError} if `output` has another length.
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
  const [, height, width, channels] = batch.images.shape as [number, number, number, number];
  const size = height * width * channels, pixels = batch.images.data;
  if (output.length !== batch.indices.length * size) {
    throw new ShapeError("augment a batch", { got: `${output.length} bytes`, wanted: `${batch.indices.length * size}` });
  }
  const span = 2 * batch.pad + 1;
  output.fill(batch.fill);
  for (let i = 0; i < batch.indices.length; i++) {
    const index = batch.indices[i]!, draw = hash(batch.seed, batch.epoch, index);
    const dy = (draw & 0xfff) % span - batch.pad, dx = ((draw >>> 12) & 0xfff) % span - batch.pad;
    const mirrored = batch.flip && draw >>> 31 === 1;
    const left = Math.max(0, -dx), right = Math.min(width, width - dx);
    for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
      const from = index * size + (y + dy) * width * channels, to = i * size + y * width * channels;
      if (!mirrored) {
        output.set(pixels.subarray(from + (left + dx) * channels, from + (right + dx) * channels), to + left * channels);
        continue;
      }
      for (let x = left; x < right; x++) {
        const source = from + (x + dx) * channels, target = to + (width - 1 - x) * channels;
        for (let c = 0; c < channels; c++) output[target + c] = pixels[source + c]!;
      }
    }
  }
}
