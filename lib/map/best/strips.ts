// Ways to cut the axis across a stream into strips: one height throughout, or the cheapest sequence of unequal ones.

import { type Line, restrict } from "./line.ts";

/** A strip: its line, and a text equal for strips of equal shape. */
export interface Strip {
  /** The pixels and outputs of the strip. */
  readonly line: Line;
  /** Strips with the same text cost the same. */
  readonly shape: string;
}

/** A point between strips. `side` 0: the taps of the first `at` pixels are done; 1: those of the first `at` outputs. */
interface Node {
  readonly side: 0 | 1;
  readonly at: number;
}

/** Members of a line, each from the first to before the second. */
interface Extent {
  readonly pixels: readonly [number, number];
  readonly outputs: readonly [number, number];
}

/** Pixels `from` … `to` − 1 of a line repeat themselves every `period` pixels, runs shifted. */
interface Regular {
  readonly from: number;
  readonly to: number;
  readonly period: number;
  /** Members that runs shift by per period. */
  readonly shift: number;
}

/** The part of a line away from its borders. */
function regularPart([{ first, last }]: Line): Regular {
  const middle = first.length >> 1;
  for (let period = 1; middle + period < first.length; period++) {
    const shift = first[middle + period]! - first[middle]!;
    const alike = (at: number) => first[at + period]! - first[at]! === shift && last[at + period]! - last[at]! === shift;
    if (shift === 0 || !alike(middle)) continue;
    let from = middle, to = middle + 1;
    while (from > 0 && alike(from - 1)) from--;
    while (to + period < first.length && alike(to)) to++;
    if (to - from >= period) return { from, to: to + period, period, shift };
  }
  return { from: 0, to: 0, period: 1, shift: 0 };
}

/** Pixels and outputs of the strip between two points; undefined if the second does not include all that the first has done. */
function between([pixels, outputs]: Line, from: Node, to: Node): Extent | undefined {
  const scattered = from.side === 0;
  const p0 = scattered ? from.at : outputs.first[from.at]!, o0 = scattered ? pixels.first[from.at]! : from.at;
  if (to.side !== from.side && from.at > 0) {
    const touched = scattered ? pixels.last[from.at - 1]! : outputs.last[from.at - 1]!;
    if (to.at <= touched) return undefined;
  }
  const p1 = to.side === 0 ? to.at : outputs.last[to.at - 1]! + 1, o1 = to.side === 0 ? pixels.last[to.at - 1]! + 1 : to.at;
  return p1 > p0 && o1 > o0 ? { pixels: [p0, p1], outputs: [o0, o1] } : undefined;
}

function shapeOf(line: Line, { pixels: [p0, p1], outputs: [o0, o1] }: Extent, { from, to, period, shift }: Regular): string {
  const [{ first, last }] = line;
  const regular = p0 >= from && p1 <= to;
  // Where runs repeat, one period and the size say it all.
  let shape = `${o1 - o0}` + (regular ? `,${p1 - p0},${period},${shift},${o0 - first[p0]!}` : "");
  const end = regular ? Math.min(p0 + period, p1) : p1;
  for (let pixel = p0; pixel < end; pixel++) shape += `|${Math.max(first[pixel]!, o0) - o0},${Math.min(last[pixel]!, o1 - 1) - o0}`;
  return shape;
}

/** Strips of `height` pixels each (side 0, "scatter") or `height` outputs each (side 1, "gather"); the last may be lower. */
export function uniformStrips(line: Line, side: 0 | 1, height: number): Strip[] {
  const strips: Strip[] = [], count = line[side].at.length, regular = regularPart(line);
  for (let at = 0; at < count; at += height) {
    const extent = between(line, { side, at }, { side, at: Math.min(at + height, count) })!;
    strips.push({ line: restrict(line, extent.pixels, extent.outputs), shape: shapeOf(line, extent, regular) });
  }
  return strips;
}

/** Heights worth trying on an axis of `count`: all up to 16, then those that divide it into equal parts. */
export function heightsOf(count: number): number[] {
  const heights: number[] = [];
  for (let height = 1; height <= Math.min(count, 16); height++) heights.push(height);
  for (let parts = Math.ceil(count / 17); parts >= 1; parts--) {
    const height = Math.ceil(count / parts);
    if (height > heights.at(-1)!) heights.push(height);
  }
  return heights;
}

/** What strips cost. */
export interface StripCosts {
  /** Cost of a strip of a shape; Infinity if it cannot be cut. */
  readonly of: (shape: string, line: () => Line) => number;
  /** Least that a strip of so many pixels and outputs can cost, or is thought to. */
  readonly least: (pixels: number, outputs: number) => number;
  /** A sequence that costs as much is not wanted. */
  readonly limit: number;
}

/**
 * The cheapest sequence of strips, gathering and scattering mixed and heights unequal, by dynamic programming over the points between
 * strips.
 *
 * @param heights Heights to try, ascending.
 * @returns Nothing if none is below the limit.
 */
export function cheapestStrips(line: Line, heights: readonly number[], costs: StripCosts): Strip[] | undefined {
  const counts = [line[0].at.length, line[1].at.length] as const, regular = regularPart(line);
  const best: [number[], number[]] = [new Array(counts[0] + 1).fill(Infinity), new Array(counts[1] + 1).fill(Infinity)];
  const back: [{ from: Node; extent: Extent }[], { from: Node; extent: Extent }[]] = [[], []];
  best[0][0] = 0;
  // Points in an order in which every strip leads forward: by the pixels they leave behind.
  const nodes: (Node & { readonly key: number })[] = [];
  for (let at = 0; at < counts[0]; at++) nodes.push({ side: 0, at, key: at });
  for (let at = 1; at < counts[1]; at++) nodes.push({ side: 1, at, key: line[1].first[at]! + 0.5 });
  nodes.sort((a, b) => a.key - b.key || a.at - b.at);
  for (const from of nodes) {
    const base = best[from.side][from.at]!;
    if (base === Infinity) continue;
    for (const side of [0, 1] as const) {
      const start = side === from.side ? from.at : side === 0 ? line[1].first[from.at]! : line[0].first[from.at]!;
      for (const height of heights) {
        if (start + height > counts[side]) break;
        const to: Node = { side, at: start + height };
        const extent = between(line, from, to);
        if (extent === undefined) continue;
        const [p0, p1] = extent.pixels, [o0, o1] = extent.outputs;
        const read = side === 0 ? to.at : line[1].first[to.at] ?? counts[0], made = side === 1 ? to.at : line[0].first[to.at] ?? counts[1];
        const least = base + costs.least(p1 - p0, o1 - o0);
        if (least >= best[side][to.at]! || least + costs.least(counts[0] - read, counts[1] - made) >= costs.limit) continue;
        const total = base + costs.of(shapeOf(line, extent, regular), () => restrict(line, extent.pixels, extent.outputs));
        if (total < best[side][to.at]!) {
          best[side][to.at] = total;
          back[side][to.at] = { from, extent };
        }
      }
    }
  }
  let at: Node = best[0][counts[0]]! <= best[1][counts[1]]! ? { side: 0, at: counts[0] } : { side: 1, at: counts[1] };
  if (best[at.side][at.at]! >= costs.limit) return undefined;
  const strips: Strip[] = [];
  while (at.at > 0) {
    const { from, extent }: { from: Node; extent: Extent } = back[at.side][at.at]!;
    strips.push({ line: restrict(line, extent.pixels, extent.outputs), shape: shapeOf(line, extent, regular) });
    at = from;
  }
  return strips.reverse();
}
