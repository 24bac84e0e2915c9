// Binary weights: the sign, times the mean magnitude.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { checkPositive } from "./check.ts";
import { measured } from "./measured.ts";
import type { WeightQuantizer } from "./quantizer.ts";
import { meanMagnitude } from "./stepped.ts";

/** Options of {@linkcode binary}. */
export interface BinaryOptions {
  /** Bits per weight: 1. */
  readonly bits?: number;
  /** One mean magnitude per output channel (XNOR-Net) instead of one for the tensor (DoReFa); default false. */
  readonly perChannel?: boolean;
  /** No gradient passes to weights of a magnitude beyond this; default none (DoReFa). BinaryConnect and XNOR-Net have 1. */
  readonly clip?: number;
}

/**
 * Binary weight quantizer: sign(w) · E|w|, sign(0) = +1, as codes 0 and 1 about ½. DoReFa's 1-bit rule (Zhou et al., 2016) by default; `perChannel` and
 * `clip: 1` give XNOR-Net's (Rastegari et al., 2016) without its 1/n term. Gradient: identity, E|w| held constant.
 *
 * @throws {OptionError} if an option is unknown or of the wrong sort.
 *
 * @example
 * ```ts
 * import { binary, decodeWeights, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const codes = binary().encode(tensor(Float32Array.of(-3, 0, 1.5), [3]));
 * assertEquals([...decodeWeights(codes).data], [-1.5, 1.5, 1.5]);
 * ```
 */
export function binary(options: BinaryOptions = {}): WeightQuantizer {
  checkOptions("make a quantizer", "binary", options, ["bits", "perChannel", "clip"]);
  if (options.bits !== undefined && options.bits !== 1) {
    throw new OptionError("make a quantizer", { where: "binary.bits", got: options.bits, wanted: "1" });
  }
  if (options.clip !== undefined) checkPositive(options.clip, "binary.clip");
  return signed("binary", options);
}

/** The same under another name: `dorefa` of one bit is this rule. */
export function signed(kind: string, { perChannel, clip }: BinaryOptions): WeightQuantizer {
  const passes = clip === undefined ? {} : { passes: (weight: number) => Math.abs(weight) <= clip };
  return measured(kind, { bits: 1, signed: false, zero: 0.5, perChannel }, (weights) => ({
    unit: Math.fround(2 * meanMagnitude(weights)),
    code: (weight) => weight >= 0 ? 1 : 0,
    ...passes,
  }), clip === undefined ? {} : { clip });
}
