// Pixels and outputs along one axis as two ordered lists whose members touch in runs: what strips and streams are cut from.

import { type Axis, outputsOf } from "../axis.ts";

/** One side of a line: the pixels or the outputs. */
export interface Side {
  /** Coordinate of each member in the image, ascending. */
  readonly at: Int32Array;
  /** First member of the other side that it touches. */
  readonly first: Int32Array;
  /** Last member of the other side that it touches. */
  readonly last: Int32Array;
}

/**
 * Side 0 holds the pixels that some output reads, side 1 the outputs that read some pixel; padding is on neither. Every run is contiguous
 * and ascends.
 */
export type Line = readonly [pixels: Side, outputs: Side];

/** Number of a side: 0 pixels (rows of the array), 1 outputs (columns). */
export type SideIndex = 0 | 1;

/**
 * An axis as independent lines: one for dilation 1, else one per residue class, as outputs r + t · d / gcd(s, d) read only pixels of one
 * class modulo d.
 */
export function linesOf(axis: Axis): Line[] {
  const classes = axis.dilation / gcd(axis.stride, axis.dilation);
  const lines: Line[] = [];
  for (let residue = 0; residue < classes; residue++) {
    const readers = new Map<number, number[]>();
    for (let pixel = 0; pixel < axis.pixels; pixel++) {
      const touched = outputsOf(axis, pixel).filter((output) => output % classes === residue);
      if (touched.length > 0) readers.set(pixel, touched);
    }
    if (readers.size > 0) lines.push(lineOf(readers));
  }
  return lines;
}

function lineOf(readers: Map<number, number[]>): Line {
  const pixels = [...readers.keys()], outputs = [...new Set([...readers.values()].flat())].sort((a, b) => a - b);
  const place = new Map(outputs.map((output, index) => [output, index]));
  const first = Int32Array.from(pixels, (pixel) => place.get(readers.get(pixel)![0]!)!);
  const last = Int32Array.from(pixels, (pixel) => place.get(readers.get(pixel)!.at(-1)!)!);
  const side: Side = { at: Int32Array.from(pixels), first, last };
  return [side, { at: Int32Array.from(outputs), ...inverse(side, outputs.length) }];
}

/**
 * Runs of the other side: member m is touched by the first member whose run ends at or after m to the last whose run starts at or before
 * it.
 */
function inverse({ first, last }: Side, count: number): Omit<Side, "at"> {
  const starts = new Int32Array(count).fill(first.length), ends = new Int32Array(count).fill(-1);
  for (let member = 0; member < first.length; member++) {
    for (let other = first[member]!; other <= last[member]!; other++) {
      if (member < starts[other]!) starts[other] = member;
      ends[other] = member;
    }
  }
  return { first: starts, last: ends };
}

/**
 * The part of a line with pixels `pixels[0]` … `pixels[1]` − 1 and outputs `outputs[0]` … `outputs[1]` − 1; each must touch one of the
 * other.
 */
export function restrict(line: Line, pixels: readonly [number, number], outputs: readonly [number, number]): Line {
  const cut = ({ at, first, last }: Side, [from, to]: readonly [number, number], [low, high]: readonly [number, number]): Side => ({
    at: at.slice(from, to),
    first: first.slice(from, to).map((other) => Math.max(other, low) - low),
    last: last.slice(from, to).map((other) => Math.min(other, high - 1) - low),
  });
  return [cut(line[0], pixels, outputs), cut(line[1], outputs, pixels)];
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
