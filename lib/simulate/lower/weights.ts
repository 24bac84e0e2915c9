// Weights of digital layers in the order kernels read them: [groups][rows][columns per group].

import { NumericError } from "../../errors.ts";
import type { WeightCodes } from "../../quantize/quantizer.ts";
import type { Geometry } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";

/** Integer weights multiplier · (code − zero). */
export interface IntegerWeights {
  /** `[groups][rows][columns per group]`. */
  readonly weights: Int16Array;
  /** 2 where the zero is a half-integer, else 1. */
  readonly multiplier: 1 | 2;
}

/**
 * Reorders `[out, in / groups, kernel height, kernel width]` (or `[out, in]`) to `[groups][rows][columns per group]`, rows over kernel row,
 * kernel column, channel (channel fastest).
 */
export function reorder<T extends Int16Array | Float32Array>(source: ArrayLike<number>, geometry: Geometry, target: T): T {
  const [height, width] = geometry.kernel;
  const channels = geometry.inputShape[2] / geometry.groups;
  const columns = geometry.outputShape[2] / geometry.groups;
  const rows = rowsOf(geometry), area = height * width;
  for (let out = 0; out < geometry.outputShape[2]; out++) {
    const group = Math.floor(out / columns);
    for (let channel = 0; channel < channels; channel++) {
      for (let position = 0; position < area; position++) {
        target[(group * rows + position * channels + channel) * columns + out - group * columns] =
          source[(out * channels + channel) * area + position]!;
      }
    }
  }
  return target;
}

/**
 * Integer weights of a layer.
 *
 * @param zero Code of the inputs that stands for 0, for the bound on sums.
 * @param largest Largest input code.
 * @throws {NumericError} if a weight does not fit 16 bits, or a sum could leave 32 bits.
 */
export function integerWeights(name: string, codes: WeightCodes, geometry: Geometry, zero: number, largest: number): IntegerWeights {
  const multiplier = Number.isInteger(codes.zero) ? 1 : 2;
  const values = Float64Array.from(codes.codes.data, (code) => multiplier * (code - codes.zero));
  const wide = values.find((value) => !Number.isInteger(value) || Math.abs(value) > 32767);
  if (wide !== undefined) {
    throw new NumericError("lower a layer to integers", { where: `${name}.weight`, got: wide, wanted: "integers of at most 16 bits" });
  }
  const perOutput = values.length / geometry.outputShape[2];
  const reach = Math.max(Math.abs(zero), Math.abs(largest - zero));
  for (let out = 0; out < geometry.outputShape[2]; out++) {
    let sum = 0;
    for (let index = out * perOutput; index < (out + 1) * perOutput; index++) sum += Math.abs(values[index]!);
    checkSum(name, sum * reach);
  }
  return { weights: reorder(values, geometry, new Int16Array(values.length)), multiplier };
}

/**
 * Guards integer sums.
 *
 * @throws {NumericError} if a sum of that magnitude does not fit 32 bits.
 */
export function checkSum(name: string, magnitude: number): void {
  if (magnitude < 2 ** 31 - 1) return;
  throw new NumericError("keep sums in 32 bits", {
    where: name,
    got: `sums of up to ${magnitude}`,
    wanted: "less than 2^31 − 1",
    hint: "Use fewer weight or activation bits, or a smaller ADC range.",
  });
}
