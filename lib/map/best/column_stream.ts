// Column streaming, the dual of row streaming: outputs are cut at the array's width.

import { lowerBound } from "../bound.ts";
import type { Mapping, Problem } from "../placement.ts";
import { streamMapping } from "./stream_search.ts";

/**
 * As {@linkcode rowStreamMapping}, with (output × channel) elements following each other along the strips, each activation holding all
 * pixels of the strip that its outputs read.
 *
 * `detail` and result as there.
 */
export function columnStreamMapping(problem: Problem): Mapping | undefined {
  return streamMapping(problem, { method: "column-stream", moves: "columns", bound: lowerBound(problem).cycles });
}
