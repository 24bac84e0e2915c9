// Mixed streaming: a stream cut now at pixels, now at outputs, so that neither rows nor columns carry a whole border.

import { lowerBound } from "../bound.ts";
import type { Mapping, Problem } from "../placement.ts";
import { streamMapping } from "./stream_search.ts";

/**
 * As {@linkcode rowStreamMapping}, each cut being either of pixels (all taps of the pixels before it are done) or of outputs (all taps of
 * the outputs before it are). Between a cut of one kind and one of the other, rows and columns grow alike; between two of one kind, one of
 * them carries the border of a whole kernel. Slower to search than either single kind and never worse for the same strips.
 *
 * `detail` and result as there.
 */
export function mixedStreamMapping(problem: Problem): Mapping | undefined {
  return streamMapping(problem, { method: "mixed-stream", moves: "mixed", bound: lowerBound(problem).cycles });
}
