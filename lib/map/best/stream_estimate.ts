// What cutting a strip will cost, roughly and at once, so that a search tries the promising strips first.

import type { Line, SideIndex } from "./line.ts";
import type { Moves, Stream } from "./stream.ts";

/** Estimated cycles of a strip, as if its elements were divided evenly over activations that end anywhere. */
export function estimateStrip(outer: Line, inner: Line, { channels, limits }: Pick<Stream, "channels" | "limits">, moves: Moves): number {
  const along = (side: SideIndex): number => {
    const other = (1 - side) as SideIndex, height = outer[side].at.length, span = outer[other].at.length;
    const deep = runOf(outer, side), wide = runOf(inner, side);
    const dense = span / height, thick = inner[other].at.length / inner[side].at.length;
    const most = limits[side] / channels[side];
    let rate = 0;
    for (let arrays = Math.max(1, Math.ceil(deep * wide * channels[other] / limits[other])), tries = 0; tries < 8; arrays++, tries++) {
      const room = arrays * limits[other] / channels[other];
      const members = room < span * wide
        ? Math.min(height, 1 + Math.max(0, room / wide - deep) / dense)
        : height * (1 + Math.max(0, room / span - wide) / thick);
      rate = Math.max(rate, Math.min(members, most) / arrays);
      if (members >= most) break;
    }
    return height * inner[side].at.length / rate;
  };
  return moves === "rows" ? along(0) : moves === "columns" ? along(1) : Math.min(along(0), along(1));
}

/** Members of the other side that a member in the middle touches. */
function runOf(line: Line, side: SideIndex): number {
  const { first, last } = line[side], middle = first.length >> 1;
  return last[middle]! - first[middle]! + 1;
}
