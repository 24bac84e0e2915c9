// Whole networks through the arrays, W4/A4 in 1-bit cells and 128 rows, against the rate the kernel alone reaches on one of their layers.

import { decompose } from "../lib/decompose/decompose.ts";
import { map } from "../lib/map/map.ts";
import type { Network } from "../lib/network/graph.ts";
import { resnet20Pretrained } from "../lib/network/zoo/resnet20_pretrained.ts";
import { vgg7 } from "../lib/network/zoo/vgg7.ts";
import { vgg7Pretrained } from "../lib/network/zoo/vgg7_pretrained.ts";
import { dorefa } from "../lib/quantize/dorefa.ts";
import { lsq, lsqActivations } from "../lib/quantize/lsq.ts";
import { pact } from "../lib/quantize/pact.ts";
import { quantize } from "../lib/quantize/quantize.ts";
import { hash } from "../lib/random.ts";
import type { Backend } from "../lib/simulate/backend.ts";
import { lowerMapped } from "../lib/simulate/lower/lower.ts";
import { calibrate } from "../lib/simulate/observe/calibrate.ts";
import type { CrossbarStep, Program } from "../lib/simulate/program.ts";
import { elements, type Tensor, tensor } from "../lib/tensor.ts";
import { gigabits, layerCodes, layerProgram, VGG7_LAYER } from "./crossbar_layer.ts";
import { type Benchmark, rate } from "./measure.ts";

/** A network, by what it is trained as. */
export type NetworkName = "VGG7" | "VGG7 width 0.5" | "VGG7 width 0.25" | "ResNet-20";
/** How its converters are set. */
export type Converter = "lossless" | "6 bits";

/** Clipping level of networks with random weights: batch norm leaves them near N(0, 1). */
const ALPHA = 3;

/** The network; VGG7 at width 0.25 and ResNet-20 are trained, the others have random weights. */
export async function benchmarkNetwork(name: NetworkName): Promise<Network> {
  if (name === "VGG7 width 0.25") return (await vgg7Pretrained({ width: 0.25 })).network;
  if (name === "ResNet-20") return (await resnet20Pretrained()).network;
  return vgg7({ seed: 1, width: name === "VGG7" ? 1 : 0.5 });
}

/** Random pixels that vary smoothly, as pictures do. */
export function pictures(count: number): Tensor<Uint8Array> {
  const shape = [count, 32, 32, 3], size = 3072;
  const pixel = (at: number) => {
    const image = Math.floor(at / size), line = Math.floor(at / 96) % 32, column = Math.floor(at / 3) % 32, channel = at % 3;
    const wave = (axis: number, where: number) => Math.sin(where * (hash(3, 8 * image + 2 * axis) % 7 + 1) / 16 + channel);
    return 121 + 45 * (wave(0, line) + wave(1, column)) + (hash(4, at) & 31) - 16;
  };
  return tensor(Uint8Array.from({ length: elements(shape) }, (_, at) => Math.min(Math.max(pixel(at), 0), 255)), shape);
}

/** Lowered onto arrays of 128 rows; the 6-bit converters are chosen on 16 images. */
export async function arraysOf(name: NetworkName, converter: Converter, backend: Backend): Promise<Program> {
  const quantizers = name === "ResNet-20"
    ? { weights: lsq({ bits: 4 }), activations: lsqActivations({ bits: 4 }) }
    : { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4, alpha: ALPHA }) };
  const quantized = quantize(await benchmarkNetwork(name), quantizers);
  const mapped = map(decompose(quantized, { scheme: "offset", cellBits: 1 }), { rows: 128, columns: 128, algorithm: "im2col" });
  const adc = converter === "lossless" ? { bits: 9, range: "full" } as const : { bits: 6, range: "mse" } as const;
  return lowerMapped(mapped, await calibrate(mapped, adc, pictures(16), backend));
}

/** One-bit multiply-accumulates on the arrays per image, in 10⁹. */
export function binaryWork(program: Program): number {
  const work = ({ geometry: { kernel, inputShape, outputShape, groups }, slices, inputBits }: CrossbarStep) =>
    elements(outputShape) * elements(kernel) * inputShape[2] / groups * slices * inputBits;
  return program.steps.reduce((sum, step) => step.op === "crossbar" ? sum + work(step) : sum, 0) / 1e9;
}

/** The layer whose kernel rate is the measure of a network: the same converter on 128 to 128 channels. */
const even = (value: number) => Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
const KERNEL = {
  "lossless": { ...VGG7_LAYER, signed: true, code: (sum: number) => sum },
  "6 bits": { ...VGG7_LAYER, signed: true, code: (sum: number) => Math.min(Math.max(even(sum / 2.37), -32), 31) },
} as const;

const CASES: readonly (readonly [NetworkName, Converter, number])[] = [
  ["VGG7", "6 bits", 32],
  ["VGG7", "lossless", 32],
  ["VGG7 width 0.25", "6 bits", 64],
  ["VGG7 width 0.25", "lossless", 64],
  ["ResNet-20", "6 bits", 64],
  ["ResNet-20", "lossless", 64],
];

/** A network row. */
export function networkBenchmark(name: NetworkName, converter: Converter, batch: number): Benchmark {
  return {
    group: "network",
    name: `${name}, ${converter}`,
    unit: "images/s",
    async open({ backend }) {
      const program = await arraysOf(name, converter, backend), images = pictures(batch), layer = KERNEL[converter];
      const session = await backend.prepare(program), alone = await backend.prepare(layerProgram(layer)), codes = layerCodes(layer, 4);
      return {
        call: () => session.run(images),
        value: rate(batch),
        limit: { name: "the kernel alone", call: () => alone.run(codes), value: rate(4 * gigabits(layer) / binaryWork(program)) },
        close: async () => {
          await session[Symbol.asyncDispose]();
          await alone[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** images/s of VGG7 at two widths and of ResNet-20. */
export const networkBenchmarks: readonly Benchmark[] = CASES.map(([name, converter, batch]) => networkBenchmark(name, converter, batch));
