// Layers that only move channels, as one kernel: sums, concatenation, slices, shuffles, flattening.

import moveCode from "../../../kernels/train/move.wgsl" with { type: "text" };
import type { GpuBuffer } from "../../gpu/buffers.ts";
import type { Layer, Shuffle, Slice } from "../../network/graph.ts";
import { type Launch, type LaunchBuilder, workgroups } from "./launch.ts";
import type { DeviceContext, DeviceOperation, DeviceValue } from "./value.ts";

/** One end of a move, in floats. */
interface End {
  readonly buffer: GpuBuffer;
  /** From one pixel to the next. */
  readonly pixel: number;
  /** From one image to the next; default all its pixels. */
  readonly image?: number;
}

/** What goes where. */
interface Move {
  readonly images: number;
  readonly pixels: number;
  /** Channels written per pixel. */
  readonly channels: number;
  readonly from: End;
  readonly to: End;
  /** First channel written; default 0. */
  readonly first?: number;
  /** Added to the channel written to get the one read; default 0. */
  readonly shift?: number;
  /** Channels that can be read; 0 stands for others. Default all. */
  readonly limit?: number;
  /** Channels are dealt out from this many heaps; default 1. */
  readonly heaps?: number;
  readonly accumulate?: boolean;
}

/** A launch that writes, or adds, channels of one buffer to another. */
export function move(builder: LaunchBuilder, options: Move): Promise<Launch> {
  const { images, pixels, channels, from, to, first = 0, shift = 0, heaps = 1, accumulate = false } = options;
  const limit = options.limit ?? from.pixel, fromImage = from.image ?? from.pixel * pixels, toImage = to.image ?? to.pixel * pixels;
  const quads = heaps === 1 && [channels, first, shift, limit, from.pixel, to.pixel, fromImage, toImage].every((value) => value % 4 === 0);
  const scale = quads ? 4 : 1, count = images * pixels * channels / scale;
  return builder.launch({
    label: "move channels",
    code: moveCode,
    uses: "rw",
    values: {
      ITEM: quads ? "vec4<f32>" : "f32",
      COUNT: count,
      CHANNELS: channels / scale,
      PIXELS: pixels,
      HEAPS: heaps,
      SHIFT: shift / scale,
      LIMIT: limit / scale,
      FROM_IMAGE: fromImage / scale,
      FROM_PIXEL: from.pixel / scale,
      TO_IMAGE: toImage / scale,
      TO_PIXEL: to.pixel / scale,
      TO_FIRST: first / scale,
      ACCUMULATE: accumulate ? 1 : 0,
    },
    operands: [from.buffer, to.buffer],
    groups: workgroups(count),
  });
}

/** Sum of equal shapes, or channels one after the other. */
export async function combine(
  { builder, batch, sink }: DeviceContext,
  layer: Layer,
  inputs: readonly DeviceValue[],
  output: DeviceValue,
): Promise<DeviceOperation> {
  const add = layer.op === "add", pixels = output.shape[0] * output.shape[1], sinks = [];
  for (const input of inputs) sinks.push(await sink(input));
  const forward: Launch[] = [], backward: Launch[][] = [];
  let channel = 0;
  for (const [position, input] of inputs.entries()) {
    const channels = input.shape[2], first = add ? 0 : channel, target = sinks[position];
    channel += channels;
    const shape = { images: batch, pixels, channels };
    forward.push(
      await move(builder, {
        ...shape,
        from: { buffer: input.data, pixel: input.channels },
        to: { buffer: output.data, pixel: output.channels },
        first,
        accumulate: add && position > 0,
      }),
    );
    if (target === undefined) continue;
    const back = await move(builder, {
      ...shape,
      from: { buffer: output.gradient!, pixel: output.channels },
      to: { buffer: target.buffer, pixel: input.channels },
      shift: first,
    });
    backward.push([back, ...target.commit]);
  }
  // In reverse, as all readers of a value: of two equal inputs the later one writes first.
  return moves(forward, backward.toReversed().flat());
}

/** A layer with one input that writes each of its channels once, and the move that takes the gradient back. */
async function pair(
  { builder, batch, sink }: DeviceContext,
  input: DeviceValue,
  output: DeviceValue,
  forward: Omit<Move, "images" | "from" | "to">,
  backward: Omit<Move, "images" | "from" | "to">,
  flat = false,
): Promise<DeviceOperation> {
  const target = await sink(input);
  // Flattening reads the pixels of its output where the channels of one pixel follow those of the last.
  const pixel = flat ? input.shape[2] : output.channels, image = flat ? { image: output.channels } : {};
  const there = await move(builder, {
    images: batch,
    ...forward,
    from: { buffer: input.data, pixel: input.channels },
    to: { buffer: output.data, pixel, ...image },
  });
  if (target === undefined) return moves([there], []);
  const back = await move(builder, {
    images: batch,
    ...backward,
    from: { buffer: output.gradient!, pixel, ...image },
    to: { buffer: target.buffer, pixel: input.channels },
  });
  return moves([there], [back, ...target.commit]);
}

/** Derivatives of any order move as gradients do. */
function moves(forward: readonly Launch[], backward: readonly Launch[]): DeviceOperation {
  return { parameters: [], forward: () => Promise.resolve(forward), backward: () => Promise.resolve(backward) };
}

/** A range of channels; the others' gradient is zero. */
export function slice(context: DeviceContext, layer: Slice, input: DeviceValue, output: DeviceValue): Promise<DeviceOperation> {
  const pixels = output.shape[0] * output.shape[1], { first, channels } = layer;
  return pair(
    context,
    input,
    output,
    { pixels, channels, shift: first },
    { pixels, channels: input.shape[2], shift: -first, limit: channels },
  );
}

/** Channels dealt out from equal heaps in turn; back, they are dealt out from as many heaps as one heap had channels. */
export function shuffle(context: DeviceContext, layer: Shuffle, input: DeviceValue, output: DeviceValue): Promise<DeviceOperation> {
  const pixels = output.shape[0] * output.shape[1], channels = input.shape[2];
  return pair(context, input, output, { pixels, channels, heaps: layer.groups }, { pixels, channels, heaps: channels / layer.groups });
}

/** Height, width and channels to one axis. */
export function flatten(context: DeviceContext, input: DeviceValue, output: DeviceValue): Promise<DeviceOperation> {
  const all = { pixels: input.shape[0] * input.shape[1], channels: input.shape[2] };
  return pair(context, input, output, all, all, true);
}
