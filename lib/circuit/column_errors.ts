// Static errors of the converters behind the columns of one chip: gain, offset and integral non-linearity, drawn once by counter.

import { hash, normal } from "../random.ts";

/** Standard deviations of column errors over the columns of a chip. */
export interface ColumnSpread {
  /** Of each column's gain about 1. Default 0. */
  readonly gain?: number;
  /** Of each column's offset, in steps of the converter. Default 0. */
  readonly offset?: number;
  /** Of each column's integral non-linearity at mid-scale, in steps: a random walk over the codes that returns to 0 at both ends. Default 0. */
  readonly inl?: number;
}

/** Errors of one column's converter. */
export interface ColumnErrors {
  /** Factor of the sum before conversion. */
  readonly gain: number;
  /** Added to the sum, in steps. */
  readonly offset: number;
  /** `[levels − 1]`: how far each threshold lies from its ideal place, in steps; absent without non-linearity. */
  readonly inl?: Float64Array;
}

/**
 * Errors of one column.
 *
 * @param key Seed of the chip and any counters: layer, array …
 * @param column Physical column.
 * @param levels Codes of the converter.
 *
 * @example
 * ```ts
 * import { columnErrors } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(columnErrors({}, [1, 0], 5, 64), { gain: 1, offset: 0 });
 * assertEquals(columnErrors({ offset: 0.5 }, [1, 0], 5, 64), columnErrors({ offset: 0.5 }, [1, 0], 5, 64));
 * ```
 */
export function columnErrors(spread: ColumnSpread, key: readonly number[], column: number, levels: number): ColumnErrors {
  const { gain = 0, offset = 0, inl = 0 } = spread, seed = hash(key[0] ?? 0, ...key.slice(1), column);
  const errors = { gain: gain === 0 ? 1 : 1 + gain * normal(seed, 0), offset: offset === 0 ? 0 : offset * normal(seed, 1) };
  if (inl === 0 || levels < 3) return errors;
  const count = levels - 1, walk = new Float64Array(count + 1);
  for (let at = 1; at <= count; at++) walk[at] = walk[at - 1]! + normal(seed, 2, at);
  // A bridge of n steps of deviation 1 has √n / 2 in the middle.
  const scale = 2 * inl / Math.sqrt(count), curve = new Float64Array(count);
  for (let at = 0; at < count; at++) curve[at] = scale * (walk[at]! - walk[count]! * at / count);
  return { ...errors, inl: curve };
}
