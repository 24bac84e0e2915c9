// Networks repeat their layers, and the best mapping of a layer takes a search: each distinct layer is mapped once.

import type { Problem } from "./placement.ts";

/** Wraps a function of a problem so that equal problems are worked out once, for as long as the wrapper lives. */
export function remember<Result>(work: (problem: Problem) => Result): (problem: Problem) => Result {
  const known = new Map<string, Result>();
  return (problem) => {
    const key = JSON.stringify(problem), before = known.get(key);
    if (before !== undefined) return before;
    const result = work(problem);
    known.set(key, result);
    return result;
  };
}
