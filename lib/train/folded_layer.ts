// A conv or linear layer with its batch norm folded into the weights in every step: plain layer, statistics, fold, rounding, layer again.

import { normalizeForward, normalizeSums, TABLE_ROWS } from "../../kernels/train/normalize.ts";
import type { BatchNorm, Conv, Linear, Network } from "../network/graph.ts";
import type { WeightQuantizer } from "../quantize/quantizer.ts";
import { tensor } from "../tensor.ts";
import { convolution } from "./convolution.ts";
import type { Folding } from "./fold_options.ts";
import { foldFactors, foldingQuantizer } from "./fold_quantizer.ts";
import { STATISTICS_MOMENTUM } from "./normalization.ts";
import { type BuildContext, GRADIENTS, type Operation } from "./op.ts";
import { type Parameter, parameter } from "./parameter.ts";
import type { TrainingValue } from "./value.ts";

/** What the layer is made of, and what it reads and writes. */
export interface FoldedLayer {
  readonly layer: Conv | Linear;
  readonly batchNorm: BatchNorm;
  readonly input: TrainingValue;
  /** Sums of the layer with float weights, in training only. */
  readonly sums: TrainingValue;
  /** In place of the batch norm's output. */
  readonly output: TrainingValue;
  readonly quantizer: WeightQuantizer | undefined;
  readonly needsInputGradient: boolean;
  /** Whether running statistics stand still by now. */
  frozen(): boolean;
}

/**
 * Builds a layer y = x ∗ Q(W · γ/√(σ² + ε)) + β + (b − µ) · γ/√(σ² + ε) with the statistics µ, σ² of x ∗ W + b over the batch (in evaluation and after the freeze:
 * running ones), as Jacob et al. (CVPR 2018) train what is inferred with folded weights; or in the form of Krishnamoorthi (arXiv:1806.08342, 2018), see
 * `FoldTraining`. Gradients go through fold and statistics: without Q they are those of the layer followed by its batch norm.
 */
