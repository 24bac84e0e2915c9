// Activations of one batch and their gradients in the pool's memory, with the halo each reader or writer wants.

import type { Plane } from "../../kernels/train/normalize.ts";
import type { ThreadPool } from "../cpu/pool.ts";
import type { Shape } from "../network/graph.ts";

/** A buffer of images: `[batch][height + 2·halo][width + 2·halo][channels]` f32, channels padded to a multiple of 4. */
export interface ImageBuffer {
  readonly address: number;
  readonly plane: Plane;
}

/** One layer's output during training. Padded channels and halos always hold 0. */
export interface TrainingValue {
  readonly name: string;
  readonly shape: Shape;
  readonly data: ImageBuffer;
  readonly gradient: ImageBuffer;
  /** Layers that read this value. More than one means gradients are summed. */
  readonly readers: number;
}

/** Floats in one stored image. */
export function imageFloats(plane: Plane): number {
  return (plane.height + 2 * plane.halo) * (plane.width + 2 * plane.halo) * plane.channels;
}

/** Channel count rounded up to whole vectors. */
export function padded(channels: number): number {
  return Math.ceil(channels / 4) * 4;
}

/** Allocates a zeroed buffer for a batch of images. */
export function imageBuffer(pool: ThreadPool, batch: number, shape: Shape, halo: number): ImageBuffer {
  const plane: Plane = { height: shape[0], width: shape[1], channels: padded(shape[2]), halo };
  const length = batch * imageFloats(plane), address = pool.allocate(length * 4);
  pool.f32(address, length).fill(0);
  return { address, plane };
}
