// How far the arrays of one activation get in a stream: closed forms for the pixels and outputs that a run of elements touches.

import type { SideIndex } from "./line.ts";
import { type Piece, pieceOf, type Stream } from "./stream.ts";

/** Arrays that a step may take at most: this many more than the fewest that advance it at all. */
const MORE_TILES = 7;

/** Arrays that a step may take at most. */
export const MOST_TILES = 96;

/** A walk over the stream, reused by all steps. */
export interface Walk {
  readonly stream: Stream;
  /** Furthest element for 1, 2, … arrays, as many as a step says; −1 where not reached. */
  readonly reach: Float64Array;
  /** Piece of the last position, per side: positions ascend. */
  readonly hint: [number, number];
}

/**
 * Steps from a cut to a cut of the same side: elements of that side from `at` on, and everything they touch. For the side's own dimension
 * one tile, since a step of several is several steps.
 *
 * @returns Entries of `reach` that hold.
 */
export function reachSame({ stream, reach, hint }: Walk, side: SideIndex, at: number): number {
  const { pieces, offsets, channels, limits } = stream;
  const other = (1 - side) as SideIndex, own = channels[side], across = channels[other], limit = limits[other];
  const starts = offsets[side], start = Math.floor(at / own);
  const end = Math.min(at + limits[side], starts[pieces.length]! * own), last = Math.ceil(end / own) - 1;
  let index = hint[side] = pieceOf(starts, start, hint[side]);
  let most = MOST_TILES;
  for (let arrays = 1, before = 0; index < pieces.length; index++) {
    const piece = pieces[index]!, base = starts[index]!;
    const from = Math.max(start, base) - base, to = Math.min(last, starts[index + 1]! - 1) - base;
    const total = before + touchedFrom(piece, side, from, to);
    for (let low = from; total * across > arrays * limit; arrays++) {
      if (arrays >= most) return arrays - 1;
      let high = to;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((before + touchedFrom(piece, side, from, middle)) * across > arrays * limit) high = middle;
        else low = middle + 1;
      }
      const reached = (base + low) * own;
      reach[arrays] = reached > at ? reached : -1;
      if (reached > at && most === MOST_TILES) most = Math.min(MOST_TILES, arrays + MORE_TILES);
    }
    before = total;
    if (base + to === last) {
      reach[arrays] = end;
      return arrays;
    }
  }
  return 0;
}

/** Positions of the other side that local positions `from` … `to` of `side` touch, in closed form: runs ascend without gaps. */
function touchedFrom({ outer, inner }: Piece, side: SideIndex, from: number, to: number): number {
  const { first, last } = inner[side], across = outer[side], count = across.at.length;
  const height = outer[(1 - side) as SideIndex].at.length;
  const x0 = Math.floor(from / count), x = Math.floor(to / count);
  // Of the first column all from `top` down is touched, of the last all above `bottom`, of those between everything.
  const top = across.first[from - x0 * count]!, bottom = across.last[to - x * count]! + 1;
  if (x === x0) return (last[x]! - first[x]! + 1) * (bottom - top);
  if (x === x0 + 1) {
    const both = bottom >= top ? height : height - top + bottom;
    return (first[x]! - first[x0]!) * (height - top) + (last[x]! - last[x0]!) * bottom + (last[x0]! - first[x]! + 1) * both;
  }
  const after = first[x0 + 1]!, before = last[x - 1]!;
  return (before - after + 1) * height + (after - first[x0]!) * (height - top) + (last[x]! - before) * bottom;
}

/**
 * Steps from a cut of `side` to a cut of the other: elements of the other side that still have taps open, and of `side` those from `at` on
 * that they touch. The new cut must lie beyond everything that the elements before `at` touch, else taps would be done twice.
 *
 * @returns Entries of `reach` that hold.
 */
