// What a crossbar's wires are: resistances, driven ends and how cells share lines; checked once, with the field named.

import { OptionError, ShapeError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import type { Tensor } from "../../tensor.ts";

/** End of a line that is connected to the periphery; the other end is open. */
export type LineEnd = "first" | "last";

/** Resistances of a crossbar's lines, in ohms; 0 is a perfect conductor. */
export interface WireOptions {
  /** Resistance of a word line's segment: between two cells, and between the connected end and its first cell. */
  readonly wordLine: number;
  /** Resistance of a bit line's segment: between two cells, and between the connected end and its last cell. */
  readonly bitLine: number;
  /** Resistance of each driver, in series with the word line. Default 0. */
  readonly source?: number;
  /** Resistance of each sensing circuit, in series with the bit line. Default 0. */
  readonly terminal?: number;
  /** Column end at which word lines are driven. Default "first". */
  readonly driven?: LineEnd;
  /** Row end at which bit lines are held at 0 V and their currents read. Default "last". */
  readonly sensed?: LineEnd;
  /** Rows 2k and 2k + 1 meet a bit line in one node: positive and negative cells of one weight, driven by x and −x. Default false. */
  readonly interleaved?: boolean;
}

/** Cell conductances in siemens, [rows, columns]. */
export type Conductances = Tensor<Float64Array | Float32Array>;

const ACTION = "solve the wires of a crossbar";
const NAMES = ["wordLine", "bitLine", "source", "terminal", "driven", "sensed", "interleaved"] as const;

/** Wires with their defaults filled in. */
export type Wires = Required<WireOptions>;

/**
 * Fills in defaults and refuses what is unknown or out of range.
 *
 * @throws {OptionError} naming the field.
 */
export function checkWires(options: WireOptions, where = "wires"): Wires {
  checkOptions(ACTION, where, options, NAMES);
  const { wordLine, bitLine, source = 0, terminal = 0, driven = "first", sensed = "last", interleaved = false } = options;
  for (const [name, value] of Object.entries({ wordLine, bitLine, source, terminal })) {
    if (typeof value !== "number" || !(value >= 0) || !Number.isFinite(value) || (value > 0 && !Number.isFinite(1 / value))) {
      throw new OptionError(ACTION, { where: `${where}.${name}`, got: value ?? "nothing", wanted: "a finite resistance of at least 0 Ω" });
    }
  }
  for (const [name, value] of Object.entries({ driven, sensed })) {
    if (value !== "first" && value !== "last") {
      throw new OptionError(ACTION, { where: `${where}.${name}`, got: value, wanted: `"first" or "last"` });
    }
  }
  if (typeof interleaved !== "boolean") {
    throw new OptionError(ACTION, { where: `${where}.interleaved`, got: interleaved, wanted: "true or false" });
  }
  return { wordLine, bitLine, source, terminal, driven, sensed, interleaved };
}

/**
 * Checks cell conductances against the wires they hang on.
 *
 * @throws {ShapeError} if they are not a non-empty matrix, or an interleaved array has an odd number of rows.
 * @throws {OptionError} if a conductance is negative or not finite.
 */
export function checkConductances({ shape, data }: Conductances, { interleaved }: Wires): void {
  const [rows = 0, columns = 0] = shape;
  if (shape.length !== 2 || !(rows >= 1) || !(columns >= 1) || rows * columns !== data.length) {
    throw new ShapeError(ACTION, { where: "conductances", got: `${data.length} values as [${shape}]`, wanted: "a matrix [rows, columns]" });
  }
  if (interleaved && rows % 2 !== 0) {
    throw new ShapeError(ACTION, { where: "conductances", got: `${rows} rows`, wanted: "an even number, as rows are interleaved" });
  }
  const bad = data.findIndex((value) => !(value >= 0 && value < Infinity));
  if (bad < 0) return;
  const where = `conductances[${Math.floor(bad / columns)}, ${bad % columns}]`;
  throw new OptionError(ACTION, { where, got: data[bad], wanted: "a finite conductance of at least 0 S" });
}

/**
 * Checks the voltages that drive the word lines.
 *
 * @returns The number of right-hand sides.
 * @throws {ShapeError} if they are not [batch, rows].
 * @throws {OptionError} if a voltage is not finite.
 */
export function checkVoltages({ shape, data }: Tensor<Float64Array | Float32Array>, rows: number): number {
  const [batch = 0, length = 0] = shape;
  if (shape.length !== 2 || length !== rows || batch * rows !== data.length) {
    throw new ShapeError(ACTION, { where: "voltages", got: `[${shape}]`, wanted: `[batch, ${rows}]` });
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return batch;
  throw new OptionError(ACTION, {
    where: `voltages[${Math.floor(bad / rows)}, ${bad % rows}]`,
    got: data[bad],
    wanted: "a finite voltage",
  });
}
