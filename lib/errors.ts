// One small family of errors, so that a caller can tell a wrong option from a broken file without reading prose.

/** What an error can say beyond what was being attempted. */
export interface ErrorDetails {
  /** Path to the offending thing: a layer, an option such as `simulate.adc.bits`, a file. */
  readonly where?: string;
  /** What was found. */
  readonly got?: unknown;
  /** What would have been accepted. */
  readonly wanted?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The lower-level error behind this one. */
  readonly cause?: unknown;
}

/**
 * Base of every error Bitline throws on purpose. The message reads `Cannot <action> (<where>): got <got>, wanted <wanted>. <hint>`.
 *
 * @example
 * ```ts
 * import { BitlineError, OptionError } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const error = new OptionError("map the network", { where: "map.rows", got: 0, wanted: "an integer of at least 1" });
 * assert(error instanceof BitlineError);
 * assert(error.message.includes("map.rows"));
 * ```
 */
export class BitlineError extends Error {
  /** Path to the offending thing, if known. */
  readonly where: string | undefined;
  /** What was found, if known. */
  readonly got: unknown;
  /** What would have been accepted, if known. */
  readonly wanted: string | undefined;

  /** Builds the message from what was attempted and the details. */
  constructor(action: string, details: ErrorDetails = {}) {
    super(message(action, details), { cause: details.cause });
    this.name = new.target.name;
    this.where = details.where;
    this.got = details.got;
    this.wanted = details.wanted;
  }
}

/** An option has a value outside its range, of the wrong type, or a name nobody knows. */
export class OptionError extends BitlineError {}
/** Shapes of tensors or layers do not fit together. */
export class ShapeError extends BitlineError {}
/** A network graph is malformed: unknown inputs, cycles, missing parameters. */
export class GraphError extends BitlineError {}
/** A file is missing, truncated, corrupted, or cannot be written. */
export class FileError extends BitlineError {}
/** A data set cannot be fetched, or what was fetched is not what it should be. */
export class DataError extends BitlineError {}
/** A layer cannot be placed on the arrays asked for. */
export class MappingError extends BitlineError {}
/** No backend, adapter or thread pool can do the work, or a device was lost while doing it. */
export class DeviceError extends BitlineError {}
/** A number left the range in which results are exact or finite. */
export class NumericError extends BitlineError {}

function message(action: string, { where, got, wanted, hint }: ErrorDetails): string {
  const facts = [
    got === undefined ? undefined : `got ${show(got)}`,
    wanted === undefined ? undefined : `wanted ${wanted}`,
  ].filter((fact) => fact !== undefined).join(", ");
  const head = `Cannot ${action}${where === undefined ? "" : ` (${where})`}`;
  const body = facts === "" ? head : `${head}: ${facts}`;
  return hint === undefined ? body : `${body}. ${hint}`;
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return `[${Array.from(value as ArrayLike<unknown>).slice(0, 8).map(show).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  return String(value);
}
