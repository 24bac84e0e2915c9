// Tensors are plain immutable views: a typed array and a shape. Methods would only hide copies.

import { ShapeError } from "./errors.ts";

/** Element storage a tensor can have. */
export type TypedArray =
  | Float32Array<ArrayBufferLike>
  | Float64Array<ArrayBufferLike>
  | Int32Array<ArrayBufferLike>
  | Uint32Array<ArrayBufferLike>
  | Int16Array<ArrayBufferLike>
  | Uint16Array<ArrayBufferLike>
  | Int8Array<ArrayBufferLike>
  | Uint8Array<ArrayBufferLike>;

/** A dense row-major array: `data.length` is the product of `shape`. */
export interface Tensor<T extends TypedArray = Float32Array> {
  /** Extent of each axis, slowest first. */
  readonly shape: readonly number[];
  /** Elements, last axis contiguous. */
  readonly data: T;
}

/** Number of elements of a shape; 1 for a scalar (`[]`). */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * Pairs data with a shape.
 *
 * @throws {ShapeError} if an extent is not a non-negative integer or the product of the extents is not `data.length`.
 *
 * @example
 * ```ts
 * import { tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tensor(new Float32Array(6), [2, 3]).shape, [2, 3]);
 * ```
 */
export function tensor<T extends TypedArray>(data: T, shape: readonly number[]): Tensor<T> {
  if (shape.some((extent) => !Number.isInteger(extent) || extent < 0)) {
    throw new ShapeError("make a tensor", { got: shape, wanted: "non-negative integer extents" });
  }
  if (elements(shape) !== data.length) {
    throw new ShapeError("make a tensor", { got: `${data.length} elements`, wanted: `${elements(shape)} for shape [${shape}]` });
  }
  return { shape: [...shape], data };
}
