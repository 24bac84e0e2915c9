// Ordered streams of pixels and outputs: strips joined end to end, and the cuts that divide them into activations.

import type { Line, SideIndex } from "./line.ts";

/** One strip of a stream: all taps between the pixels and outputs of `outer` × `inner`. */
export interface Piece {
  /** Across the strip; its members vary fastest. */
  readonly outer: Line;
  /** Along the strip. */
  readonly inner: Line;
  /** Group of channels. */
  readonly group: number;
}

/** Pieces joined end to end: an activation may hold the end of one and the beginning of the next, in separate blocks. */
export interface Stream {
  /** In order. */
  readonly pieces: readonly Piece[];
  /** Positions before each piece and after the last one, of pixels and of outputs. */
  readonly offsets: readonly [pixels: Float64Array, outputs: Float64Array];
  /** Channels per position: inputs of a group, outputs of a group. */
  readonly channels: readonly [number, number];
  /** Rows and columns of an array. */
  readonly limits: readonly [number, number];
}

/**
 * A state of the stream: `side` 0: every tap of the first `at` pixel elements is done; 1: of the first `at` output elements. An element is
 * one channel of one position.
 */
export interface Cut {
  /** Which elements are counted. */
  readonly side: SideIndex;
  /** Elements done. */
  readonly at: number;
}

/** Activations of one set of rows and columns: everything between two cuts. */
export interface Step {
  /** Done before. */
  readonly from: Cut;
  /** Done after. */
  readonly to: Cut;
  /** Arrays activated: tiles of the set. */
  readonly arrays: number;
}

/** Which cuts may follow which: rows only ("scatter"), columns only ("gather"), or any. */
export type Moves = "rows" | "columns" | "mixed";

/** Joins pieces to a stream. */
export function streamOf(pieces: readonly Piece[], channels: readonly [number, number], limits: readonly [number, number]): Stream {
  const offsets = [new Float64Array(pieces.length + 1), new Float64Array(pieces.length + 1)] as const;
  for (const [index, { outer, inner }] of pieces.entries()) {
    for (const side of [0, 1] as const) offsets[side][index + 1] = offsets[side][index]! + outer[side].at.length * inner[side].at.length;
  }
  return { pieces, offsets, channels, limits };
}

/** Number of the piece that holds a position, at or after `hint`; the number of pieces at the end. */
export function pieceOf(offsets: Float64Array, position: number, hint: number): number {
  let low = hint, high = offsets.length - 1;
  if (low < high && position < offsets[low + 1]!) return low;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle]! <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
