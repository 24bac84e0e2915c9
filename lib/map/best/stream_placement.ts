// Turns the steps of a stream into patterns: activations that look alike from their origins share one.

import type { Pattern, Placement, Problem } from "../placement.ts";
import type { SideIndex } from "./line.ts";
import { type Piece, pieceOf, type Step, type Stream } from "./stream.ts";
import { openings } from "./stream_reach.ts";

/** Channels `low` … `high` − 1 of one position of a piece. */
interface Run {
  readonly piece: number;
  readonly position: number;
  readonly low: number;
  readonly high: number;
}

/** Builds the placement of streams whose outer axis is `outerAxis` (0: strips follow each other downwards, 1: rightwards). */
export function streamPlacement(
  problem: Problem,
  streams: readonly { readonly stream: Stream; readonly steps: readonly Step[] }[],
  outerAxis: 0 | 1,
): Placement {
  const found = new Map<number, { pattern: Pattern; origins: number[] }[]>();
  const all: { pattern: Pattern; origins: number[] }[] = [];
  const add = (stream: Stream, step: Step): void => {
    const [rows, columns] = runsOf(stream, step);
    const { pattern, y, x } = patternOf(problem, stream, rows, columns, outerAxis);
    const key = fingerprint(pattern);
    const alike = found.get(key) ?? [];
    if (alike.length === 0) found.set(key, alike);
    let known = alike.find((other) => equal(other.pattern, pattern));
    if (known === undefined) {
      known = { pattern, origins: [] };
      alike.push(known);
      all.push(known);
    }
    known.origins.push(y, x);
  };
  for (const { stream, steps } of streams) for (const step of steps) add(stream, step);
  return {
    geometry: problem.geometry,
    rows: problem.rows,
    columns: problem.columns,
    skipsIdle: true,
    patterns: all.map(({ pattern, origins }) => ({ ...pattern, origins: Int32Array.from(origins) })),
  };
}

/** Pixel elements and output elements of a step. */
function runsOf(stream: Stream, { from, to }: Step): [rows: Run[], columns: Run[]] {
  const side = from.side, other = (1 - side) as SideIndex;
  const { pieces, offsets, channels } = stream;
  if (to.side === side) {
    const own = elements(stream, side, from.at, to.at);
    const touched: Run[] = [];
    let piece = -1, seen = new Set<number>();
    for (const run of own) {
      if (run.piece !== piece) [piece, seen] = [run.piece, new Set()];
      for (const position of neighbours(pieces[piece]!, side, run.position)) {
        if (seen.has(position)) continue;
        seen.add(position);
        touched.push({ piece, position, low: 0, high: channels[other] });
      }
    }
    return side === 0 ? [own, touched] : [touched, own];
  }
  const start = Math.floor(from.at / channels[side]), skip = from.at - start * channels[side];
  const first = pieceOf(offsets[side], start, 0);
  const [open] = openings(pieces[first]!, side, start - offsets[side][first]!, skip > 0);
  const made: Run[] = [], read: Run[] = [];
  let piece = -1, seen = new Set<number>();
  for (const run of elements(stream, other, (offsets[other][first]! + open) * channels[other], to.at)) {
    if (run.piece !== piece) [piece, seen] = [run.piece, new Set()];
    let touches = false;
    for (const position of neighbours(pieces[piece]!, other, run.position)) {
      const at = offsets[side][piece]! + position;
      if (at < start) continue;
      touches = true;
      if (seen.has(position)) continue;
      seen.add(position);
      read.push({ piece, position, low: at === start ? skip : 0, high: channels[side] });
    }
    if (touches) made.push(run);
  }
  return side === 0 ? [read, made] : [made, read];
}

function elements({ offsets, channels }: Stream, side: SideIndex, from: number, to: number): Run[] {
  const runs: Run[] = [], count = channels[side];
  let piece = 0;
  for (let at = from; at < to;) {
    const place = Math.floor(at / count), low = at - place * count, high = Math.min(count, low + to - at);
    piece = pieceOf(offsets[side], place, piece);
    runs.push({ piece, position: place - offsets[side][piece]!, low, high });
    at += high - low;
  }
  return runs;
}

