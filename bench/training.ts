// Training: steps of whole networks in images/s and their convolution kernels in GFLOP/s, as a share of plain multiply-adds in registers.

import { convolutionForward } from "../kernels/train/convolution_forward.ts";
import type { ConvolutionShape } from "../kernels/train/convolution_shape.ts";
import { convolutionWeightGradient } from "../kernels/train/convolution_weights.ts";
import type { ThreadPool } from "../lib/cpu/pool.ts";
import { networkSize } from "../lib/network/geometries.ts";
import { resnet20 } from "../lib/network/zoo/resnet20.ts";
import { vgg7 } from "../lib/network/zoo/vgg7.ts";
import { hash } from "../lib/random.ts";
import { trainingGraph } from "../lib/train/graph.ts";
import { crossEntropy } from "../lib/train/loss.ts";
import { descend } from "../lib/train/optimizer.ts";
import { quantizersOf, recipe } from "../lib/train/recipe.ts";
import { type Benchmark, type Machine, rate, type Running } from "./measure.ts";

const BATCH = 128, IMAGES = 32, JOBS = 8;

/** The 3×3 convolution of one VGG7 layer: side, channels in, channels out. */
function convolution(side: number, inputs: number, outputs: number): ConvolutionShape {
  return {
    input: [side + 2, side + 2, inputs],
    output: [side, side, outputs],
    size: [side, side],
    inputOrigin: [0, 0],
    outputOrigin: [0, 0],
    kernel: [3, 3],
    stride: [1, 1],
    dilation: [1, 1],
    groups: 1,
  };
}

function random(pool: ThreadPool, floats: number): number {
  const address = pool.allocate(floats * 4), view = pool.f32(address, floats);
  for (let i = 0; i < floats; i++) view[i] = hash(1, i) / 4294967296 - 0.5;
  return address;
}

/** One kernel on 32 images. */
async function openKernel(
  { pool, limits }: Machine,
  what: "forward" | "weight gradient",
  [side, inputs, outputs]: readonly [number, number, number],
): Promise<Running> {
  const shape = convolution(side, inputs, outputs), weights = 9 * inputs * outputs;
  const { source, scratch } = convolutionWeightGradient(shape);
  const [kernel] = await pool.load([what === "forward" ? convolutionForward(shape) : source]);
  const sizes = [
    IMAGES * (side + 2) ** 2 * inputs,
    weights,
    IMAGES * side * side * outputs,
    outputs,
    JOBS * weights,
    scratch * pool.threads / 4,
  ];
  const buffers = sizes.map((size) => random(pool, size)), [x, w, y, bias, partial, workspace] = buffers;
  const limit = limits["f32 multiply-add"];
  return {
    call: () =>
      what === "forward"
        ? pool.run(kernel!, IMAGES, 1, x!, w!, y!, bias!)
        : pool.run(kernel!, JOBS, 1, x!, y!, partial!, IMAGES / JOBS, IMAGES, workspace!),
    value: rate(2 * IMAGES * side * side * weights / 1e9),
    limit: { name: limit.name, call: limit.call, value: rate(limit.giga) },
    close: () => Promise.resolve(buffers.forEach((address) => pool.free(address))),
  };
}

/** One step on 128 images: forward, loss, backward, update. Counted as three times the multiply-adds of the forward pass. */
async function openStep({ pool, limits }: Machine, name: "VGG7 width 0.25" | "ResNet-20"): Promise<Running> {
  const plan = recipe(), net = name === "ResNet-20" ? resnet20({ seed: 1 }) : vgg7({ width: 0.25, seed: 1 });
  const graph = await trainingGraph(pool, net, BATCH, quantizersOf(plan, net));
  const pixels = Uint8Array.from({ length: BATCH * 3072 }, (_, i) => hash(2, i) & 255),
    labels = Uint8Array.from({ length: BATCH }, (_, i) => i % 10);
  const limit = limits["f32 multiply-add"];
  return {
    call: () => {
      graph.backward(crossEntropy(graph.forward(pixels, true), labels).gradient);
      descend(graph.parameters, plan.optimizer, 0.01);
    },
    value: rate(BATCH),
    limit: { name: limit.name, call: limit.call, value: rate(limit.giga / (6 * networkSize(net).macs / 1e9)) },
  };
}

const SHAPES = [[32, 32, 32], [16, 64, 64], [8, 128, 128]] as const;

/** Steps first, then kernels. */
export const trainingBenchmarks: readonly Benchmark[] = [
  ...(["VGG7 width 0.25", "ResNet-20"] as const).map((name): Benchmark => ({
    group: "training",
    name: `${name}, batch ${BATCH}`,
    unit: "images/s",
    open: (machine) => openStep(machine, name),
  })),
  ...(["forward", "weight gradient"] as const).flatMap((what) =>
    SHAPES.map((shape): Benchmark => ({
      group: "training",
      name: `${what}, ${shape[1]}→${shape[2]}, 3×3, ${shape[0]}×${shape[0]}`,
      unit: "GFLOP/s",
      open: (machine) => openKernel(machine, what, shape),
    }))
  ),
];
