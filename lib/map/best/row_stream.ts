// Row streaming: pixels are cut at the array's height instead of at window borders, so that nearly every activation has all its rows.

import { lowerBound } from "../bound.ts";
import type { Mapping, Problem } from "../placement.ts";
import { streamMapping } from "./stream_search.ts";

/**
 * The image is cut into strips along one axis, each either the pixels that some lines of outputs read (gather) or some lines of pixels with
 * all outputs they touch (scatter), of equal or unequal height. Along the strips (pixel × channel) elements follow each other, strip after
 * strip, and are cut wherever the rows or the columns of an array are used up: for the order given the cuts are optimal. An activation that
 * spans two strips holds them as blocks. Padding takes no rows, nor do pixels that no output reads; each residue class of a dilation and
 * each group of channels is a strip of its own, so a depthwise layer streams channel after channel.
 *
 * `detail`: `across` the axis that is cut into strips, `strips` their kind and height, `joined` whether activations span strips.
 *
 * @returns Nothing if there is nothing to do or a strip needs more arrays at once than are considered.
 */
export function rowStreamMapping(problem: Problem): Mapping | undefined {
  return streamMapping(problem, { method: "row-stream", moves: "rows", bound: lowerBound(problem).cycles });
}
