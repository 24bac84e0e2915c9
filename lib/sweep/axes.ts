// What one coordinate of a sweep may be: a list, or a range that is drawn from. Plain data, so that a space can be hashed and sent elsewhere.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";

/** Value of one coordinate of a point. */
export type PointValue = string | number | boolean;

/** One configuration of a sweep: values by name of the axis. */
export type Point = Readonly<Record<string, PointValue>>;

/** A range of numbers. */
export interface RangeAxis {
  /** Lower end, inclusive. */
  readonly from: number;
  /** Upper end; inclusive in grids and for integers. */
  readonly to: number;
  /** Whether numbers are spread evenly or by equal ratios; default "linear". */
  readonly scale?: "linear" | "log";
  /** Whole numbers only; default false. */
  readonly integer?: boolean;
  /** In grids, where it has no default: how many values, ends included. */
  readonly steps?: number;
}

/** A list of values, or a range of numbers. */
export type Axis = readonly PointValue[] | RangeAxis;

/** Axes by name, in the order in which they vary. */
export type Axes = Readonly<Record<string, Axis>>;

const ACTION = "lay out the sweep";

/** Refuses axes that are not lists of distinct values or sound ranges. @throws {OptionError} naming the axis. */
export function checkAxes(axes: Axes, grid: boolean): void {
  if (typeof axes !== "object" || axes === null || Object.keys(axes).length === 0) {
    throw new OptionError(ACTION, { where: "space.axes", got: axes, wanted: "at least one axis by name" });
  }
  for (const [name, axis] of Object.entries(axes)) {
    const where = `space.axes.${name}`;
    if (Array.isArray(axis)) checkList(where, axis);
    else checkRange(where, axis as RangeAxis, grid);
  }
}

/** Value of an axis at a share of its length, 0 ≤ share < 1. */
export function valueAt(axis: Axis, share: number): PointValue {
  if (isList(axis)) return axis[Math.floor(share * axis.length)]!;
  const { from, to, scale = "linear", integer = false } = axis;
  const end = integer ? to + 1 : to;
  const value = scale === "log" ? from * (end / from) ** share : from + share * (end - from);
  return integer ? Math.min(to, Math.floor(value)) : Math.min(to, Math.max(from, value));
}

/** All values of an axis of a grid. */
export function gridValues(axis: Axis): readonly PointValue[] {
  if (isList(axis)) return axis;
  const { from, to, scale = "linear", integer = false, steps = 1 } = axis, values = new Set<number>();
  for (let step = 0; step < steps; step++) {
    const share = steps === 1 ? 0 : step / (steps - 1);
    const value = step === steps - 1 && steps > 1 ? to : scale === "log" ? from * (to / from) ** share : from + share * (to - from);
    values.add(integer ? Math.round(value) : value);
  }
  return [...values];
}

function isList(axis: Axis): axis is readonly PointValue[] {
  return Array.isArray(axis);
}

function checkList(where: string, values: readonly unknown[]): void {
  const wanted = "a list of distinct strings, finite numbers and booleans";
  if (values.length === 0 || new Set(values).size < values.length) throw new OptionError(ACTION, { where, got: values, wanted });
  for (const value of values) {
    if (typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) continue;
    throw new OptionError(ACTION, { where, got: value, wanted });
  }
}

function checkRange(where: string, axis: RangeAxis, grid: boolean): void {
  checkOptions(ACTION, where, axis, ["from", "to", "scale", "integer", "steps"]);
  const { from, to, scale = "linear", integer = false, steps } = axis;
  if (!["linear", "log"].includes(scale)) throw new OptionError(ACTION, { where: `${where}.scale`, got: scale, wanted: "linear or log" });
  if (typeof integer !== "boolean") throw new OptionError(ACTION, { where: `${where}.integer`, got: integer, wanted: "true or false" });
  for (const [end, value] of Object.entries({ from, to })) {
    const sound = Number.isFinite(value) && (!integer || Number.isInteger(value)) && (scale === "linear" || value > 0);
    if (sound) continue;
    const wanted = `${integer ? "an integer" : "a finite number"}${scale === "log" ? " above 0" : ""}`;
    throw new OptionError(ACTION, { where: `${where}.${end}`, got: value, wanted });
  }
  if (to < from) throw new OptionError(ACTION, { where: `${where}.to`, got: to, wanted: `at least ${from}` });
  if (grid ? Number.isInteger(steps) && steps! >= 1 : steps === undefined) return;
  throw new OptionError(ACTION, { where: `${where}.steps`, got: steps, wanted: grid ? "a positive integer" : "none: points are drawn" });
}
