// What one layer does in training: a forward and a backward pass over the buffers of a batch.

import type { ThreadPool } from "../cpu/pool.ts";
import { move, type Placement } from "../../kernels/train/move.ts";
import type { Parameter } from "./parameter.ts";
import { type ImageBuffer, imageFloats, type TrainingValue } from "./value.ts";

/** Which derivatives a backward pass computes. */
export interface Backward {
  /**
   * 1: gradients. 2: diagonal second derivatives ∂²loss/∂·² as far as they follow layer by layer from those of the output (weights and inputs squared, cross
   * terms left out), put where gradients are.
   */
  readonly order: 1 | 2;
  /** Whether batch norm is a function of the batch, as in training, or uses running statistics, as in evaluation. */
  readonly statistics: "batch" | "running";
}

/** Gradients as training needs them. */
export const GRADIENTS: Backward = { order: 1, statistics: "batch" };

/** One layer, or several fused ones, made ready for a batch size. */
export interface Operation {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Buffers that are neither parameters nor activations but belong to the state of training (running statistics). */
  readonly state: Readonly<Record<string, Float32Array>>;
  /** What must be ready before the forward passes with the parameters as they are: weights on arrays. Most operations need nothing. */
  prepare?(training: boolean): Promise<void>;
  /** Computes outputs; `training` uses and updates batch statistics. */
  forward(training: boolean): void;
  /** From the gradient of the output, computes that of the inputs and of the parameters; default {@linkcode GRADIENTS}. */
  backward(pass?: Backward): void;
}

/** What operations are built with. */
export interface BuildContext {
  readonly pool: ThreadPool;
  readonly batch: number;
  /** Hands out where to write the gradient of a value, summing when several layers read it. */
  gradientSink(value: TrainingValue): Promise<GradientSink>;
  /** Asks for so many bytes per thread that kernels of all operations share; gives their address once all operations are built. */
  scratch(bytes: number): () => number;
}

/** A place for one reader's contribution to a gradient; `commit` adds it to the others. */
export interface GradientSink {
  readonly buffer: ImageBuffer;
  commit(): void;
}

/** Placement of a buffer's interior for {@linkcode move}, starting at a channel. */
export function placement({ plane }: ImageBuffer, channel = 0): Placement {
  const row = (plane.width + 2 * plane.halo) * plane.channels;
  return { image: imageFloats(plane), row, pixel: plane.channels, origin: plane.halo * (row + plane.channels) + channel };
}

/** A function copying (or adding) the interior of one buffer to another of the same shape. */
export async function mover(pool: ThreadPool, batch: number, from: ImageBuffer, to: ImageBuffer, accumulate: boolean): Promise<() => void> {
  const { height, width, channels } = from.plane;
  const [kernel] = await pool.load([move(height, width, channels, placement(from), placement(to), accumulate)]);
  return () => pool.run(kernel!, batch, 4, from.address, to.address);
}
