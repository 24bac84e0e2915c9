// Batch norm, ReLU and activation quantisation in training, fused where they follow one another.

import {
  type Activation,
  normalizeBackward,
  normalizeBackwardSums,
  normalizeForward,
  normalizeSums,
  TABLE_ROWS,
} from "../../kernels/train/normalize.ts";
import type { BatchNorm, Network, Relu } from "../network/graph.ts";
import type { ActivationQuantizer } from "../quantize/quantizer.ts";
import { tensor } from "../tensor.ts";
import { uniform } from "../random.ts";
import { type BuildContext, GRADIENTS, type Operation } from "./op.ts";
import { type Parameter, parameter } from "./parameter.ts";
import { imageFloats, type TrainingValue } from "./value.ts";

/** Weight of a new batch in the running mean and variance. */
export const STATISTICS_MOMENTUM = 0.1;

/** Inputs looked at for each step's simulated gradient of α or slope of the rounding. */
const SAMPLE = 4096;

/** Builds batch norm alone, ReLU alone, or both fused; with a quantizer the ReLU becomes codes times step. */
export async function normalization(
  context: BuildContext,
  network: Network,
  layers: { readonly batchNorm?: BatchNorm | undefined; readonly relu?: Relu | undefined },
  input: TrainingValue,
  output: TrainingValue,
  quantizer: ActivationQuantizer | undefined,
): Promise<Operation> {
  const { pool, batch } = context, { batchNorm, relu } = layers, { channels, height } = input.data.plane;
  const activation = kindOf(relu, quantizer), rules = quantizer?.gradient;
  const sink = await context.gradientSink(input);
  const [sum, forward, backwardSums, backward] = await pool.load([
    normalizeSums(input.data.plane),
    normalizeForward(input.data.plane, output.data.plane, activation),
    normalizeBackwardSums(input.data.plane, output.gradient.plane, activation),
    normalizeBackward(input.data.plane, output.gradient.plane, sink.buffer.plane, activation),
  ]);
  const rows = batch * height, each = Math.ceil(rows / 64), jobs = Math.ceil(rows / each), count = rows * input.data.plane.width;
  const tableAddress = pool.allocate(TABLE_ROWS * channels * 4), table = pool.f32(tableAddress, TABLE_ROWS * channels);
  const sumsAddress = pool.allocate(jobs * 3 * channels * 4), sums = pool.f32(sumsAddress, jobs * 3 * channels);
  table.fill(0);

  const read = (name: string) => network.parameters[`${batchNorm!.name}.${name}`]!;
  const own = batchNorm === undefined ? undefined : {
    gamma: parameter(pool, `${batchNorm.name}.weight`, read("weight"), "normalization"),
    beta: parameter(pool, `${batchNorm.name}.bias`, read("bias"), "normalization"),
    mean: Float32Array.from(read("mean").data),
    variance: Float32Array.from(read("variance").data),
    epsilon: batchNorm.epsilon,
  };
  const alphaName = `${relu?.name}.alpha`;
  const alpha = relu === undefined || quantizer === undefined
    ? undefined
    : parameter(pool, alphaName, network.parameters[alphaName] ?? tensor(Float32Array.of(quantizer.alpha), [1]), "alpha");
  const levels = quantizer === undefined ? 1 : 2 ** quantizer.bits - 1;
  const size = input.shape[2],
    total = (row: number, c: number, width: number) => {
      let value = 0;
      for (let job = 0; job < jobs; job++) value += sums[(job * width + row) * channels + c]!;
      return value;
    };
  const row = (index: number) => table.subarray(index * channels, (index + 1) * channels);
  const features = input.shape[0] * input.shape[1] * size;
  const sample = rules?.simulated === undefined && rules?.soft === undefined ? undefined : sampler(context, input, row(0), row(1));

  return {
    name: [batchNorm?.name, relu?.name].filter((name) => name !== undefined).join("+"),
    parameters: [own?.gamma, own?.beta, alpha].filter((entry): entry is Parameter => entry !== undefined),
    state: own === undefined ? {} : { [`${batchNorm!.name}.mean`]: own.mean, [`${batchNorm!.name}.variance`]: own.variance },
    forward(training) {
      if (own !== undefined && training) pool.run(sum!, jobs, 1, input.data.address, tableAddress, sumsAddress, each, rows);
      for (let c = 0; c < size; c++) {
        if (own === undefined) {
          row(0)[c] = 1;
          continue;
        }
        let mean = own.mean[c]!, variance = own.variance[c]!;
        if (training) {
          mean = total(0, c, 2) / count;
          variance = Math.max(0, total(1, c, 2) / count - mean * mean);
          own.mean[c] = own.mean[c]! + STATISTICS_MOMENTUM * (mean - own.mean[c]!);
          own.variance[c] = own.variance[c]! + STATISTICS_MOMENTUM * (variance * count / Math.max(1, count - 1) - own.variance[c]!);
        }
        const inverse = 1 / Math.sqrt(variance + own.epsilon), gamma = own.gamma.values[c]!;
        row(0)[c] = gamma * inverse;
        row(1)[c] = own.beta.values[c]! - mean * gamma * inverse;
        row(5)[c] = inverse;
        row(6)[c] = -mean * inverse;
      }
      if (alpha !== undefined) {
        const clip = alpha.values[0]!;
        row(2)[0] = clip;
        row(3)[0] = levels / clip;
        row(4)[0] = clip / levels;
      }
      pool.run(forward!, jobs, 1, input.data.address, output.data.address, tableAddress, sumsAddress, each, rows);
    },
    backward({ order, statistics } = GRADIENTS) {
      const clip = alpha?.values[0] ?? 0, seen = order === 1 ? sample?.() : undefined;
      if (alpha !== undefined) {
        // Second derivatives go straight through the rounding: their slope would be the square of this one.
        const { gain, sharpness } = seen !== undefined && rules?.soft !== undefined ? rules.soft(seen, clip) : { gain: 1, sharpness: 0 };
        row(2).set([1 / levels, gain, sharpness], 1);
      }
      if (own !== undefined || alpha !== undefined) {
        pool.run(backwardSums!, jobs, 1, input.data.address, output.gradient.address, tableAddress, sumsAddress, each, rows);
      }
      let clipped = 0;
      for (let c = 0; c < size; c++) {
        if (alpha !== undefined) clipped += total(2, c, 3);
        if (own === undefined) {
          row(7)[c] = 1;
          continue;
        }
        const direct = total(0, c, 3), correlated = total(1, c, 3), slope = own.gamma.values[c]! * row(5)[c]!;
        own.beta.gradient[c] = direct;
        own.gamma.gradient[c] = correlated;
        row(7)[c] = slope ** order;
        // Running statistics do not depend on the batch.
        row(8)[c] = statistics === "running" ? 0 : -slope * correlated / count;
        row(9)[c] = statistics === "running" ? 0 : -slope * direct / count;
      }
      if (alpha !== undefined) {
        const simulated = seen === undefined ? undefined : rules?.simulated?.(seen, clip);
        alpha.gradient[0] = simulated ?? clipped * (order === 1 ? rules?.scale?.(features) ?? 1 : 1);
      }
      pool.run(
        backward!,
        jobs,
        1,
        input.data.address,
        output.gradient.address,
        sink.buffer.address,
        tableAddress,
        sumsAddress,
        each,
        rows,
      );
      sink.commit();
    },
  };
}

