// LSQ+: LSQ with starting values from statistics of the data; offsets only where an array can carry them, which is nowhere yet.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { checkBits } from "./check.ts";
import { clippedActivations, type ClippedOptions } from "./clipped.ts";
import { lsqGradient } from "./lsq.ts";
import { bestStep } from "./quantization_error.ts";
import type { ActivationQuantizer, WeightQuantizer } from "./quantizer.ts";
import { moments, stepped, type SteppedOptions } from "./stepped.ts";

/** Options of {@linkcode lsqPlus}. */
export interface LsqPlusOptions extends SteppedOptions {
  /** A learned offset β. Only `false` is accepted. */
  readonly offset?: false;
}

/** Options of {@linkcode lsqPlusActivations}. */
export interface LsqPlusActivationOptions extends ClippedOptions {
  /** A learned offset β. Only `false` is accepted. */
  readonly offset?: false;
}

/**
 * LSQ+ weight quantizer (Bhalgat et al., 2020): LSQ, symmetric as the paper has it for weights, with the step starting at
 * max(|μ − 3σ|, |μ + 3σ|) / 2^(bits−1).
 *
 * @throws {OptionError} if an option is unknown or of the wrong sort, `bits` not an integer from 2 to 8, or an offset asked for: codes stand for
 * (code − zero) · scale with a whole or half zero, which a real offset is not.
 */
export function lsqPlus(options: LsqPlusOptions): WeightQuantizer {
  checkOptions("make a quantizer", "lsqPlus", options, ["bits", "perChannel", "offset"]);
  refuseOffset("lsqPlus", options.offset);
  return stepped("lsqPlus", options, {
    start(weights, low) {
      const { mean, deviation } = moments(weights);
      return Math.max(Math.abs(mean - 3 * deviation), Math.abs(mean + 3 * deviation)) / -low;
    },
  });
}

/**
 * LSQ+ for activations after a ReLU: LSQ whose α starts, from data, where the squared error of quantisation is least. β stays 0, as inputs of arrays
 * whose code 0 is no 0 V would need.
 *
 * @throws {OptionError} if `bits` is not an integer from 1 to 8, `alpha` is not positive, or an offset asked for.
 */
export function lsqPlusActivations(options: LsqPlusActivationOptions): ActivationQuantizer {
  checkOptions("make a quantizer", "lsqPlusActivations", options, ["bits", "alpha", "offset"]);
  refuseOffset("lsqPlusActivations", options.offset);
  const levels = 2 ** checkBits(options.bits, "lsqPlusActivations.bits") - 1;
  return clippedActivations("lsqPlus", options, { start: (sample) => levels * bestStep(sample, 0, levels), gradient: lsqGradient(levels) });
}

function refuseOffset(where: string, offset: unknown): void {
  if (offset === undefined || offset === false) return;
  throw new OptionError("make a quantizer", {
    where: `${where}.offset`,
    got: offset,
    wanted: "false",
    hint: "Codes on arrays have no place for a real offset β; use batch norm's shift.",
  });
}
