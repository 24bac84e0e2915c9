// An axis in the order in which its pixels and outputs form a staircase, so that stride, padding and dilation vanish from the searches.

import { type Axis, pixelsOf } from "../axis.ts";

/**
 * The links between pixels and outputs of an axis, sorted so that each output reads consecutive pixels and later outputs read later pixels.
 *
 * Pixels that no output reads and outputs that read no pixel have no rank. With dilation, residue classes stand one behind the other.
 */
export interface Staircase {
  /** Pixel of each pixel rank. */
  readonly pixels: readonly number[];
  /** Output of each output rank. */
  readonly outputs: readonly number[];
  /** First pixel rank read, by output rank; never falls. */
  readonly low: Int32Array;
  /** Last pixel rank read, by output rank; never falls. */
  readonly high: Int32Array;
  /** First pixel rank that would be read if the image had no border, by output rank. */
  readonly from: Int32Array;
  /** Pixels an output would read if the image had no border. */
  readonly taps: number;
  /** First output rank that reads it, by pixel rank. */
  readonly first: Int32Array;
  /** Last output rank that reads it, by pixel rank. */
  readonly last: Int32Array;
}

/** Pixels and outputs of an axis which are worked on together: all links between them. */
export interface Part {
  /** Pixels of the image. */
  readonly pixels: readonly number[];
  /** Outputs. */
  readonly outputs: readonly number[];
}

/**
 * Consecutive pixel ranks and output ranks, ends excluded, each linked to one of the others: a part of an axis that is an interval of the staircase.
 */
export interface Strip {
  /** First pixel rank. */
  readonly p0: number;
  /** Behind the last pixel rank. */
  readonly p1: number;
  /** First output rank. */
  readonly o0: number;
  /** Behind the last output rank. */
  readonly o1: number;
}

/** The pixels and outputs of a strip. */
export function partOf({ pixels, outputs }: Staircase, { p0, p1, o0, o1 }: Strip): Part {
  return { pixels: pixels.slice(p0, p1), outputs: outputs.slice(o0, o1) };
}

/** Cuts a strip before an output of it: links of earlier outputs, and the rest. */
export function cutByOutput({ low, high }: Staircase, { p0, p1, o0, o1 }: Strip, cut: number): [Strip, Strip] {
  return [{ p0, p1: Math.min(p1, high[cut - 1]! + 1), o0, o1: cut }, { p0: Math.max(p0, low[cut]!), p1, o0: cut, o1 }];
}

/** Cuts a strip before a pixel of it: links of earlier pixels, and the rest. */
export function cutByPixel({ first, last }: Staircase, { p0, p1, o0, o1 }: Strip, cut: number): [Strip, Strip] {
  return [{ p0, p1: cut, o0, o1: Math.min(o1, last[cut - 1]! + 1) }, { p0: cut, p1, o0: Math.max(o0, first[cut]!), o1 }];
}

/** One staircase for each class of outputs that share pixels: one, or with dilation up to as many as the dilation; none if nothing is read. */
export function staircases(axis: Axis): Staircase[] {
  const period = axis.kernel === 1 ? 1 : axis.dilation;
  const classes = new Map<number, { output: number; read: number[] }[]>();
  for (let output = 0; output < axis.outputs; output++) {
    const read = pixelsOf(axis, output, output);
    if (read.length === 0) continue;
    const residue = read[0]! % period;
    const known = classes.get(residue);
    if (known === undefined) classes.set(residue, [{ output, read }]);
    else known.push({ output, read });
  }
  return [...classes.values()].map((members) => {
    const pixels = [...new Set(members.flatMap(({ read }) => read))].sort((a, b) => a - b);
    const rank = new Map(pixels.map((pixel, index) => [pixel, index]));
    const outputs = members.map(({ output }) => output);
    // Taps of the first output left of the image, and ranks between the windows of neighbours.
    const missing = Math.max(0, Math.ceil((axis.padding - outputs[0]! * axis.stride) / axis.dilation));
    const step = outputs.length < 2 ? 0 : Math.min(axis.kernel, (outputs[1]! - outputs[0]!) * axis.stride / period);
    return ranked({
      pixels,
      outputs,
      low: Int32Array.from(members, ({ read }) => rank.get(read[0]!)!),
      high: Int32Array.from(members, ({ read }) => rank.get(read.at(-1)!)!),
      from: Int32Array.from(outputs, (_, index) => index * step - missing),
      taps: axis.kernel,
    });
  });
}

/** The staircases of an axis one behind the other. */
export function staircase(axis: Axis): Staircase {
  const all = staircases(axis);
  const low: number[] = [], high: number[] = [], from: number[] = [];
  let before = 0;
  for (const one of all) {
    for (const rank of one.low) low.push(before + rank);
    for (const rank of one.high) high.push(before + rank);
    for (const rank of one.from) from.push(before + rank);
    before += one.pixels.length;
  }
  return ranked({
    pixels: all.flatMap(({ pixels }) => pixels),
    outputs: all.flatMap(({ outputs }) => outputs),
    low: Int32Array.from(low),
    high: Int32Array.from(high),
    from: Int32Array.from(from),
    taps: axis.kernel,
  });
}

function ranked(stairs: Omit<Staircase, "first" | "last">): Staircase {
  const { pixels, outputs, low, high } = stairs;
  const first = new Int32Array(pixels.length), last = new Int32Array(pixels.length);
  let from = 0, to = 0;
  for (let pixel = 0; pixel < pixels.length; pixel++) {
    while (high[from]! < pixel) from++;
    while (to + 1 < outputs.length && low[to + 1]! <= pixel) to++;
    first[pixel] = from;
    last[pixel] = to;
  }
  return { ...stairs, first, last };
}
