// Convolution and linear layers in training: forward, weight gradient and input gradient on the pool.

import { convolutionForward } from "../../kernels/train/convolution_forward.ts";
import { type ConvolutionShape, divisor } from "../../kernels/train/convolution_shape.ts";
import { convolutionWeightGradient, sumJobs } from "../../kernels/train/convolution_weights.ts";
import { FLIP_STEP, flipWeights } from "../../kernels/train/flip_weights.ts";
import { move } from "../../kernels/train/move.ts";
import { normalizeSums } from "../../kernels/train/normalize.ts";
import type { ThreadPool } from "../cpu/pool.ts";
import type { Conv, Linear, Network } from "../network/graph.ts";
import type { WeightQuantizer } from "../quantize/quantizer.ts";
import { type BuildContext, GRADIENTS, type Operation, placement } from "./op.ts";
import { type Parameter, parameter } from "./parameter.ts";
import { type ImageBuffer, imageBuffer, imageFloats, padded, type TrainingValue } from "./value.ts";

/** Partial weight gradients per batch; fixed, so that sums do not depend on the number of threads. */
const JOBS = 8;

/** How a convolution's buffers relate: everything the kernels need to know. */
interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly groups: number;
}

/** Width of the halo that the gradient of a convolution's output needs so that its input gradient is a plain convolution; −1 where it cannot be. */
export function gradientHalo({ kernel, stride, dilation, padding }: Conv): number {
  const reach = [0, 1].map((axis) => dilation[axis]! * (kernel[axis]! - 1) - padding[axis]!);
  return stride[0] !== 1 || stride[1] !== 1 || Math.min(...reach) < 0 ? -1 : Math.max(...reach);
}

/** Builds a convolution or linear layer. `needsInputGradient` is false for the first layer. */
export async function convolution(
  context: BuildContext,
  network: Network,
  layer: Conv | Linear,
  input: TrainingValue,
  output: TrainingValue,
  quantizer: WeightQuantizer | undefined,
  needsInputGradient: boolean,
): Promise<Operation> {
  const { pool, batch } = context;
  const conv = layer.op === "conv";
  const depth = conv ? input.shape[2] / layer.groups : input.shape[2];
  const split = conv && layer.groups > 1 && (depth % 4 !== 0 || (layer.channels / layer.groups) % 4 !== 0);
  const window: Window = conv
    ? { ...layer, groups: split ? 1 : layer.groups }
    : { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0], groups: 1 };
  const weight = parameter(pool, `${layer.name}.weight`, network.parameters[`${layer.name}.weight`]!, "weight", {
    quantizer,
    expand: split ? (layer as Conv).groups : 1,
    blocked: output.data.plane.channels / window.groups,
    known: network.parameters,
  });
  const bias = layer.bias ? parameter(pool, `${layer.name}.bias`, network.parameters[`${layer.name}.bias`]!, "normalization") : undefined;
  const zeros = bias === undefined ? zeroBlock(pool, output.data.plane.channels) : 0;

  // A linear layer treats eight images as the pixels of one, so that weights are reused from registers.
  const apart = [input.data, input.gradient, output.data, output.gradient].some(({ plane }) => plane.halo > 0);
  const fold = conv || apart ? 1 : divisor(batch, 8, 4, 2), images = batch / fold;
  const shape = shapeOf(window, input.data, output.data, fold), gradientShape = shapeOf(window, input.data, output.gradient, fold);
  const { source, scratch } = convolutionWeightGradient(gradientShape), workspace = context.scratch(scratch);
  const [forward, weightGradient, sum] = await pool.load([convolutionForward(shape), source, sumJobs()]);
  const each = Math.ceil(images / JOBS), jobs = Math.ceil(images / each);
  const partial = pool.allocate(jobs * weight.values.length * 4);
  const backInput = needsInputGradient ? await inputGradient(context, window, weight, input, output, fold) : undefined;
  const biasGradient = bias === undefined ? undefined : await columnSums(context, output.gradient, bias);

  const squared = squares(context);

  return {
    name: layer.name,
    parameters: [weight, ...bias === undefined ? [] : [bias], ...weight.companions],
    state: {},
    forward() {
      weight.refresh();
      pool.run(forward!, images, 1, input.data.address, weight.address, output.data.address, bias?.address ?? zeros);
    },
    backward({ order } = GRADIENTS) {
      const from = order === 1 ? input.data.address : squared(input.data);
      pool.run(weightGradient!, jobs, 1, from, output.gradient.address, partial, each, images, workspace());
      pool.run(sum!, weight.values.length / 4, 2048, partial, weight.gradientAddress, jobs, weight.values.length / 4);
      // Second derivatives are taken with respect to the weights kernels multiply with.
      if (order === 1) weight.pullBack();
      biasGradient?.();
      backInput?.(order);
    },
  };
}

