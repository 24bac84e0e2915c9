// Activations of one batch and their gradients on the device: [image][row][column][channel] with channels padded to whole quads, no halo.

import type { GpuBuffer } from "../../gpu/buffers.ts";
import type { Shape } from "../../network/graph.ts";
import { padded } from "../value.ts";
import type { DeviceParameter } from "./parameter.ts";
import { type Launch, type LaunchBuilder } from "./launch.ts";
import { move } from "./move.ts";

/** One layer's output. Padded channels always hold 0. */
export interface DeviceValue {
  readonly name: string;
  readonly shape: Shape;
  /** Stored channels. */
  readonly channels: number;
  readonly data: GpuBuffer;
  /** Absent for the images: nobody asks for theirs. */
  readonly gradient: GpuBuffer | undefined;
  /** How many times a layer reads it. */
  readonly readers: number;
}

/** Where one reader writes its contribution to a gradient, and the launches that add it to the others'. */
export interface Sink {
  readonly buffer: GpuBuffer;
  readonly commit: readonly Launch[];
}

/** What operations are built with. */
export interface DeviceContext {
  readonly builder: LaunchBuilder;
  readonly batch: number;
  /** Where to write the gradient of a value; undefined if nobody wants it. */
  sink(value: DeviceValue): Promise<Sink | undefined>;
}

/**
 * What a pass computes. "training": everything a step needs, with statistics of the batch. With running statistics, and of convolutions and
 * linear layers only: 1, gradients; 2, diagonal second derivatives by the rule of the CPU's `Backward`, put where gradients are.
 */
export type Pass = "training" | 1 | 2;

/** One layer, or fused ones, as launches, made when asked for: kernels take long to compile. */
export interface DeviceOperation {
  readonly parameters: readonly DeviceParameter[];
  /** Running statistics: names, and the buffer that holds them one after the other, padded. */
  readonly statistics?: { readonly names: readonly string[]; readonly buffer: GpuBuffer; readonly values: readonly Float32Array[] };
  /** With statistics of the batch, or running ones. */
  forward(training: boolean): Promise<readonly Launch[]>;
  /** From derivatives of the output, those of the inputs and parameters. */
  backward(pass: Pass): Promise<readonly Launch[]>;
}

/** Stored floats of a batch of values. */
export function valueFloats(batch: number, shape: Shape): number {
  return batch * shape[0] * shape[1] * padded(shape[2]);
}

/** Readers take turns as on the CPU: backward runs in reverse, so the last one built writes first and the others add. */
export function sinks(builder: LaunchBuilder, batch: number): DeviceContext["sink"] {
  const built = new Map<string, number>();
  return async (value) => {
    if (value.gradient === undefined) return undefined;
    const turn = (built.get(value.name) ?? 0) + 1;
    built.set(value.name, turn);
    if (turn === value.readers) return { buffer: value.gradient, commit: [] };
    const own = builder.floats(valueFloats(batch, value.shape), `gradient of ${value.name}`);
    const [height, width] = value.shape, { channels } = value;
    const add = await move(builder, {
      images: batch,
      pixels: height * width,
      channels,
      from: { buffer: own, pixel: channels },
      to: { buffer: value.gradient, pixel: channels },
      accumulate: true,
    });
    return { buffer: own, commit: [add] };
  };
}
