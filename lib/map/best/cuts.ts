// All strips that cutting a staircase again and again can make, with equal ones made one, so that searches over them stay small.

import { cutByOutput, cutByPixel, type Staircase, type Strip } from "./staircase.ts";

/** Cuts a search may use: before every output and every pixel of a strip, or only before an output. */
export type CutRule = "any" | "gather";

/** Strips of a staircase by kind: same size, and cut into the same kinds. Parts have smaller numbers than the whole. */
export interface Kinds {
  /** The staircase. */
  readonly stairs: Staircase;
  /** Pixels of a strip, by kind. */
  readonly pixels: readonly number[];
  /** Outputs of a strip, by kind. */
  readonly outputs: readonly number[];
  /** Kinds of both parts, pair after pair, by kind; pairs are unordered and distinct. */
  readonly splits: readonly Int32Array[];
  /** Kind of the whole staircase, the last. */
  readonly whole: number;
  /** Kind of a strip that cutting has made. */
  kindOf(strip: Strip): number;
  /** What a strip can be cut into. */
  cuts(strip: Strip): [Strip, Strip][];
}

/** The whole staircase as a strip. */
export function wholeOf({ pixels, outputs }: Staircase): Strip {
  return { p0: 0, p1: pixels.length, o0: 0, o1: outputs.length };
}

/**
 * Finds the kinds of all strips that cutting a staircase can make.
 *
 * Shifted strips are of one kind from the start, clipped by a border or not; what else is alike, mirror images for one, turns out by having the same parts.
 *
 * @param fine The shorter part of a cut strip has at most so many outputs, or an even number up to twice that, a multiple of 4 up to four times that,
 * a multiple of 8 up to eight times that; with 8 that is no restriction on strips of up to 16, and hardly one on others.
 */
export function kindsOf(stairs: Staircase, rule: CutRule, fine: number): Kinds {
  const { from } = stairs;
  const step = from.length > 1 ? from[1]! - from[0]! : 1;
  const cuts = (strip: Strip): [Strip, Strip][] => {
    const found: [Strip, Strip][] = [], { p0, p1, o0, o1 } = strip;
    for (let cut = o0 + 1; cut < o1; cut++) if (allowed(Math.min(cut - o0, o1 - cut), fine)) found.push(cutByOutput(stairs, strip, cut));
    if (rule === "gather") return found;
    for (let cut = p0 + 1; cut < p1; cut++) {
      if (allowed(Math.ceil(Math.min(cut - p0, p1 - cut) / step), fine)) found.push(cutByPixel(stairs, strip, cut));
    }
    return found;
  };
  const shifted = new Map<number, number>(), same = new Map<string, number>();
  const pixels: number[] = [], outputs: number[] = [], splits: Int32Array[] = [];
  const keyOf = ({ p0, p1, o0, o1 }: Strip): number => ((p1 - p0) * 32768 + o1 - o0) * 16384 + p0 - from[o0]!;
  const kindOf = (strip: Strip): number => {
    const key = keyOf(strip), known = shifted.get(key);
    if (known !== undefined) return known;
    const pairs = new Set<number>();
    for (const [a, b] of cuts(strip)) {
      const one = kindOf(a), other = kindOf(b);
      pairs.add(Math.max(one, other) * 0x4000000 + Math.min(one, other));
    }
    const sorted = [...pairs].sort((a, b) => a - b);
    const content = `${strip.p1 - strip.p0},${strip.o1 - strip.o0}:${sorted}`;
    let kind = same.get(content);
    if (kind === undefined) {
      kind = pixels.length;
      pixels.push(strip.p1 - strip.p0);
      outputs.push(strip.o1 - strip.o0);
      splits.push(Int32Array.from(sorted.flatMap((pair) => [Math.floor(pair / 0x4000000), pair % 0x4000000])));
      same.set(content, kind);
    }
    shifted.set(key, kind);
    return kind;
  };
  const whole = kindOf(wholeOf(stairs));
  return { stairs, pixels, outputs, splits, whole, kindOf, cuts };
}

function allowed(length: number, fine: number): boolean {
  return length <= fine || length <= 2 * fine && length % 2 === 0 || length <= 4 * fine && length % 4 === 0 ||
    length <= 8 * fine && length % 8 === 0;
}
