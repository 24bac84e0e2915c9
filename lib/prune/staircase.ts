// Where a count of cycles steps: cycles grow with channels in stairs, and only the right edge of each stair is worth keeping.

/**
 * The largest argument of every stair of a function that does not decrease: all n from `low` to `high` with f(n) < f(n + 1), and `high`.
 * Asks f about log₂(length) times per stair. Where f does decrease somewhere, some stairs may be missed.
 *
 * @example
 * ```ts
 * import { stairs } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(stairs((channels) => Math.ceil(channels / 12), 1, 40), [12, 24, 36, 40]);
 * ```
 */
export function stairs(f: (n: number) => number, low: number, high: number): number[] {
  const found: number[] = [];
  const split = (from: number, to: number, left: number, right: number): void => {
    if (left === right) return;
    if (to - from === 1) {
      if (left < right) found.push(from);
      return;
    }
    const middle = (from + to) >> 1, value = f(middle);
    split(from, middle, left, value);
    split(middle, to, value, right);
  };
  if (low < high) split(low, high, f(low), f(high));
  return [...found, high];
}