function shapeOf(window: Window, input: ImageBuffer, output: ImageBuffer, fold: number): ConvolutionShape {
  const from = input.plane, to = output.plane;
  return {
    input: [from.height + 2 * from.halo, (from.width + 2 * from.halo) * fold, from.channels],
    output: [to.height + 2 * to.halo, (to.width + 2 * to.halo) * fold, to.channels],
    size: [to.height, to.width * fold],
    inputOrigin: [from.halo - window.padding[0], from.halo - window.padding[1]],
    outputOrigin: [to.halo, to.halo],
    kernel: window.kernel,
    stride: window.stride,
    dilation: window.dilation,
    groups: window.groups,
  };
}

/** dx = the gradient of the output, zeros inserted for strides, convolved with the flipped, transposed weights. */
async function inputGradient(
  context: BuildContext,
  window: Window,
  weight: Parameter,
  input: TrainingValue,
  output: TrainingValue,
  fold: number,
): Promise<(order: 1 | 2) => void> {
  const { pool, batch } = context;
  const sink = await context.gradientSink(input);
  const { groups } = window, [depth, columns] = [input, output].map(({ data }) => data.plane.channels / groups) as [number, number];
  const extents = { taps: window.kernel[0] * window.kernel[1], depth, columns, groups };
  const flipped = pool.allocate(weight.values.length * 4), flippedView = pool.f32(flipped, weight.values.length);
  const reach = [0, 1].map((axis) => window.dilation[axis]! * (window.kernel[axis]! - 1) - window.padding[axis]!) as [number, number];
  const plain = window.stride[0] === 1 && window.stride[1] === 1 && Math.min(...reach) >= 0 &&
    output.gradient.plane.halo >= Math.max(...reach);
  const spread = plain ? undefined : await insertZeros(context, window, reach, input, output);
  const source = spread?.buffer ?? output.gradient;
  const back: Window = { kernel: window.kernel, stride: [1, 1], dilation: window.dilation, padding: reach, groups: window.groups };
  const [flip, kernel] = await pool.load([flipWeights(extents), convolutionForward(shapeOf(back, source, sink.buffer, fold))]);
  const zeros = zeroBlock(pool, input.data.plane.channels);
  return (order) => {
    spread?.fill();
    pool.run(flip!, columns * groups / FLIP_STEP, 4, weight.address, flipped);
    if (order === 2) square(flippedView, flippedView);
    pool.run(kernel!, batch / fold, 1, source.address, flipped, sink.buffer.address, zeros);
    sink.commit();
  };
}

/** Squares of a buffer, halo included, in memory made at first use. */
function squares({ pool, batch }: BuildContext): (buffer: ImageBuffer) => number {
  let address: number | undefined;
  return (buffer) => {
    const length = batch * imageFloats(buffer.plane);
    address ??= pool.allocate(length * 4);
    square(pool.f32(buffer.address, length), pool.f32(address, length));
    return address;
  };
}

function square(from: Float32Array, to: Float32Array): void {
  for (let at = 0; at < from.length; at++) to[at] = from[at]! * from[at]!;
}

/** For strides: the output's gradient with stride − 1 zeros between pixels, in a buffer with the halo the input gradient needs. */
async function insertZeros(
  { pool, batch }: BuildContext,
  window: Window,
  reach: readonly [number, number],
  input: TrainingValue,
  output: TrainingValue,
): Promise<{ buffer: ImageBuffer; fill: () => void }> {
  // Left and above: what the kernel reaches over. Right and below: outputs that lie past the image because of padding.
  const halo = Math.max(0, ...reach) + Math.max(0, ...window.padding) + Math.max(0, ...reach.map((extent) => -extent));
  const buffer = imageBuffer(pool, batch, [input.shape[0], input.shape[1], output.shape[2]], halo);
  const place = placement(buffer), { height, width, channels } = output.gradient.plane;
  const [kernel] = await pool.load([
    move(height, width, channels, placement(output.gradient), {
      ...place,
      row: place.row * window.stride[0],
      pixel: place.pixel * window.stride[1],
    }, false),
  ]);
  return { buffer, fill: () => pool.run(kernel!, batch, 4, output.gradient.address, buffer.address) };
}

/** Bias gradient: sums over all pixels of the batch. */
async function columnSums({ pool, batch }: BuildContext, gradient: ImageBuffer, bias: Parameter): Promise<() => void> {
  const [kernel] = await pool.load([normalizeSums(gradient.plane)]);
  const rows = batch * gradient.plane.height, each = Math.ceil(rows / 64), jobs = Math.ceil(rows / each), { channels } = gradient.plane;
  const sums = pool.allocate(jobs * 2 * channels * 4), view = pool.f32(sums, jobs * 2 * channels);
  return () => {
    pool.run(kernel!, jobs, 1, gradient.address, 0, sums, each, rows);
    for (let c = 0; c < bias.gradient.length; c++) {
      let total = 0;
      for (let job = 0; job < jobs; job++) total += view[job * 2 * channels + c]!;
      bias.gradient[c] = total;
    }
  };
}

function zeroBlock(pool: ThreadPool, channels: number): number {
  const address = pool.allocate(padded(channels) * 4);
  pool.f32(address, padded(channels)).fill(0);
  return address;
}
