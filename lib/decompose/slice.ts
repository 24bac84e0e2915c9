// Digits of non-negative integers, least significant first, of equal or chosen widths, the last one narrower where they do not divide the whole.

import { OptionError } from "../errors.ts";
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
 * Bits in each slice when `bits` are cut into slices of the asked widths, least significant first; the last one takes what is left.
 *
 * @param name Layer, for messages.
 * @throws {OptionError} if the widths do not cover the bits, or a slice would hold nothing.
 */
export function chosenWidths(name: string, bits: number, asked: readonly number[]): number[] {
  let left = bits;
  const widths = asked.map((width) => {
    const used = Math.min(width, left);
    left -= used;
    return used;
  });
  if (left === 0 && widths.at(-1) !== 0) return widths;
  throw new OptionError("cut weights into slices", {
    where: `decompose.sliceBits of ${name}`,
    got: asked,
    wanted: left > 0 ? `at least ${bits} bits together` : `no slice beyond the ${bits} bits there are`,
    hint: "Give layers of other widths their own slices in decompose.layers.",
  });
}

/** Factor of each slice of the given widths: 2 to the bits of all lower slices. */
export function widthWeights(widths: readonly number[]): number[] {
  let factor = 1;
  return widths.map((width) => {
    const mine = factor;
    factor *= 2 ** width;
    return mine;
  });
}

/** Cuts non-negative integers into digits of the given widths; the result is `[slices, ...shape]`. `read` is as in {@linkcode digits}. */
export function cut(
  values: ArrayLike<number>,
  shape: readonly number[],
  widths: readonly number[],
  read: (value: number) => number,
): Tensor<Uint8Array> {
  const size = values.length, count = widths.length;
  const shifts = widths.map((_, k) => widths.slice(0, k).reduce((sum, width) => sum + width, 0));
  const masks = widths.map((width) => 2 ** width - 1);
  const data = new Uint8Array(count * size);
  for (let i = 0; i < size; i++) {
    const value = read(values[i]!);
    for (let k = 0; k < count; k++) data[k * size + i] = (value >>> shifts[k]!) & masks[k]!;
  }
  return { shape: [count, ...shape], data };
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
  const widths = Array.from({ length: Math.ceil(bits / cellBits) }, () => cellBits);
  return cut(values, shape, widths, read);
}
