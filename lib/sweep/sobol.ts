// Sobol's low-discrepancy sequence: points that fill a box evenly from the first on, where a grid would need too many.

import { OptionError } from "../errors.ts";
import { hash } from "../random.ts";

// Joe and Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci. Comput. 30, 2008; the set that minimises
// property D to dimension 21201. Per dimension from the second on: inner coefficients of the primitive polynomial, then initial numbers m.
const NUMBERS: readonly (readonly [number, readonly number[]])[] = [
  [0, [1]],
  [1, [1, 3]],
  [1, [1, 3, 1]],
  [2, [1, 1, 1]],
  [1, [1, 1, 3, 3]],
  [4, [1, 3, 5, 13]],
  [2, [1, 1, 5, 5, 17]],
  [4, [1, 1, 5, 5, 5]],
  [7, [1, 1, 7, 11, 19]],
  [11, [1, 1, 5, 1, 1]],
  [13, [1, 1, 1, 3, 11]],
  [14, [1, 3, 5, 5, 31]],
  [1, [1, 3, 3, 9, 7, 49]],
  [13, [1, 1, 1, 15, 21, 21]],
  [16, [1, 3, 1, 13, 27, 49]],
];

/** Most dimensions of {@linkcode sobolPoint}. */
export const SOBOL_DIMENSIONS: number = NUMBERS.length + 1;

const BITS = 32;

/**
 * One point of Sobol's sequence, in the order of the Gray code (Antonov and Saleev), so that the first 2^k points are those of the plain order.
 *
 * @param index Number of the point, from 0.
 * @param dimensions Coordinates, 1 to 16.
 * @param seed Shifts all points by the same random bits per coordinate (a digital shift), which keeps the sequence's evenness; default no shift, where
 * point 0 is the origin.
 * @returns Coordinates in [0, 1), multiples of 2^-32.
 * @throws {OptionError} for an index or a number of dimensions outside the range.
 *
 * @example
 * ```ts
 * import { sobolPoint } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([1, 2, 3].map((index) => sobolPoint(index, 2)), [[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]);
 * ```
 */
export function sobolPoint(index: number, dimensions: number, seed?: number): readonly number[] {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > SOBOL_DIMENSIONS) {
    throw new OptionError("draw a Sobol point", { where: "dimensions", got: dimensions, wanted: `1 to ${SOBOL_DIMENSIONS}` });
  }
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** 31) {
    throw new OptionError("draw a Sobol point", { where: "index", got: index, wanted: "an integer from 0 to 2^31 − 1" });
  }
  const gray = index ^ (index >>> 1);
  return Array.from({ length: dimensions }, (_, dimension) => {
    const directions = DIRECTIONS[dimension]!;
    let bits = seed === undefined ? 0 : hash(seed, dimension) | 0;
    for (let bit = 0; bit < BITS; bit++) if ((gray >>> bit) & 1) bits ^= directions[bit]!;
    return (bits >>> 0) / 2 ** BITS;
  });
}

const DIRECTIONS: readonly Uint32Array[] = Array.from({ length: SOBOL_DIMENSIONS }, (_, dimension) => directionNumbers(dimension));

/** Direction numbers of a dimension, as binary fractions of 32 bits. */
function directionNumbers(dimension: number): Uint32Array {
  const numbers = new Uint32Array(BITS);
  if (dimension === 0) return numbers.map((_, bit) => 2 ** (BITS - 1 - bit));
  const [coefficients, initial] = NUMBERS[dimension - 1]!, degree = initial.length;
  for (let bit = 0; bit < BITS; bit++) {
    if (bit < degree) {
      numbers[bit] = initial[bit]! * 2 ** (BITS - 1 - bit);
      continue;
    }
    let value = numbers[bit - degree]! ^ (numbers[bit - degree]! >>> degree);
    for (let term = 1; term < degree; term++) {
      if ((coefficients >>> (degree - 1 - term)) & 1) value ^= numbers[bit - term]!;
    }
    numbers[bit] = value;
  }
  return numbers;
}
