// Batch norm for the chip at hand: weights stay, running statistics are measured anew on what the arrays really put out.

import type { Dataset } from "../../data/dataset.ts";
import { OptionError } from "../../errors.ts";
import type { MappedNetwork } from "../../map/mapped.ts";
import type { Network } from "../../network/graph.ts";
import { inferShapes } from "../../network/shapes.ts";
import { checkOptions } from "../../options.ts";
import { program, type ProgrammedNetwork } from "../../program/program.ts";
import type { Backend } from "../../simulate/backend.ts";
import { openBackend } from "../../simulate/choose_backend.ts";
import { lowerProgrammed } from "../../simulate/lower/lower.ts";
import { checkConverters, chooseConverters } from "../../simulate/converters.ts";
import { predict } from "../../simulate/predict.ts";
import type { SimulateOptions } from "../../simulate/simulate.ts";
import { type Tensor, tensor } from "../../tensor.ts";

/** Options of {@linkcode calibrateBatchNorm}: those of `simulate` that say what the arrays do. */
export interface CalibrateBatchNormOptions
  extends Pick<SimulateOptions, "adc" | "converters" | "digitBits" | "backend" | "threads" | "batch" | "calibration" | "seed" | "signal"> {
  /** Number of the chip; default 0. */
  readonly chip?: number;
}

const ACTION = "calibrate batch norm";
const NAMES = ["adc", "converters", "digitBits", "backend", "threads", "batch", "calibration", "seed", "signal", "chip"] as const;

/**
 * Measures the mean and variance of every batch norm's input on the arrays, layer after layer, each with the statistics before it already replaced, and
 * returns the same network with these as running statistics. Weights, converters and errors stay as they are.
 *
 * @param network Network on arrays, from `map` or `program`, with errors or without.
 * @param data Training images; a few hundred are enough.
 * @throws {OptionError} if an option is unknown or wrong, or there are no images.
 *
 * @example
 * ```ts
 * import { calibrateBatchNorm, decompose, dorefa, map, network, pact, quantize, tensor } from "@bitline/bitline";
 * import { assertNotEquals } from "@std/assert";
 *
 * const net = network({ name: "tiny", input: [4, 4, 1] }, (b) => {
 *   b.conv("conv", { channels: 2, kernel: 3, bias: false });
 *   b.batchNorm("bn");
 *   b.relu("relu");
 *   b.globalAveragePool("mean");
 * });
 * const mapped = map(decompose(quantize(net, { weights: dorefa({ bits: 2 }), activations: pact({ bits: 2 }), digital: [] })));
 * const images = tensor(Uint8Array.from({ length: 64 }, (_, i) => i * 37 % 256), [4, 4, 4, 1]);
 * const data = { name: "ramp", images, labels: new Uint8Array(4), classes: ["0"] };
 * const calibrated = await calibrateBatchNorm(mapped, data, { adc: { bits: 3, range: "full" }, backend: "reference" });
 * assertNotEquals(calibrated.sliced.quantized.network.parameters["bn.mean"], net.parameters["bn.mean"]);
 * ```
 */
export async function calibrateBatchNorm<N extends MappedNetwork | ProgrammedNetwork>(
  network: N,
  data: Dataset,
  options: CalibrateBatchNormOptions = {},
): Promise<N> {
  checkOptions(ACTION, "calibrateBatchNorm", options, NAMES);
  const { digitBits = 1, seed = 1, chip = 0, batch = 64, signal } = options;
  if (data.labels.length === 0) throw new OptionError(ACTION, { where: data.name, got: "no images", wanted: "training images" });
  let programmed: ProgrammedNetwork = network.kind === "programmed" ? network : program(network);
  const open = typeof options.backend === "object" ? options.backend : undefined;
  const backend: Backend = open ?? await openBackend(options.backend as Exclude<typeof options.backend, Backend>, options.threads);
  try {
    const { mapped } = programmed, converters = checkConverters(options, Object.keys(mapped.layers));
    const images = converters.needImages ? (options.calibration ?? await data.calibration?.() ?? data).images : undefined;
    const adcs = await chooseConverters(programmed, converters, images, backend, { digitBits, seed });
    const { layers } = mapped.sliced.quantized.network;
    for (const { name, op, inputs } of layers) {
      if (op !== "batchNorm") continue;
      const end = layers.findIndex((each) => each.name === inputs[0]) + 1;
      const before = withNetwork(programmed, (whole) => ({ ...whole, layers: layers.slice(0, Math.max(1, end)) }));
      await using session = await backend.prepare(lowerProgrammed(before, adcs, { digitBits, chip, noiseSeed: seed }));
      const outputs = await predict(session, data, { batch, ...(signal === undefined ? {} : { signal }) });
      const channels = inferShapes(programmed.mapped.sliced.quantized.network).get(inputs[0]!)![2];
      const measured = statistics(outputs.data as Float32Array, channels);
      programmed = withNetwork(programmed, (whole) => ({
        ...whole,
        parameters: { ...whole.parameters, [`${name}.mean`]: measured.mean, [`${name}.variance`]: measured.variance },
      }));
    }
  } finally {
    if (open === undefined) await backend[Symbol.asyncDispose]();
  }
  return (network.kind === "programmed" ? programmed : programmed.mapped) as N;
}

/** The same chip with another float network behind it. */
function withNetwork(programmed: ProgrammedNetwork, change: (network: Network) => Network): ProgrammedNetwork {
  const { mapped } = programmed, { sliced } = mapped, { quantized } = sliced;
  return { ...programmed, mapped: { ...mapped, sliced: { ...sliced, quantized: { ...quantized, network: change(quantized.network) } } } };
}

/** Mean and unbiased variance per channel, as training keeps them. */
function statistics(values: Float32Array, channels: number): { readonly mean: Tensor; readonly variance: Tensor } {
  const mean = new Float64Array(channels), squares = new Float64Array(channels), count = values.length / channels;
  for (let at = 0, c = 0; at < values.length; at++, c = c + 1 === channels ? 0 : c + 1) mean[c]! += values[at]! / count;
  for (let at = 0, c = 0; at < values.length; at++, c = c + 1 === channels ? 0 : c + 1) squares[c]! += (values[at]! - mean[c]!) ** 2;
  const shape = [channels], rest = Math.max(1, count - 1);
  return { mean: tensor(Float32Array.from(mean), shape), variance: tensor(Float32Array.from(squares, (sum) => sum / rest), shape) };
}
