// Results of a sweep as JSON lines and as a table. Both depend on points and results alone, so that equal sweeps give equal text on any runner.

import { Table } from "@cliffy/table";
import type { Json } from "../device/device.ts";
import { OptionError } from "../errors.ts";
import type { Point, PointValue } from "./axes.ts";
import type { ShardError } from "./store.ts";

/** One finished shard. */
export interface SweepRow<R extends Json = Json> {
  /** Number of the shard. */
  readonly shard: number;
  /** Rung of successive halving, from 0; 0 in other spaces. */
  readonly rung: number;
  /** What was computed. */
  readonly point: Point;
  /** What the job returned. */
  readonly result: R;
  /** Attempts it took. */
  readonly attempt: number;
  /** Seconds the job ran. */
  readonly seconds: number;
}

/** What {@linkcode sweep} returns. */
export interface SweepResult<R extends Json = Json> {
  /** Hash of space, job and seed. */
  readonly hash: string;
  /** Folder of the sweep, absolute. */
  readonly folder: string;
  /** Finished shards, in order. */
  readonly rows: readonly SweepRow<R>[];
  /** Shards that were given up: their last errors. */
  readonly failed: readonly ShardError[];
  /** Shards that were done before this call. */
  readonly resumed: number;
  /** Failed attempts during this call. */
  readonly errors: number;
  /** Shards run again because their worker was lost. */
  readonly lost: number;
  /** Outcomes that came a second time and were dropped. */
  readonly duplicates: number;
  /** Seconds this call took. */
  readonly seconds: number;
}

/** Rows as JSON lines, one shard a line: `{"shard":0,"rung":0,"point":{…},"result":…}`. */
export function sweepLines(rows: readonly SweepRow[]): string {
  return rows.map(({ shard, rung, point, result }) => JSON.stringify({ shard, rung, point, result }) + "\n").join("");
}

/**
 * Rows as a text table: a column per axis, then one per number, text or truth value in the results.
 *
 * @param options `columns` to show by name, such as `adcBits` or `accuracy.crossbar`, default all; `digits` of numbers, default 5.
 * @throws {OptionError} if a column is in no row.
 *
 * @example
 * ```ts
 * import { sweepTable } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const rows = [{ shard: 0, rung: 0, point: { adcBits: 6 }, result: { accuracy: { crossbar: 0.85 } }, attempt: 1, seconds: 2 }];
 * assert(sweepTable(rows).includes("accuracy.crossbar"));
 * ```
 */
export function sweepTable(
  rows: readonly SweepRow[],
  options: { readonly columns?: readonly string[]; readonly digits?: number } = {},
): string {
  const cells = rows.map(({ point, result }) => new Map<string, PointValue | null>([...Object.entries(point), ...leaves(result, "")]));
  const known = new Set(cells.flatMap((row) => [...row.keys()])), columns = options.columns ?? [...known], { digits = 5 } = options;
  for (const column of columns) {
    if (known.has(column) || rows.length === 0) continue;
    throw new OptionError("draw the table of a sweep", { where: "columns", got: column, wanted: [...known].join(", ") });
  }
  const show = (value: PointValue | null | undefined) =>
    typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(digits))) : String(value ?? "");
  return new Table().header(columns).body(cells.map((row) => columns.map((column) => show(row.get(column))))).border().toString();
}

/** Scalars within a result, by dotted name; lists are left out. */
function leaves(value: Json, path: string): readonly (readonly [string, PointValue | null])[] {
  if (typeof value !== "object" || value === null) return [[path === "" ? "result" : path, value]];
  if (Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, part]) => leaves(part, path === "" ? name : `${path}.${name}`));
}
