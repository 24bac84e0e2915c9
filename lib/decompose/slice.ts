// Digits of non-negative integers, least significant first, with a narrower last digit where cells do not divide the width.

import type { Tensor } from "../tensor.ts";

/**
 * Bits in each slice when `bits` are cut into cells of `cellBits`, least significant first.
 *
 * @example
 * ```ts
 * import { sliceWidths } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sliceWidths(8, 3), [3, 3, 2]);
 * ```
 */
export function sliceWidths(bits: number, cellBits: number): number[] {
  return Array.from({ length: Math.ceil(bits / cellBits) }, (_, k) => Math.min(cellBits, bits - k * cellBits));
}

/** Factor of each slice of {@linkcode sliceWidths}: 2^(cellBits · k). */
export function digitWeights(bits: number, cellBits: number): number[] {
  return sliceWidths(bits, cellBits).map((_, k) => 2 ** (cellBits * k));
}

/**
 * Cuts non-negative integers below 2^bits into digits of `cellBits` bits: r_k = q mod 2^cellBits; q = (q − r_k) / 2^cellBits.
 *
 * @param shape Shape of the values; the result is `[slices, ...shape]`.
 * @param read What is cut in place of each value; default the value itself.
 *
 * @example
 * ```ts
 * import { digits } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...digits(new Int32Array([7, 8]), [2], 4, 2).data], [3, 0, 1, 2]);
 * ```
 */
export function digits(
  values: ArrayLike<number>,
  shape: readonly number[],
  bits: number,
  cellBits: number,
  read: (value: number) => number = (value) => value,
): Tensor<Uint8Array> {
  const count = Math.ceil(bits / cellBits), size = values.length, mask = 2 ** cellBits - 1;
  const data = new Uint8Array(count * size);
  for (let i = 0; i < size; i++) {
    const value = read(values[i]!);
    for (let k = 0; k < count; k++) data[k * size + i] = (value >>> (k * cellBits)) & mask;
  }
  return { shape: [count, ...shape], data };
}