export async function foldedLayer(
  context: BuildContext,
  network: Network,
  { layer, batchNorm, input, sums, output, quantizer, needsInputGradient, frozen }: FoldedLayer,
  { statistics }: Pick<Folding, "statistics">,
): Promise<Operation> {
  const { pool, batch } = context, { name } = layer, channels = sums.shape[2], { height, width } = sums.data.plane;
  const read = (part: string) => network.parameters[`${batchNorm.name}.${part}`]!;
  const gamma = parameter(pool, `${batchNorm.name}.weight`, read("weight"), "normalization");
  const beta = parameter(pool, `${batchNorm.name}.bias`, read("bias"), "normalization");
  const bias = layer.bias ? parameter(pool, `${name}.bias`, network.parameters[`${name}.bias`]!, "normalization") : undefined;
  const mean = Float32Array.from(read("mean").data), variance = Float32Array.from(read("variance").data);
  const factors = foldFactors(channels), root = (value: number) => Math.sqrt(value + batchNorm.epsilon);
  const running = () => Float64Array.from(variance, (value, c) => gamma.values[c]! / root(value));
  const folding = foldingQuantizer(quantizer, factors, running);

  const shift = tensor(new Float32Array(channels), [channels]);
  const biased: Network = { ...network, parameters: { ...network.parameters, [`${name}.bias`]: shift } };
  // The one built last is the first to write the gradient of the input, and always runs.
  const plain = await convolution(context, network, { ...layer, bias: false }, input, sums, undefined, needsInputGradient);
  const folded = await convolution(context, biased, { ...layer, bias: true }, input, output, folding, needsInputGradient);
  const floats = plain.parameters[0]!, [latent, offset, ...companions] = folded.parameters as [Parameter, Parameter, ...Parameter[]];
  const weight: Parameter = { ...latent, quantizer: quantizer === undefined ? undefined : folding };

  const { channels: stored } = sums.data.plane, rows = batch * height, each = Math.ceil(rows / 64), jobs = Math.ceil(rows / each);
  const count = rows * width, totalsAt = pool.allocate(jobs * 2 * stored * 4), totals = pool.f32(totalsAt, jobs * 2 * stored);
  const tableAt = pool.allocate(TABLE_ROWS * stored * 4), table = pool.f32(tableAt, TABLE_ROWS * stored);
  table.fill(0);
  const [total, affine] = await pool.load([
    normalizeSums(sums.data.plane),
    normalizeForward(sums.data.plane, sums.gradient.plane, "none"),
  ]);
  /** Of the last forward pass: whether by the batch, its mean sums without b, and 1/√(σ² + ε). */
  let byBatch = false;
  const means = new Float64Array(channels), inverses = new Float64Array(channels);

  const observe = () => {
    floats.values.set(latent.values);
    plain.forward(true);
    pool.run(total!, jobs, 1, sums.data.address, 0, totalsAt, each, rows);
    for (let c = 0; c < channels; c++) {
      let sum = 0, squares = 0;
      for (let job = 0; job < jobs; job++) {
        sum += totals[job * 2 * stored + c]!;
        squares += totals[(job * 2 + 1) * stored + c]!;
      }
      const found = sum / count, spread = Math.max(0, squares / count - found * found), own = bias?.values[c] ?? 0;
      means[c] = found;
      inverses[c] = 1 / root(spread);
      mean[c] = mean[c]! + STATISTICS_MOMENTUM * (found + own - mean[c]!);
      variance[c] = variance[c]! + STATISTICS_MOMENTUM * (spread * count / Math.max(1, count - 1) - variance[c]!);
    }
  };

  return {
    name: `${name}+${batchNorm.name}`,
    parameters: [weight, ...bias === undefined ? [] : [bias], gamma, beta, ...companions],
    state: { [`${batchNorm.name}.mean`]: mean, [`${batchNorm.name}.variance`]: variance },
    forward(training) {
      byBatch = training && !frozen();
      if (byBatch) observe();
      const still = running();
      for (let c = 0; c < channels; c++) {
        const scale = byBatch ? gamma.values[c]! * inverses[c]! : still[c]!;
        factors.before[c] = byBatch && statistics === "batch" ? scale : still[c]!;
        factors.after[c] = byBatch && statistics === "running" ? root(variance[c]!) * inverses[c]! : 1;
        // The same order of operations as foldBatchNorm's, so that evaluation is the network handed on.
        offset.values[c] = byBatch
          ? beta.values[c]! - means[c]! * scale
          : beta.values[c]! - mean[c]! * scale + (bias?.values[c] ?? 0) * scale;
      }
      folded.forward(training);
    },
    backward(pass = GRADIENTS) {
      folded.backward(pass);
      const follows = byBatch && pass.statistics === "batch";
      for (let c = 0; c < channels; c++) {
        const direct = offset.gradient[c]!, slope = gamma.values[c]!, inverse = inverses[c]!, fixed = 1 / root(variance[c]!);
        const before = factors.beforeGradient[c]!;
        beta.gradient[c] = direct;
        if (!byBatch) {
          const own = bias?.values[c] ?? 0;
          gamma.gradient[c] = (before + direct * (own - mean[c]!)) * fixed;
          if (bias !== undefined) bias.gradient[c] = direct * slope * fixed;
          continue;
        }
        const mine = statistics === "batch";
        gamma.gradient[c] = before * (mine ? inverse : fixed) - direct * means[c]! * inverse;
        // A constant added to all sums of a channel does not pass its batch norm.
        if (bias !== undefined) bias.gradient[c] = 0;
        if (!follows) continue;
        const byInverse = (mine ? before * slope : factors.afterGradient[c]! / fixed) - direct * means[c]! * slope;
        const byMean = -direct * slope * inverse, byVariance = -0.5 * byInverse * inverse ** 3;
        table[c] = 2 * byVariance / count;
        table[stored + c] = (byMean - 2 * byVariance * means[c]!) / count;
      }
      if (!follows) return;
      pool.run(affine!, jobs, 1, sums.data.address, sums.gradient.address, tableAt, totalsAt, each, rows);
      plain.backward(pass);
      for (let at = 0; at < latent.gradient.length; at++) latent.gradient[at] = latent.gradient[at]! + floats.gradient[at]!;
    },
  };
}
