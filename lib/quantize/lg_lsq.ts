// LG-LSQ: linear symmetric quantisation with simulated step gradients, a soft round in the backward pass and a matched gain, each by its own switch.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { checkBits, checkPositive, checkSwitch } from "./check.ts";
import { clippedActivations, type ClippedOptions } from "./clipped.ts";
import { simulatedAlpha } from "./llsq.ts";
import { lsqGradient } from "./lsq.ts";
import { bestStep, stepDirection } from "./quantization_error.ts";
import type { ActivationQuantizer, SoftSlope, WeightQuantizer } from "./quantizer.ts";
import { matchingGain, softSlope } from "./soft_round.ts";
import { stepped, type SteppedOptions } from "./stepped.ts";

/** The three parts of LG-LSQ. */
export interface LgLsqParts {
  /**
   * Simulated step gradient (SSG), default true: the step moves in LLSQ's direction (known). What the method rescales its size to is not known to us: it is
   * `magnitude`. Without it the step learns as in LSQ.
   */
  readonly ssg?: boolean;
  /** Size of the simulated gradient, as a multiple of LLSQ's s²; default 1. Open in the sources we have. Only with `ssg`. */
  readonly magnitude?: number;
  /** Arctangent soft round (ASR), default true: the slope of the rounding is that of `softRound` (known), never zero inside the range. */
  readonly asr?: boolean;
  /** κ of the soft round, default 2. Open in the sources we have. Only with `asr`. */
  readonly kappa?: number;
  /**
   * Gradient for the least discretisation error (MDE), default true. Our reading of a part whose text we do not have: gradients are scaled by the factor λ
   * that brings λ · (surrogate of the rounding) nearest, in squares, to the codes (`matchingGain`), so that the surrogate's derivative matches the quantizer.
   */
  readonly mde?: boolean;
}

/** Options of {@linkcode lgLsq}. */
export interface LgLsqOptions extends SteppedOptions, LgLsqParts {}

/** Options of {@linkcode lgLsqActivations}. */
export interface LgLsqActivationOptions extends ClippedOptions, LgLsqParts {}

const PARTS = ["ssg", "magnitude", "asr", "kappa", "mde"] as const;

/**
 * LG-LSQ weight quantizer: value = s · round(clip(v/s, Q_n, Q_p)), codes as LSQ's, gradients as {@linkcode LgLsqParts} says part by part. The forward pass
 * always rounds hard. The step starts where the squared error is least.
 *
 * @throws {OptionError} if an option is unknown, of the wrong sort or without effect, or `bits` not an integer from 2 to 8.
 *
 * @example
 * ```ts
 * import { lgLsq } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const described: Record<string, unknown> = lgLsq({ bits: 3, mde: false }).toJSON();
 * assertEquals(described, { kind: "lgLsq", bits: 3, mde: false });
 * ```
 */
export function lgLsq(options: LgLsqOptions): WeightQuantizer {
  checkOptions("make a quantizer", "lgLsq", options, ["bits", "perChannel", ...PARTS]);
  const { ssg, magnitude, soft } = parts("lgLsq", options);
  return stepped("lgLsq", options, {
    start: bestStep,
    ...(ssg ? { simulated: (weights, step, low, high) => magnitude * stepDirection(weights, step, low, high) * step * step } : {}),
    ...(soft === undefined ? {} : { soft }),
  }, given(options));
}

/**
 * LG-LSQ for activations; errors and the matching gain are those of a sample of the layer's inputs at each step, and α = s · (2^bits − 1).
 *
 * @throws {OptionError} if an option is unknown, of the wrong sort or without effect.
 */
export function lgLsqActivations(options: LgLsqActivationOptions): ActivationQuantizer {
  checkOptions("make a quantizer", "lgLsqActivations", options, ["bits", "alpha", ...PARTS]);
  const levels = 2 ** checkBits(options.bits, "lgLsqActivations.bits") - 1, { ssg, magnitude, soft } = parts("lgLsqActivations", options);
  const simulated = simulatedAlpha(levels);
  return clippedActivations("lgLsq", options, {
    start: (sample) => levels * bestStep(sample, 0, levels),
    gradient: {
      ...(ssg ? { simulated: (sample, alpha) => magnitude * simulated(sample, alpha) } : lsqGradient(levels)),
      ...(soft === undefined ? {} : { soft: (sample, alpha) => soft(sample, alpha / levels, 0, levels) }),
    },
    json: given(options),
  });
}

function parts(where: string, options: LgLsqParts): {
  readonly ssg: boolean;
  readonly magnitude: number;
  readonly soft: ((sample: Float32Array, step: number, low: number, high: number) => SoftSlope) | undefined;
} {
  const ssg = checkSwitch(options.ssg, `${where}.ssg`, true), asr = checkSwitch(options.asr, `${where}.asr`, true);
  const mde = checkSwitch(options.mde, `${where}.mde`, true);
  for (const [name, without] of [["magnitude", !ssg], ["kappa", !asr]] as const) {
    if (without && options[name] !== undefined) {
      throw new OptionError("make a quantizer", {
        where: `${where}.${name}`,
        got: options[name],
        wanted: `none: ${name === "kappa" ? "asr" : "ssg"} is switched off`,
      });
    }
  }
  const magnitude = checkPositive(options.magnitude ?? 1, `${where}.magnitude`),
    kappa = checkPositive(options.kappa ?? 2, `${where}.kappa`);
  const slope: SoftSlope = asr ? softSlope(kappa) : { gain: 1, sharpness: 0 };
  const soft = (sample: Float32Array, step: number, low: number, high: number): SoftSlope => {
    const match = mde ? matchingGain(sample, step, low, high, asr ? kappa : undefined) : 1;
    return { ...slope, gain: slope.gain * match };
  };
  return { ssg, magnitude, soft: asr || mde ? soft : undefined };
}

/** The parts as they were given, for files. */
function given(options: LgLsqParts): Record<string, unknown> {
  return Object.fromEntries(PARTS.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}