/** Local positions of the other side that a local position of `side` touches. */
function neighbours({ outer, inner }: Piece, side: SideIndex, position: number): number[] {
  const other = (1 - side) as SideIndex;
  const height = outer[side].at.length, otherHeight = outer[other].at.length;
  const along = Math.floor(position / height), aside = position - along * height;
  const all: number[] = [];
  for (let x = inner[side].first[along]!; x <= inner[side].last[along]!; x++) {
    for (let y = outer[side].first[aside]!; y <= outer[side].last[aside]!; y++) all.push(x * otherHeight + y);
  }
  return all;
}

function patternOf({ geometry, rows: height, columns: width }: Problem, stream: Stream, rows: Run[], columns: Run[], outerAxis: 0 | 1) {
  const { stride, padding } = geometry;
  const place = (side: SideIndex, run: Run): readonly [y: number, x: number] => {
    const { outer, inner } = stream.pieces[run.piece]!;
    const along = Math.floor(run.position / outer[side].at.length);
    const across = outer[side].at[run.position - along * outer[side].at.length]!;
    return outerAxis === 0 ? [across, inner[side].at[along]!] : [inner[side].at[along]!, across];
  };
  const [y, x] = place(1, columns[0]!);
  const first = rows.reduce((least, { piece }) => Math.min(least, piece), Infinity);
  const several = rows.some(({ piece }) => piece !== first);
  const expand = (side: SideIndex, runs: Run[]) => {
    const count = runs.reduce((sum, { low, high }) => sum + high - low, 0);
    const entries = new Int32Array(3 * count), blocks = new Uint16Array(several ? count : 0);
    let at = 0;
    for (const run of runs) {
      const [v, h] = place(side, run);
      const dy = side === 1 ? v - y : v + padding[0] - y * stride[0], dx = side === 1 ? h - x : h + padding[1] - x * stride[1];
      const base = stream.pieces[run.piece]!.group * stream.channels[side];
      for (let channel = run.low; channel < run.high; channel++, at++) {
        entries[3 * at] = dy;
        entries[3 * at + 1] = dx;
        entries[3 * at + 2] = base + channel;
        if (several) blocks[at] = run.piece - first;
      }
    }
    return { entries, blocks };
  };
  const read = expand(0, rows), made = expand(1, columns);
  const pattern: Pattern = {
    rows: read.entries,
    columns: made.entries,
    rowTiles: tiles(read.entries.length / 3, height),
    columnTiles: tiles(made.entries.length / 3, width),
    ...(several ? { blocks: { rows: read.blocks, columns: made.blocks } } : {}),
    origins: new Int32Array(0),
  };
  return { pattern, y, x };
}

function tiles(count: number, size: number): number[] {
  return Array.from({ length: Math.ceil(count / size) + 1 }, (_, tile) => Math.min(tile * size, count));
}

function fingerprint({ rows, columns, blocks }: Pattern): number {
  let key = rows.length * 31 + columns.length;
  for (const values of [rows, columns, blocks?.rows, blocks?.columns]) {
    if (values !== undefined) { for (const value of values) key = Math.imul(key ^ value, 0x01000193) + (key >>> 13); }
  }
  return key;
}

function equal(a: Pattern, b: Pattern): boolean {
  const same = (p: ArrayLike<number> | undefined, q: ArrayLike<number> | undefined): boolean => {
    if (p === undefined || q === undefined) return p === q;
    if (p.length !== q.length) return false;
    for (let at = 0; at < p.length; at++) if (p[at] !== q[at]) return false;
    return true;
  };
  return same(a.rows, b.rows) && same(a.columns, b.columns) && same(a.blocks?.rows, b.blocks?.rows) &&
    same(a.blocks?.columns, b.blocks?.columns);
}
