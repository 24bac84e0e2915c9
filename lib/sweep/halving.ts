// Successive halving: who goes on to the next budget follows from results alone, so that a resumed sweep chooses alike.

import { OptionError } from "../errors.ts";
import type { Json } from "../device/device.ts";
import type { FixedSpace } from "./space.ts";

/** What grows from rung to rung. */
export interface Budget {
  /** Name of the coordinate: images, epochs, draws. */
  readonly name: string;
  /** Budget of the first rung. */
  readonly least: number;
  /** Budget of the last rung. */
  readonly most: number;
  /** Whole numbers only; default true. */
  readonly integer?: boolean;
}

/** Options of {@linkcode halvingSpace}. */
export interface HalvingOptions {
  /** What grows from rung to rung. */
  readonly budget: Budget;
  /** How much it grows by, and how many candidates compete for one place on the next rung; default 3. */
  readonly factor?: number;
  /** Number in the results by which candidates are ranked; dots lead into objects: `accuracy.crossbar`. */
  readonly metric: string;
  /** Which end of the metric is better. */
  readonly direction: "maximise" | "minimise";
}

/** Candidates that compete for a growing budget; see {@linkcode halvingSpace}. */
export interface HalvingSpace extends Required<HalvingOptions> {
  /** Which kind. */
  readonly kind: "halving";
  /** Points that compete. */
  readonly candidates: FixedSpace;
}

/** One round: how many candidates on which budget. */
export interface Rung {
  /** Budget of each. */
  readonly budget: number;
  /** Candidates. */
  readonly count: number;
}

/** All rungs for a number of candidates; the last has the full budget. */
export function rungs({ budget: { least, most, integer = true }, factor }: HalvingSpace, candidates: number): readonly Rung[] {
  const all: Rung[] = [];
  for (let rung = 0;; rung++) {
    const exact = least * factor ** rung, last = exact >= most * (1 - 1e-9);
    const count = Math.max(1, Math.floor(candidates / factor ** rung + 1e-9));
    all.push({ budget: last ? most : integer ? Math.round(exact) : exact, count });
    if (last) return all;
  }
}

/**
 * Candidates that go on, in their order in the space. Those without a result rank last, ties go to the earlier one.
 *
 * @param ranked Candidate and its result; undefined where its shard failed.
 * @throws {OptionError} if a result lacks the metric.
 */
export function promote(
  space: HalvingSpace,
  ranked: readonly { readonly candidate: number; readonly result: Json | undefined }[],
  places: number,
): readonly number[] {
  const sign = space.direction === "maximise" ? -1 : 1;
  const scores = ranked.filter(({ result }) => result !== undefined)
    .map(({ candidate, result }) => ({ candidate, score: sign * metricOf(result!, space.metric) }));
  scores.sort((one, other) => one.score - other.score || one.candidate - other.candidate);
  return scores.slice(0, places).map(({ candidate }) => candidate).sort((one, other) => one - other);
}

/** A number within a result. @throws {OptionError} if there is none by that name. */
export function metricOf(result: Json, metric: string): number {
  let value: unknown = result;
  for (const name of metric.split(".")) {
    value = typeof value === "object" && value !== null && Object.hasOwn(value, name)
      ? (value as Readonly<Record<string, unknown>>)[name]
      : undefined;
  }
  if (typeof value === "number") return value;
  throw new OptionError("rank the candidates", { where: "space.metric", got: `no number ${metric} in a result`, wanted: "a number" });
}