function kindOf(relu: Relu | undefined, quantizer: ActivationQuantizer | undefined): Activation {
  if (relu === undefined) return "none";
  if (quantizer === undefined) return "relu";
  if (quantizer.gradient?.soft !== undefined) return "soft";
  return quantizer.gradient?.rounding ? "rounded" : "quantized";
}

/** Reads the non-negative inputs of the quantizer at fixed random places of the batch, as the last forward pass had them. */
function sampler({ pool, batch }: BuildContext, input: TrainingValue, scale: Float32Array, shift: Float32Array): () => Float32Array {
  const { plane } = input.data, [height, width, size] = input.shape, total = batch * height * width * size;
  const floats = pool.f32(input.data.address, batch * imageFloats(plane)),
    count = Math.min(SAMPLE, total),
    stored = plane.width + 2 * plane.halo;
  const places = new Int32Array(count), channel = new Int32Array(count), values = new Float32Array(count);
  for (let k = 0; k < count; k++) {
    const index = count === total ? k : Math.floor(uniform(1, k) * total), pixel = Math.floor(index / size);
    const x = pixel % width, y = Math.floor(pixel / width) % height, image = Math.floor(pixel / (width * height));
    channel[k] = index % size;
    places[k] = image * imageFloats(plane) + ((y + plane.halo) * stored + x + plane.halo) * plane.channels + channel[k]!;
  }
  return () => {
    for (let k = 0; k < count; k++) values[k] = Math.max(0, floats[places[k]!]! * scale[channel[k]!]! + shift[channel[k]!]!);
    return values;
  };
}
