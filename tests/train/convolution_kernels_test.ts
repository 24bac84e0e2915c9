// The CPU's training convolutions against plain loops, in shapes that take each of their ways: weights at once and in parts, taps joined and apart, several images
// and bands of one.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { convolutionForward } from "../../kernels/train/convolution_forward.ts";
import { blockOfChannel, type ConvolutionShape } from "../../kernels/train/convolution_shape.ts";
import { convolutionWeightGradient, sumJobs } from "../../kernels/train/convolution_weights.ts";
import { FLIP_STEP, flipWeights } from "../../kernels/train/flip_weights.ts";
import { ThreadPool } from "../../lib/cpu/pool.ts";
import { hash } from "../../lib/random.ts";

const BASE: ConvolutionShape = {
  input: [8, 8, 16],
  output: [6, 6, 16],
  size: [6, 6],
  inputOrigin: [0, 0],
  outputOrigin: [0, 0],
  kernel: [3, 3],
  stride: [1, 1],
  dilation: [1, 1],
  groups: 1,
};

const CASES: Readonly<Record<string, Partial<ConvolutionShape>>> = {
  "weights at once": {},
  "a kernel row at a time": { input: [8, 8, 64], output: [6, 6, 24] },
  "a kernel row in parts": { input: [6, 6, 160], output: [4, 4, 8], size: [4, 4] },
  "one tap in parts": { input: [5, 5, 520], output: [5, 5, 4], size: [5, 5], kernel: [1, 1] },
  "blocks of 24 and 16": { input: [8, 8, 28], output: [6, 6, 64] },
  "groups of blocks of 24 and 8": { input: [8, 8, 80], output: [6, 6, 112], groups: 2 },
  "groups": { input: [8, 8, 24], output: [6, 6, 32], groups: 2 },
  "groups, each tap by itself": { input: [8, 8, 128], output: [6, 6, 16], groups: 2 },
  "dilation, each tap by itself": { input: [10, 10, 48], dilation: [2, 2] },
  "strides and halos": { input: [15, 14, 8], output: [9, 10, 16], size: [7, 6], stride: [2, 2], outputOrigin: [1, 2] },
  "part of a larger input": { input: [9, 9, 8], inputOrigin: [1, 1] },
  "bands of one image": { input: [27, 33, 4], output: [25, 31, 4], size: [25, 31] },
};

/** Position of w[tap, c, o] as kernels lay weights out; c within its group. */
function weightAt({ input, output, kernel, groups }: ConvolutionShape): (tap: number, c: number, o: number) => number {
  const depth = input[2] / groups, blocks = blockOfChannel(output[2] / groups), rows = kernel[0] * kernel[1] * depth;
  return (tap, c, o) => {
    const lane = o % blocks.length, { first, width } = blocks[lane]!;
    return (o - lane + first) * rows + (tap * depth + c) * width + lane - first;
  };
}

/** Calls `visit` with the positions of every product of image 0. */
function products(shape: ConvolutionShape, visit: (x: number, w: number, y: number) => void): void {
  const { input, output, size, kernel, stride, dilation, groups, inputOrigin, outputOrigin } = shape;
  const depth = input[2] / groups, columns = output[2] / groups, at = weightAt(shape);
  for (let oy = 0; oy < size[0]; oy++) {
    for (let ox = 0; ox < size[1]; ox++) {
      for (let tap = 0; tap < kernel[0] * kernel[1]; tap++) {
        const iy = inputOrigin[0] + oy * stride[0] + Math.floor(tap / kernel[1]) * dilation[0];
        const ix = inputOrigin[1] + ox * stride[1] + (tap % kernel[1]) * dilation[1];
        for (let o = 0; o < output[2]; o++) {
          const y = ((oy + outputOrigin[0]) * output[1] + ox + outputOrigin[1]) * output[2] + o;
          for (let c = 0; c < depth; c++) {
            visit((iy * input[1] + ix) * input[2] + Math.floor(o / columns) * depth + c, at(tap, c, o), y);
          }
        }
      }
    }
  }
}

const IMAGES = 5;

for (const [name, changes] of Object.entries(CASES)) {
  const shape = { ...BASE, ...changes }, [ih, iw, ic] = shape.input, [oh, ow, oc] = shape.output;
  const extents = { taps: shape.kernel[0] * shape.kernel[1], depth: ic / shape.groups, columns: oc / shape.groups, groups: shape.groups };
  const weights = extents.taps * extents.depth * oc;

  Deno.test(`training convolution, ${name}: forward, weight gradient and flipped weights are those of plain loops`, async () => {
    using pool = await ThreadPool.create({ threads: 2 });
    const block = (seed: number, length: number) => {
      const address = pool.allocate(length * 4), view = pool.f32(address, length);
      for (let i = 0; i < length; i++) view[i] = hash(seed, i) / 2 ** 32 - 0.5;
      return { address, view };
    };
    const { source, scratch } = convolutionWeightGradient(shape);
    const x = block(1, IMAGES * ih * iw * ic), w = block(2, weights), y = block(3, IMAGES * oh * ow * oc), bias = block(4, oc);
    const jobs = 2, partial = block(5, jobs * weights), gradient = block(6, weights), flipped = block(7, weights);
    const workspace = pool.allocate(scratch * pool.threads);
    const [forward, backward, sum, flip] = await pool.load([convolutionForward(shape), source, sumJobs(), flipWeights(extents)]);

    // Written over by the forward pass wherever it writes at all.
    const before = y.view.slice();
    pool.run(backward!, jobs, 1, x.address, y.address, partial.address, 3, IMAGES, workspace);
    pool.run(sum!, weights / 4, 16, partial.address, gradient.address, jobs, weights / 4);
    pool.run(forward!, IMAGES, 1, x.address, w.address, y.address, bias.address);
    pool.run(flip!, oc / FLIP_STEP, 2, w.address, flipped.address);

    const outputs = new Float64Array(y.view.length), slopes = new Float64Array(weights), written = new Set<number>();
    for (let image = 0; image < IMAGES; image++) {
      const from = image * ih * iw * ic, to = image * oh * ow * oc;
      products(shape, (at, weight, result) => {
        outputs[to + result]! += x.view[from + at]! * w.view[weight]!;
        slopes[weight]! += x.view[from + at]! * before[to + result]!;
        written.add(to + result);
      });
    }
    y.view.forEach((value, at) =>
      written.has(at) ? assertAlmostEquals(value, outputs[at]! + bias.view[at % oc]!, 1e-4) : assertEquals(value, before[at])
    );
    gradient.view.forEach((value, at) => assertAlmostEquals(value, slopes[at]!, 1e-3));

    // The transposed convolution has inputs and outputs exchanged.
    const from = weightAt(shape), to = weightAt({ ...shape, input: shape.output, output: shape.input });
    for (let tap = 0; tap < extents.taps; tap++) {
      for (let o = 0; o < oc; o++) {
        const group = Math.floor(o / extents.columns);
        for (let c = 0; c < extents.depth; c++) {
          const target = to(extents.taps - 1 - tap, o % extents.columns, group * extents.depth + c);
          assertEquals(flipped.view[target], w.view[from(tap, c, o)]);
        }
      }
    }
  });
}
