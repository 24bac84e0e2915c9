// The file of an exploration: one JSON object a line, appended as soon as a point is done, so that a killed exploration goes on where it was.

import { FileError } from "../errors.ts";
import type { DesignConfiguration } from "./axes.ts";
import type { DesignFigures } from "./figures.ts";

/** A line of the file: a point that is done. */
export interface PointRecord {
  /** Hash of everything the point depends on. */
  readonly key: string;
  /** Hash of what its accuracy depends on, which points of different hardware share. */
  readonly simulation: string;
  /** The point. */
  readonly configuration: DesignConfiguration;
  /** Its figures. */
  readonly figures: DesignFigures;
}

/** A line of the file: accuracy of the network without arrays. */
export interface BaselineRecord {
  /** Hash of network, images and quantisation. */
  readonly baseline: string;
  /** Share classified correctly. */
  readonly accuracy: number;
}

/** What a file held, by key. */
export interface Records {
  /** Points by key. */
  readonly points: Map<string, PointRecord>;
  /** Accuracies by the key of their simulation. */
  readonly accuracies: Map<string, number>;
  /** Baselines by key. */
  readonly baselines: Map<string, number>;
}

const ACTION = "read the exploration";

/**
 * Reads a file of records; none if there is no such file. A last line that was cut off while it was written is removed from the file.
 *
 * @throws {FileError} if the file cannot be read or written, or another line is no record.
 */
export async function readRecords(path: string): Promise<Records> {
  const records: Records = { points: new Map(), accuracies: new Map(), baselines: new Map() };
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return records;
    throw new FileError(ACTION, { where: path, got: String(cause), cause });
  }
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  for (const [index, line] of whole.split("\n").entries()) if (line !== "") take(records, line, `${path}, line ${index + 1}`);
  if (whole.length < text.length) await written(path, () => Deno.truncate(path, new TextEncoder().encode(whole).length));
  return records;
}

/** Appends lines. @throws {FileError} if the file cannot be written. */
export async function appendRecords(path: string, lines: readonly (PointRecord | BaselineRecord)[]): Promise<void> {
  const text = lines.map((line) => JSON.stringify(line) + "\n").join("");
  await written(path, () => Deno.writeTextFile(path, text, { append: true }));
}

function take({ points, accuracies, baselines }: Records, line: string, where: string): void {
  let record: Partial<PointRecord & BaselineRecord>;
  try {
    record = JSON.parse(line);
  } catch (cause) {
    throw new FileError(ACTION, { where, got: "no JSON", wanted: "a line as an exploration wrote it", cause });
  }
  const { key, simulation, configuration, figures, baseline, accuracy } = record ?? {};
  if (typeof baseline === "string" && typeof accuracy === "number") return void baselines.set(baseline, accuracy);
  if (typeof key !== "string" || typeof simulation !== "string" || configuration === undefined || figures === undefined) {
    throw new FileError(ACTION, { where, got: "another object", wanted: "a line as an exploration wrote it" });
  }
  points.set(key, { key, simulation, configuration, figures });
  if (figures.accuracy !== undefined) accuracies.set(simulation, figures.accuracy);
}

async function written(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw new FileError("write the exploration", { where: path, got: String(cause), hint: "Check that its folder can be written", cause });
  }
}
