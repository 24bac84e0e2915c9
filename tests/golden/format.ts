// What a format of golden files is: it recognises its files by their content and turns each into a case that any backend can run.

import type { Tensor, TypedArray } from "../../lib/tensor.ts";
import type { Backend } from "../../lib/simulate/backend.ts";

/** A file as read, before anybody knows what it is. */
export interface GoldenFile {
  readonly path: string;
  /** File name without folder and extension. */
  readonly stem: string;
  /** Content of a .json file. */
  readonly json?: unknown;
  /** Arrays of a .npz file. */
  readonly arrays?: Readonly<Record<string, Tensor<TypedArray>>>;
}

/** One golden result, made ready to be compared. */
export interface GoldenCase {
  readonly name: string;
  /** Largest error that passes. */
  readonly limit: number;
  /** False where nothing is simulated: such a case runs once, whatever backends there are. Default true. */
  readonly needsBackend?: boolean;
  /** Rows to show instead of the case as a whole, whose error is the worst of theirs in units of their limits. */
  readonly parts?: readonly GoldenCase[];
  /** Runs the case and returns its error: max|got − wanted| / max|wanted|. */
  run(backend: Backend): Promise<number>;
}

/** A family of golden files. */
export interface Format {
  readonly name: string;
  /** Whether a file is of this format. */
  matches(file: GoldenFile): boolean;
  /** @throws {NotCovered} if the file asks for something this version does not do; any other error means a bad file. */
  open(file: GoldenFile): GoldenCase;
}

/** A known format asks for something this version does not simulate. */
export class NotCovered extends Error {
  /** @param reason What is missing. */
  constructor(reason: string) {
    super(reason);
    this.name = "NotCovered";
  }
}

/** max|got − wanted| / max|wanted|; infinite where something is not finite or lengths differ. */
export function relativeError(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (got.length !== wanted.length) return Infinity;
  let difference = 0, largest = 0;
  for (let at = 0; at < wanted.length; at++) {
    const miss = Math.abs(got[at]! - wanted[at]!);
    if (!Number.isFinite(miss)) return Infinity;
    difference = Math.max(difference, miss);
    largest = Math.max(largest, Math.abs(wanted[at]!));
  }
  return difference === 0 ? 0 : difference / largest;
}

/** Whether a value is a plain object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
