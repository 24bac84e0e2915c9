// Weights of digital layers in the order kernels read them: [groups][rows][columns per group].

import { NumericError } from "../../errors.ts";
import type { WeightCodes } from "../../quantize/quantizer.ts";
import type { Geometry } from "../program.ts";
import { rowsOf } from "../reference/crossbar.ts";

/** Integer weights multiplier · (code − zero). */
export interface IntegerWeights {
  /** Σ of the weights of each output channel. */
  readonly sums: Float64Array;
  /** Makes `[groups][rows][columns per group]`; layers on arrays can do without. */
  weights(): Int16Array;
  /** 2 where the zero is a half-integer, else 1. */
  readonly multiplier: 1 | 2;
}

/**
 * Reorders `[out, in / groups, kernel height, kernel width]` (or `[out, in]`) to `[groups][rows][columns per group]`, rows over kernel row,
 * kernel column, channel (channel fastest).
 *
 * @param read What is written in place of each value; default the value itself.
 */
export function reorder<T extends Int16Array | Float32Array>(
  source: ArrayLike<number>,
  geometry: Geometry,
  target: T,
  read: (value: number) => number = (value) => value,
): T {
  const [height, width] = geometry.kernel;
  const channels = geometry.inputShape[2] / geometry.groups;
  const columns = geometry.outputShape[2] / geometry.groups;
  const rows = rowsOf(geometry), area = height * width;
  for (let out = 0; out < geometry.outputShape[2]; out++) {
    const group = Math.floor(out / columns);
    for (let channel = 0; channel < channels; channel++) {
      for (let position = 0; position < area; position++) {
        target[(group * rows + position * channels + channel) * columns + out - group * columns] = read(
          source[(out * channels + channel) * area + position]!,
        );
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
  const { data } = codes.codes, weight = (code: number) => multiplier * (code - codes.zero);
  const perOutput = data.length / geometry.outputShape[2];
  const reach = Math.max(Math.abs(zero), Math.abs(largest - zero));
  const sums = new Float64Array(geometry.outputShape[2]);
  for (let out = 0; out < sums.length; out++) {
    let [sum, magnitude] = [0, 0];
    for (let index = out * perOutput; index < (out + 1) * perOutput; index++) {
      const value = weight(data[index]!);
      if (!Number.isInteger(value) || Math.abs(value) > 32767) {
        throw new NumericError("lower a layer to integers", { where: `${name}.weight`, got: value, wanted: "integers of at most 16 bits" });
      }
      sum += value;
      magnitude += Math.abs(value);
    }
    sums[out] = sum;
    checkSum(name, magnitude * reach);
  }
  return { sums, weights: () => reorder(data, geometry, new Int16Array(data.length), weight), multiplier };
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