export function reachOther({ stream, reach, hint }: Walk, side: SideIndex, at: number): number {
  const { pieces, offsets, channels, limits } = stream;
  const other = (1 - side) as SideIndex, own = channels[side], across = channels[other], limit = limits[side];
  const starts = offsets[other], start = Math.floor(at / own), skip = at - start * own;
  let index = hint[side] = pieceOf(offsets[side], start, hint[side]);
  if (index >= pieces.length) return 0;
  const [opened, needed] = openings(pieces[index]!, side, start - offsets[side][index]!, skip > 0);
  const least = (starts[index]! + needed) * across, room = Math.ceil(limits[other] / across);
  let low = opened, most = MOST_TILES;
  for (let arrays = 1, before = 0, made = 0; index < pieces.length; index++, low = 0) {
    const piece = pieces[index]!, base = starts[index]!;
    const cut = Math.max(start - offsets[side][index]!, 0), later = offsets[side][index]! > start;
    const open = openFrom(piece, side, cut, later ? 0 : skip, own);
    let to = starts[index + 1]! - 1 - base;
    if (made + open.made(to) > room) {
      let from = low;
      while (from < to) {
        const middle = (from + to) >> 1;
        if (made + open.made(middle) >= room) to = middle;
        else from = middle + 1;
      }
    }
    const total = before + open.read(to);
    for (; total > arrays * limit; arrays++) {
      if (arrays >= most) return arrays - 1;
      let high = to;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (before + open.read(middle) > arrays * limit) high = middle;
        else low = middle + 1;
      }
      const reached = (base + low) * across;
      reach[arrays] = reached >= least ? reached : -1;
      if (reached >= least && most === MOST_TILES) most = Math.min(MOST_TILES, arrays + MORE_TILES);
    }
    before = total;
    made += open.made(to);
    if (made >= room || index === pieces.length - 1) {
      const reached = (base + to) * across + Math.min(across, limits[other] - (made - 1) * across);
      reach[arrays] = reached >= least ? reached : -1;
      return arrays;
    }
  }
  return 0;
}

/**
 * In a piece where `side` is done before local position `start` and `skip` elements of that: the positions of the other side up to a given
 * one that have open taps, and the open elements of `side` that they touch, in closed form.
 */
function openFrom({ outer, inner }: Piece, side: SideIndex, start: number, skip: number, own: number) {
  const other = (1 - side) as SideIndex;
  const count = outer[side].at.length, height = outer[other].at.length;
  const xs = Math.floor(start / count), ys = start - xs * count;
  const { last } = inner[other], across = outer[other].last;
  // Columns that end where the cut is have taps open only from row `top` on.
  const left = inner[side].first[xs]!, top = outer[side].first[ys]!;
  let ending = 0;
  while (left + ending < last.length && last[left + ending] === xs) ending++;
  return {
    made: (to: number): number => {
      const x = Math.floor(to / height), y = to - x * height, columns = x - left;
      return columns < ending
        ? columns * (height - top) + Math.max(0, y - top + 1)
        : ending * (height - top) + (columns - ending) * height + y + 1;
    },
    read: (to: number): number => {
      const x = Math.floor(to / height), depth = across[to - x * height]! + 1;
      const full = x > 0 ? last[x - 1]! : -1, end = last[x]!;
      if (full >= xs) return ((full + 1) * count - start + (end - full) * depth) * own - skip;
      if (end < xs) return 0;
      const here = Math.max(0, depth - ys);
      return (here + (end - xs) * depth) * own - (here > 0 ? skip : 0);
    },
  };
}

/**
 * Of the other side, in a piece cut before local position `start` of `side` (within it, if `inside`): the first position that may have open
 * taps, and the least that a cut of the other side must reach.
 */
export function openings({ outer, inner }: Piece, side: SideIndex, start: number, inside: boolean): [first: number, least: number] {
  const height = outer[side].at.length, otherHeight = outer[(1 - side) as SideIndex].at.length;
  const first = inner[side].first[Math.floor(start / height)]! * otherHeight;
  const done = inside ? start : start - 1;
  if (done < 0) return [first, 0];
  const along = Math.floor(done / height), last = inner[side].last[along]!;
  // Of two neighbours along the strip that touch equally far, the earlier is done in all its height.
  const aside = along > 0 && inner[side].last[along - 1] === last ? height - 1 : done - along * height;
  return [first, last * otherHeight + outer[side].last[aside]! + 1];
}
