// Layers without parameters in training: pools, sums, concatenation, flattening. Kernels where they are hot, plain loops where they are not.

import { move } from "../../kernels/train/move.ts";
import { maxPoolBackward, maxPoolForward } from "../../kernels/train/pool.ts";
import type { GlobalAveragePool, Layer, Pool as PoolLayer, Shuffle, Slice } from "../network/graph.ts";
import { shuffled } from "../network/shapes.ts";
import { type Backward, type BuildContext, GRADIENTS, type Operation, placement } from "./op.ts";
import { type ImageBuffer, imageBuffer, imageFloats, type TrainingValue } from "./value.ts";

const plain = (layer: Layer, forward: () => void, backward: (pass?: Backward) => void): Operation => ({
  name: layer.name,
  parameters: [],
  state: {},
  forward,
  backward,
});

/** Maximum pool. */
export async function maxPool(context: BuildContext, layer: PoolLayer, input: TrainingValue, output: TrainingValue): Promise<Operation> {
  const { pool, batch } = context, sink = await context.gradientSink(input);
  const index = imageBuffer(pool, batch, output.shape, 0);
  const [forward, backward] = await pool.load([
    maxPoolForward(input.data.plane, output.data.plane, layer),
    maxPoolBackward(sink.buffer.plane, output.gradient.plane, layer),
  ]);
  return plain(
    layer,
    () => pool.run(forward!, batch, 4, input.data.address, output.data.address, index.address),
    () => {
      pool.run(backward!, batch, 4, sink.buffer.address, output.gradient.address, index.address);
      sink.commit();
    },
  );
}

/** Mean over a window, or over the whole image; padded positions are left out of the count. */
export async function averagePool(
  context: BuildContext,
  layer: PoolLayer | GlobalAveragePool,
  input: TrainingValue,
  output: TrainingValue,
): Promise<Operation> {
  const sink = await context.gradientSink(input);
  const window = layer.op === "globalAveragePool"
    ? { kernel: [input.shape[0], input.shape[1]], stride: [1, 1], padding: [0, 0] } as const
    : layer;
  const walk = (
    source: ImageBuffer,
    target: ImageBuffer,
    visit: (from: Float32Array, to: Float32Array, i: number, o: number, share: number) => void,
  ) => {
    const from = view(context, source), to = view(context, target), channels = source.plane.channels;
    for (let image = 0; image < context.batch; image++) {
      for (let oy = 0; oy < output.shape[0]; oy++) {
        for (let ox = 0; ox < output.shape[1]; ox++) {
          const [y0, y1] = span(oy, 0, window, input.shape[0]), [x0, x1] = span(ox, 1, window, input.shape[1]);
          const share = 1 / ((y1 - y0) * (x1 - x0)), o = pixelOffset(target, image, oy, ox);
          for (let y = y0; y < y1; y++) {
            for (let x = x0; x < x1; x++) {
              const i = pixelOffset(source, image, y, x);
              for (let c = 0; c < channels; c++) visit(from, to, i + c, o + c, share);
            }
          }
        }
      }
    }
  };
  return plain(
    layer,
    () => {
      clear(context, output.data);
      walk(input.data, output.data, (from, to, i, o, share) => to[o] = to[o]! + from[i]! * share);
    },
    ({ order } = GRADIENTS) => {
      clear(context, sink.buffer);
      walk(sink.buffer, output.gradient, (from, to, i, o, share) => from[i] = from[i]! + to[o]! * share ** order);
      sink.commit();
    },
  );
}

/** Sum of equal shapes, or channels one after the other: both only move pixels. */
export async function combine(
  context: BuildContext,
  layer: Layer,
  inputs: readonly TrainingValue[],
  output: TrainingValue,
): Promise<Operation> {
  const { pool, batch } = context, sinks = await Promise.all(inputs.map((input) => context.gradientSink(input)));
  const add = layer.op === "add";
  let channel = 0;
  const steps: { forward: () => void; backward: () => void }[] = [];
  for (const [position, input] of inputs.entries()) {
    const { height, width } = input.data.plane, channels = input.shape[2], offset = add ? 0 : channel, sink = sinks[position]!;
    channel += channels;
    if (channels % 4 === 0 && offset % 4 === 0) {
      const [forward, backward] = await pool.load([
        move(height, width, channels, placement(input.data), placement(output.data, offset), add && position > 0),
        move(height, width, channels, placement(output.gradient, offset), placement(sink.buffer), false),
      ]);
      steps.push({
        forward: () => pool.run(forward!, batch, 4, input.data.address, output.data.address),
        backward: () => pool.run(backward!, batch, 4, output.gradient.address, sink.buffer.address),
      });
    } else {
      steps.push({
        forward: () => copyChannels(context, input.data, 0, output.data, offset, channels, add && position > 0),
        backward: () => copyChannels(context, output.gradient, offset, sink.buffer, 0, channels, false),
      });
    }
  }
  return plain(layer, () => steps.forEach((step) => step.forward()), () =>
    // In reverse, as all readers of a value: of two equal inputs the later one writes first.
    steps.toReversed().forEach((step, position) => {
      step.backward();
      sinks.at(-1 - position)!.commit();
    }));
}

