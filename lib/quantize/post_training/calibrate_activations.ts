// Clipping levels of activations from calibration images, for networks that were trained in floating point.

import type { Dataset } from "../../data/dataset.ts";
import { OptionError } from "../../errors.ts";
import type { Network } from "../../network/graph.ts";
import { checkOptions } from "../../options.ts";
import { tensor } from "../../tensor.ts";
import { count, type GrowingHistogram, growingHistogram, leastDivergenceLevel, leastErrorLevel, percentileLevel } from "./histogram.ts";
import { type CalibrationOptions, inFloats, observeLayers } from "./observe_layers.ts";

/** Ways of choosing a clipping level. */
export const ACTIVATION_METHODS = ["minmax", "percentile", "mse", "kl"] as const;

/** Options of {@linkcode calibrateActivations}. */
export interface ActivationCalibration extends CalibrationOptions {
  /** Bits of the activations. */
  readonly bits: number;
  /**
   * "minmax": largest value, averaged over batches with weight 0.9 for the past; "percentile": a share of all values; "mse": least squared error of rounding and
   * clipping together (80 steps); "kl": least divergence of the codes' distribution. Default "mse".
   */
  readonly method?: (typeof ACTIVATION_METHODS)[number];
  /** Share kept by "percentile"; default 0.99999. */
  readonly percentile?: number;
  /** Whether levels that the network has already hold while it is observed, and bound what is found, as those of a ReLU6 must; default false. */
  readonly keep?: boolean;
}

/** Weight of earlier batches in "minmax". */
const MEMORY = 0.9;

/**
 * Sets the clipping level `<relu>.alpha` of every ReLU from what it puts out on calibration images.
 *
 * @param data A few dozen training images.
 * @returns The network with these parameters, for {@linkcode quantize}.
 * @throws {OptionError} if an option is unknown or out of range, there are no images, or a ReLU never puts anything out.
 *
 * @example
 * ```ts
 * import { calibrateActivations, lenet, tensor } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const images = tensor(new Uint8Array(4 * 784).map((_, i) => i % 251), [4, 28, 28, 1]);
 * const network = await calibrateActivations(lenet(), { name: "ramp", images }, { bits: 4, backend: "reference" });
 * assert(network.parameters["relu1.alpha"]!.data[0]! > 0);
 * ```
 */
export async function calibrateActivations(
  network: Network,
  data: Pick<Dataset, "images" | "name">,
  options: ActivationCalibration,
): Promise<Network> {
  const action = "calibrate activations";
  checkOptions(action, "options", options, ["bits", "method", "percentile", "keep", "backend", "batch", "signal"]);
  const { bits, method = "mse", percentile = 0.99999, keep = false } = options, levels = 2 ** bits - 1;
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) {
    throw new OptionError(action, { where: "bits", got: bits, wanted: "an integer from 1 to 8" });
  }
  if (!ACTIVATION_METHODS.includes(method)) {
    throw new OptionError(action, { where: "method", got: method, wanted: `one of ${ACTIVATION_METHODS.join(", ")}` });
  }
  if (!(percentile > 0 && percentile <= 1)) {
    throw new OptionError(action, { where: "percentile", got: percentile, wanted: "a share above 0 and up to 1" });
  }
  const relus = network.layers.filter(({ op }) => op === "relu").map(({ name }) => name);
  const histograms = new Map(relus.map((name): [string, GrowingHistogram] => [name, growingHistogram()])),
    means = new Map<string, number>();
  // Levels the network may have already would clip what is to be seen.
  const parameters = Object.fromEntries(
    Object.entries(network.parameters).filter(([name]) => keep || !relus.some((relu) => name === `${relu}.alpha`)),
  );
  await observeLayers(inFloats({ ...network, parameters }), data, relus, (outputs) => {
    for (const [name, { data }] of outputs) {
      count(histograms.get(name)!, data);
      let largest = 0;
      for (let at = 0; at < data.length; at++) largest = Math.max(largest, data[at]!);
      const before = means.get(name);
      means.set(name, before === undefined ? largest : MEMORY * before + (1 - MEMORY) * largest);
    }
  }, options);
  const levelOf = (name: string) => {
    const histogram = histograms.get(name)!;
    if (method === "minmax") return means.get(name)!;
    if (method === "percentile") return percentileLevel(histogram, percentile);
    return method === "mse" ? leastErrorLevel(histogram, levels) : leastDivergenceLevel(histogram, levels);
  };
  const alphas = relus.map((name) => {
    const known = keep ? network.parameters[`${name}.alpha`]?.data[0] : undefined, alpha = Math.min(levelOf(name), known ?? Infinity);
    if (alpha > 0) return [`${name}.alpha`, tensor(Float32Array.of(alpha), [1])] as const;
    throw new OptionError(action, { where: name, got: "no output above 0 on any image", wanted: "images on which it puts something out" });
  });
  return { ...network, parameters: { ...network.parameters, ...Object.fromEntries(alphas) } };
}
