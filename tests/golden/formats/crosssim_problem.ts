// An analog-core case as matrix, inputs and results, and its inputs as the DAC gives them.

import { rint } from "../../../lib/simulate/reference/crossbar.ts";
import type { CoreConfig } from "./crosssim_config.ts";
import type { Window } from "./crosssim_program.ts";

/** An array of a file. */
export interface Stored {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** A case, images channels last. */
export interface Problem {
  /** `[outputs][inputs]`, inputs by channel, kernel row, kernel column. */
  readonly matrix: Float64Array;
  readonly outputs: number;
  readonly inputs: number;
  readonly window: Window;
  /** `[batch, height, width, channels]`. */
  readonly images: Stored;
  /** `[batch, height, width, outputs]`. */
  readonly wanted: Float64Array;
}

/** Inputs per unit of full scale. */
export function inputScale({ signed, inputRange: [lo, hi] }: CoreConfig): number {
  return (signed ? 2 : 1) / (hi - lo);
}

/** Signed input codes of a DAC. */
export function encode(x: Float64Array, { dacBits, signed }: CoreConfig, scale: number): Int32Array {
  const [lo, levels] = signed ? [-1, 2 ** dacBits - 1] : [0, 2 ** dacBits];
  const q = (levels - 1) / (1 - lo), largest = 2 ** (dacBits - (signed ? 1 : 0)) - 1;
  return Int32Array.from(x, (value) => rint((rint((Math.min(Math.max(value * scale, lo), 1) - lo) * q) / q + lo) * largest));
}