/** A range of channels; the others' gradient is zero. */
export async function slice(context: BuildContext, layer: Slice, input: TrainingValue, output: TrainingValue): Promise<Operation> {
  const { first, channels } = layer, sink = await context.gradientSink(input);
  return plain(
    layer,
    () => copyChannels(context, input.data, first, output.data, 0, channels, false),
    () => {
      clear(context, sink.buffer);
      copyChannels(context, output.gradient, 0, sink.buffer, first, channels, false);
      sink.commit();
    },
  );
}

/** Channels dealt out from equal heaps in turn; the gradient goes the way back. */
export async function shuffle(context: BuildContext, layer: Shuffle, input: TrainingValue, output: TrainingValue): Promise<Operation> {
  const sink = await context.gradientSink(input), channels = input.shape[2];
  const source = Int32Array.from({ length: channels }, (_, channel) => shuffled(channel, channels, layer.groups));
  const walk = (mixed: ImageBuffer, heaps: ImageBuffer, forward: boolean) => {
    const a = view(context, mixed), b = view(context, heaps), { height, width } = mixed.plane;
    for (let image = 0; image < context.batch; image++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const o = pixelOffset(mixed, image, y, x), i = pixelOffset(heaps, image, y, x);
          for (let c = 0; c < channels; c++) {
            if (forward) a[o + c] = b[i + source[c]!]!;
            else b[i + source[c]!] = a[o + c]!;
          }
        }
      }
    }
  };
  return plain(layer, () => walk(output.data, input.data, true), () => {
    walk(output.gradient, sink.buffer, false);
    sink.commit();
  });
}

/** Height, width and channels to one axis. */
export async function flatten(context: BuildContext, layer: Layer, input: TrainingValue, output: TrainingValue): Promise<Operation> {
  const sink = await context.gradientSink(input), [height, width, channels] = input.shape;
  const walk = (pixels: ImageBuffer, flat: ImageBuffer, toFlat: boolean) => {
    const a = view(context, pixels), b = view(context, flat);
    for (let image = 0; image < context.batch; image++) {
      let o = pixelOffset(flat, image, 0, 0);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, o += channels) {
          const i = pixelOffset(pixels, image, y, x);
          if (toFlat) b.set(a.subarray(i, i + channels), o);
          else a.set(b.subarray(o, o + channels), i);
        }
      }
    }
  };
  return plain(layer, () => walk(input.data, output.data, true), () => {
    walk(sink.buffer, output.gradient, false);
    sink.commit();
  });
}

function copyChannels(
  context: BuildContext,
  from: ImageBuffer,
  first: number,
  to: ImageBuffer,
  offset: number,
  channels: number,
  accumulate: boolean,
): void {
  const a = view(context, from), b = view(context, to), { height, width } = from.plane;
  for (let image = 0; image < context.batch; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const i = pixelOffset(from, image, y, x) + first, o = pixelOffset(to, image, y, x) + offset;
        for (let c = 0; c < channels; c++) b[o + c] = accumulate ? b[o + c]! + a[i + c]! : a[i + c]!;
      }
    }
  }
}

function span(position: number, axis: 0 | 1, window: Pick<PoolLayer, "kernel" | "stride" | "padding">, extent: number): [number, number] {
  const start = position * window.stride[axis] - window.padding[axis];
  return [Math.max(0, start), Math.min(extent, start + window.kernel[axis])];
}

function pixelOffset({ plane }: ImageBuffer, image: number, y: number, x: number): number {
  return image * imageFloats(plane) + ((y + plane.halo) * (plane.width + 2 * plane.halo) + x + plane.halo) * plane.channels;
}

function view({ pool, batch }: BuildContext, { address, plane }: ImageBuffer): Float32Array {
  return pool.f32(address, batch * imageFloats(plane));
}

function clear(context: BuildContext, buffer: ImageBuffer): void {
  view(context, buffer).fill(0);
}
