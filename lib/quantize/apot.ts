// APoT: weights on sums of powers of two, normalised first; codes on the even grid that holds all levels.

import { checkOptions } from "../options.ts";
import type { Tensor, TypedArray } from "../tensor.ts";
import { checkBits, checkPositive, checkSwitch } from "./check.ts";
import type { Learned, WeightCodes, WeightContext, WeightQuantizer } from "./quantizer.ts";
import { moments } from "./stepped.ts";

/** Options of {@linkcode apot}. */
export interface ApotOptions {
  /** Bits per weight, 2–6, the sign among them. */
  readonly bits: number;
  /** Starting value of the clipping level, in standard deviations of the weights; default 3. */
  readonly alpha?: number;
  /**
   * Whether values are multiplied by the weights' standard deviation again, which the published method leaves to the batch norm behind the layer; default
   * false. For layers without one. Our addition.
   */
  readonly restore?: boolean;
}

/** Exponents −n of the summands 2^−n beside 0, by magnitude bits: two bits a summand, in turns; odd widths give the last bit a summand of one power. */
const EXPONENTS: Readonly<Record<number, readonly (readonly number[])[]>> = {
  1: [[1]],
  2: [[1, 2, 3]],
  3: [[1, 2, 4], [3]],
  4: [[1, 3, 5], [2, 4, 6]],
  5: [[1, 3, 6], [2, 4, 7], [5]],
};

/**
 * Magnitudes of {@linkcode apot} as integers on the even grid that holds them all, ascending from 0; the largest stands for 1.
 *
 * @throws {OptionError} if `bits` is not an integer from 2 to 6.
 *
 * @example
 * ```ts
 * import { apotLevels } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(apotLevels(4), [0, 1, 2, 3, 4, 6, 8, 10]);
 * ```
 */
export function apotLevels(bits: number): readonly number[] {
  const summands = EXPONENTS[checkBits(bits, "apot.bits", 2, 6) - 1]!, finest = Math.max(...summands.flat());
  let sums = [0];
  for (const exponents of summands) {
    sums = sums.flatMap((sum) => [sum, ...exponents.map((exponent) => sum + 2 ** (finest - exponent))]);
  }
  return [...new Set(sums)].sort((a, b) => a - b);
}

/**
 * APoT weight quantizer (Li et al., 2020): w̄ = (w − μ) / (σα), value = α · Π(clip(w̄, −1, 1)) with Π the nearest sum of powers of two (the smaller of two
 * equally near). Gradients: ∂/∂w = 1/σ everywhere (not clipped; μ and σ held constant); ∂/∂α = sign(w̄) where |w̄| > 1, else Π(w̄) − w̄. α is learned, as
 * `<layer>.weight.alpha`. Codes take 2 to 8 bits for 2 to 6: 2, 4, 5, 7, 8.
 *
 * @throws {OptionError} if an option is unknown or of the wrong sort, or `bits` not an integer from 2 to 6.
 */
export function apot(options: ApotOptions): WeightQuantizer {
  checkOptions("make a quantizer", "apot", options, ["bits", "alpha", "restore"]);
  const { bits, alpha: start = 3 } = options, restore = checkSwitch(options.restore, "apot.restore", false);
  checkPositive(start, "apot.alpha");
  const levels = apotLevels(bits), top = levels.at(-1)!, width = 1 + Math.ceil(Math.log2(top + 1)), nearest = table(levels);

  const prepare = (weights: TypedArray, learned: Learned | undefined): State => {
    const { mean, deviation } = moments(weights), alpha = learned?.["alpha"]?.[0] ?? Math.fround(start);
    const sigma = deviation > 0 ? deviation : 1, gain = restore ? sigma : 1;
    return { mean, sigma, alpha, gain, scale: gain * alpha / top };
  };
  const code = (weight: number, { mean, sigma, alpha }: State): number => {
    const place = (weight - mean) / (sigma * alpha) * top;
    return place < 0 ? -nearest(-place) : nearest(place);
  };
  return {
    kind: "apot",
    bits,
    learned: () => ({ alpha: Float32Array.of(start) }),
    encode({ data, shape }: Tensor<TypedArray>, learned?: Learned): WeightCodes {
      const state = prepare(data, learned), codes = new Int16Array(data.length);
      for (let i = 0; i < codes.length; i++) codes[i] = code(data[i]!, state);
      return { codes: { shape, data: codes }, bits: width, signed: true, zero: 0, scale: state.scale };
    },
    forward(weights: Float32Array, output: Float32Array, context?: WeightContext): State {
      const state = prepare(weights, context?.learned);
      for (let i = 0; i < weights.length; i++) output[i] = code(weights[i]!, state) * state.scale;
      return state;
    },
    backward(gradient: Float32Array, weights: Float32Array, state: unknown, into?: Learned): void {
      const known = state as State, { mean, sigma, alpha, gain } = known;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) {
        const place = (weights[i]! - mean) / (sigma * alpha);
        sum += gradient[i]! * (Math.abs(place) > 1 ? Math.sign(place) : code(weights[i]!, known) / top - place);
        gradient[i] = gradient[i]! * gain / sigma;
      }
      const slopes = into?.["alpha"];
      if (slopes !== undefined) slopes[0] = sum * gain;
    },
    toJSON: () => ({
      kind: "apot",
      bits,
      ...(options.alpha === undefined ? {} : { alpha: start }),
      ...(restore ? { restore } : {}),
    }),
  };
}

interface State {
  readonly mean: number;
  readonly sigma: number;
  readonly alpha: number;
  /** σ where it is multiplied in again, else 1. */
  readonly gain: number;
  /** Real value of one code step. */
  readonly scale: number;
}

/** The nearest level of a non-negative place on the grid, by one look at the whole number below it: levels change at most once between two. */
function table(levels: readonly number[]): (place: number) => number {
  const top = levels.at(-1)!, below = new Int16Array(top), bound = new Float64Array(top), above = new Int16Array(top);
  for (let whole = 0; whole < top; whole++) {
    const index = levels.findLastIndex((level) => level <= whole), lower = levels[index]!, upper = levels[index + 1]!;
    const middle = (lower + upper) / 2;
    below[whole] = lower;
    above[whole] = upper;
    bound[whole] = middle;
  }
  return (place) => {
    if (place >= top) return top;
    const whole = Math.floor(place);
    return place > bound[whole]! ? above[whole]! : below[whole]!;
  };
}
