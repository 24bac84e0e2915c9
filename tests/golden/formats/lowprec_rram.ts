// One trained layer of the low-precision RRAM system, kernel position by kernel position, with an ADC range taken from each batch.
//
// Files `<anything>_cell<c>_adc<B>.npz`: x [batch, Cin, H, W] real activations, alpha, W_int [Cout, Cin, K, K] weight codes, y and y_ideal [batch, Cout, H, W].
// The format fixes 4-bit activations and weights and 128-row arrays; kernel, padding, batch and channels follow from the shapes.

import { decompose } from "../../../lib/decompose/decompose.ts";
import { FileError, ShapeError } from "../../../lib/errors.ts";
import { geometryOf } from "../../../lib/map/geometry.ts";
import { map } from "../../../lib/map/map.ts";
import type { Conv, Network } from "../../../lib/network/graph.ts";
import { dorefa } from "../../../lib/quantize/dorefa.ts";
import { pact } from "../../../lib/quantize/pact.ts";
import { quantize } from "../../../lib/quantize/quantize.ts";
import { lowerPlan, planLayer } from "../../../lib/simulate/lower/placed.ts";
import type { Program, Value } from "../../../lib/simulate/program.ts";
import type { Tensor, TypedArray } from "../../../lib/tensor.ts";
import { type Format, type GoldenCase, type GoldenFile, relativeError } from "../format.ts";

const BITS = 4;
const ROWS = 128;
const LIMIT = 1e-4;
const NAME = /_cell(\d+)_adc(\d+)$/;

/** Low-precision RRAM layers. */
export const lowprecRram: Format = {
  name: "lowprec_rram",
  matches: ({ arrays }) => arrays !== undefined && ["x", "alpha", "W_int", "y"].every((name) => Object.hasOwn(arrays, name)),
  open,
};

function open({ path, stem, arrays }: GoldenFile): GoldenCase {
  const named = NAME.exec(stem);
  if (named === null) {
    throw new FileError("open a golden case", { where: path, got: stem, wanted: "a name ending in _cell<bits>_adc<bits>" });
  }
  const [cellBits, adcBits] = [Number(named[1]), Number(named[2])];
  const { x, alpha, W_int: codes, y } = arrays as
    & Record<string, Tensor<TypedArray>>
    & Record<"x" | "alpha" | "W_int" | "y", Tensor<TypedArray>>;
  if (x.shape.length !== 4 || codes.shape.length !== 4 || y.shape.length !== 4 || alpha.data.length !== 1) {
    throw new ShapeError("open a golden case", {
      where: path,
      got: [x.shape, codes.shape, y.shape, alpha.shape],
      wanted: "x, W_int and y of rank 4, one alpha",
    });
  }
  const clip = alpha.data[0]!;
  const program = layerProgram(x.shape, codes, y.shape, clip, cellBits, adcBits);
  const encoder = pact({ bits: BITS });
  const images = channelsLast(x, (value) => encoder.encode(value, clip));
  const wanted = toChannelsLast(y.data, y.shape);
  return {
    name: stem,
    limit: LIMIT,
    async run(backend) {
      await using session = await backend.prepare(program);
      const { output } = await session.run(images);
      return relativeError(output.data, wanted);
    },
  };
}

/** The layer quantised, cut into cells, placed and lowered by the library itself; only its 4-bit input codes stand where pixels would. */
function layerProgram(
  input: readonly number[],
  codes: Tensor<TypedArray>,
  output: readonly number[],
  alpha: number,
  cellBits: number,
  adcBits: number,
): Program {
  const [, channels = 0, height = 0, width = 0] = input;
  const [, out = 0, outHeight = 0, outWidth = 0] = output;
  const [, , kernelHeight = 0, kernelWidth = 0] = codes.shape;
  const conv: Conv = {
    op: "conv",
    name: "conv",
    inputs: ["input"],
    channels: out,
    kernel: [kernelHeight, kernelWidth],
    stride: [1, 1],
    padding: [(outHeight - height + kernelHeight - 1) / 2, (outWidth - width + kernelWidth - 1) / 2],
    dilation: [1, 1],
    groups: 1,
    bias: false,
  };
  const levels = 2 ** BITS - 1;
  const network: Network = {
    kind: "network",
    name: "golden",
    input: [height, width, channels],
    encoding: { zero: 0, scale: alpha / levels },
    layers: [conv],
    parameters: { "conv.weight": { shape: codes.shape, data: Float32Array.from(codes.data) } },
    codes: {
      "conv.weight": {
        quantizer: { kind: "dorefa", bits: BITS },
        codes: { shape: codes.shape, data: Int16Array.from(codes.data) },
        zero: levels / 2,
        scale: 2 / levels,
        signed: false,
      },
    },
  };
  const weights = dorefa({ bits: BITS });
  const quantized = quantize(network, { weights, first: weights, last: weights, activations: pact({ bits: BITS, alpha }), digital: [] });
  const mapped = map(decompose(quantized, { scheme: "offset", cellBits }), { rows: ROWS, algorithm: "kernel" });
  const geometry = geometryOf(conv, network.input, [outHeight, outWidth, out]);
  const plan = planLayer(mapped.layer("conv"), BITS, 1);
  const values: Value[] = [
    { type: "u8", shape: geometry.inputShape, name: "codes" },
    { type: "f32", shape: geometry.outputShape, name: "sums" },
    { type: "f32", shape: geometry.outputShape, name: "conv" },
  ];
  const { steps, gain, constant } = lowerPlan(plan, { dynamic: true, levels: 2 ** adcBits, unit: plan.unit }, {
    input: 0,
    output: 1,
    value: (type, shape) => values.push({ type, shape, name: "conv" }) - 1,
  });
  const unit = quantized.weights["conv"]!.scale * network.encoding.scale / plan.multiplier;
  return {
    values,
    steps: [
      ...steps,
      {
        op: "affine",
        input: 1,
        output: 2,
        scale: new Float32Array(out).fill(gain * unit),
        bias: new Float32Array(out).fill(constant * unit),
      },
    ],
    output: 2,
  };
}

function channelsLast(x: Tensor<TypedArray>, encode: (value: number) => number): Tensor<Uint8Array> {
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  return { shape: [batch, height, width, channels], data: Uint8Array.from(toChannelsLast(x.data, x.shape), encode) };
}

/** `[batch, channels, height, width]` to `[batch, height, width, channels]`. */
export function toChannelsLast(data: ArrayLike<number>, shape: readonly number[]): Float64Array {
  const [batch = 0, channels = 0, height = 0, width = 0] = shape;
  const area = height * width;
  const out = new Float64Array(data.length);
  for (let image = 0; image < batch; image++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < area; pixel++) {
        out[(image * area + pixel) * channels + channel] = data[(image * channels + channel) * area + pixel]!;
      }
    }
  }
  return out;
}
