// What the float convolution kernels of training share: their shape, where pixels lie, and the layout of weights.

import { add, get, int, mul, set } from "../../lib/cpu/wat.ts";

/** Shape of one convolution between two buffers. Channel counts are multiples of 4; extents include halos. */
export interface ConvolutionShape {
  /** Rows, columns and channels of a stored input image, halo included. */
  readonly input: readonly [height: number, width: number, channels: number];
  /** Stored output (or output gradient) image, halo included. */
  readonly output: readonly [height: number, width: number, channels: number];
  /** Output rows and columns actually computed. */
  readonly size: readonly [height: number, width: number];
  /** First stored input row and column that output (0, 0) reads; first stored output row and column. */
  readonly inputOrigin: readonly [number, number];
  readonly outputOrigin: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** Bytes of an f32. */
export const FLOAT = 4;

/** Largest of the candidates that divides `value`. */
export function divisor(value: number, ...candidates: readonly number[]): number {
  return candidates.find((candidate) => value % candidate === 0) ?? 1;
}

/** Consecutive blocks of equal width. */
export interface Section {
  /** First channel. */
  readonly first: number;
  /** Channels per block: 24, 16, 8 or 4. */
  readonly width: number;
  /** How many blocks. */
  readonly count: number;
}

/**
 * How so many output channels (per group, a multiple of 4) are cut into blocks whose weights lie together and whose sums fit into registers: as many of 24 as
 * leave a multiple of 16, of 8 or of 4. A weight tensor is `[group][block][kernel row][kernel column][channels per group][channels of the block]`, so that what a
 * kernel reads for its registers is one stretch of memory: rows a power of two apart would share a few sets of the cache.
 */
export function outputBlocks(columns: number): readonly Section[] {
  const rest = [16, 8, 4].find((width) => largest(columns, width) !== undefined)!, wide = largest(columns, rest)!;
  return [{ first: 0, width: 24, count: wide }, { first: 24 * wide, width: rest, count: (columns - 24 * wide) / rest }]
    .filter(({ count }) => count > 0);
}

/** Most blocks of 24 that leave a multiple of `rest`; undefined if none does. */
function largest(columns: number, rest: number): number | undefined {
  for (let count = Math.floor(columns / 24); count >= 0; count--) if ((columns - 24 * count) % rest === 0) return count;
  return undefined;
}

/** The block of each output channel of a group: its first channel and its width. */
export function blockOfChannel(columns: number): readonly { readonly first: number; readonly width: number }[] {
  return outputBlocks(columns).flatMap(({ first, width, count }) =>
    Array.from({ length: width * count }, (_, index) => ({ first: first + index - index % width, width }))
  );
}

/** Bytes of a stored image. */
export const imageBytes = ([height, width, channels]: readonly [number, number, number]): number => height * width * channels * FLOAT;

/** Element offset of the input pixel under output pixel (y, x); x absent means column 0. */
export function inputOffset({ stride, inputOrigin, input }: ConvolutionShape, y: string, x?: string): string {
  const row = mul(add(mul(get(y), int(stride[0])), int(inputOrigin[0])), int(input[1]));
  const column = x === undefined ? int(inputOrigin[1]) : add(mul(get(x), int(stride[1])), int(inputOrigin[1]));
  return mul(add(row, column), int(input[2]));
}

/** Element offset of output pixel (y, x); x absent means column 0. */
export function outputOffset({ outputOrigin, output }: ConvolutionShape, y: string, x?: string): string {
  const row = mul(add(get(y), int(outputOrigin[0])), int(output[1]));
  return mul(add(row, x === undefined ? int(outputOrigin[1]) : add(get(x), int(outputOrigin[1]))), int(output[2]));
}

/** Names of locals: `a0`, `a1` … */
export const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** sum += a · b, rounded once where the machine can. */
export const multiplyAdd = (sum: string, a: string, b: string): string => set(sum, `(f32x4.relaxed_madd ${get(a)} ${get(b)} ${get(sum)})`);
