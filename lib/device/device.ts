// What a cell model is: what becomes of a wanted conductance when it is written, while it waits, and each time it is read.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";

/**
 * Random number of the cell and stage at hand: "normal" has mean 0 and deviation 1, "uniform" lies in [0, 1), and "fault" is uniform too but
 * belongs to the cell alone, so that every stage sees the same fault. Asking twice gives the same number.
 */
export type Draw = (kind: "normal" | "uniform" | "fault") => number;

/** A JSON-able value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A device as data: its model and every option, defaults filled in; {@linkcode device} builds it again. */
export interface DeviceDescription {
  /** Name of the model, as in {@linkcode DEVICE_MODELS}. */
  readonly model: string;
  /** Options of the model. */
  readonly [option: string]: Json;
}

/**
 * A cell model on normalised conductances g = G/G_max, from {@linkcode Device.gMin} to 1. A stage that is absent changes nothing.
 *
 * Stages are plain functions of one cell; {@linkcode programArray}, {@linkcode driftArray} and {@linkcode readArray} run them over arrays.
 */
export interface Device {
  /** Name of the model. */
  readonly name: string;
  /** Everything needed to build the device again. */
  readonly description: DeviceDescription;
  /** Conductance of the lowest state over that of the highest, the inverse of the on/off ratio; 0 for an infinite one. */
  readonly gMin: number;
  /** Conductance of the highest state in µS (nA at the fixed read voltage where a model is given in currents); absent if the model has no scale. */
  readonly gMax?: number;
  /** Writes a target once; the result is what the cell holds right after programming. */
  readonly program?: (target: number, draw: Draw) => number;
  /** Conductance at a time after programming in s, read noise aside; for 0 s `programmed`, if not said otherwise. */
  readonly drift?: (programmed: number, target: number, seconds: number, draw: Draw) => number;
  /** One reading of a cell that has conductance g at `seconds` after programming, when it had `programmed`. */
  readonly read?: (g: number, programmed: number, seconds: number, draw: Draw) => number;
}

/** On/off ratio of a cell: a number above 1, or "infinite" (the lowest state conducts nothing). */
export type OnOff = number | "infinite";

/** What is attempted, in messages of this folder. */
export const ACTION = "set up the device";

/**
 * A number from a device's options.
 *
 * @param where Path of the options in messages.
 * @param range Limits, included unless `above`, which excludes the lower one.
 * @throws {OptionError} if the value is no number in the range.
 */
export function readNumber(
  options: object,
  name: string,
  fallback: number,
  where: string,
  { min = -Infinity, max = Infinity, above = false }: { readonly min?: number; readonly max?: number; readonly above?: boolean } = {},
): number {
  const { [name]: value = fallback } = options as Record<string, unknown>;
  if (typeof value === "number" && Number.isFinite(value) && (above ? value > min : value >= min) && value <= max) return value;
  const low = min === -Infinity ? [] : [above ? `above ${min}` : `of at least ${min}`];
  const high = max === Infinity ? [] : [`of at most ${max}`];
  throw new OptionError(ACTION, {
    where: `${where}.${name}`,
    got: Number.isNaN(value) && Number.isNaN(fallback) ? "nothing" : value,
    wanted: ["a number", [...low, ...high].join(" and ")].join(" ").trim(),
  });
}

/**
 * The on/off ratio in a device's options, as the normalised conductance of the lowest state.
 *
 * @throws {OptionError} if it is neither a number above 1 nor "infinite".
 */
export function readOnOff(options: { readonly onOff?: OnOff }, fallback: OnOff, where: string): { onOff: OnOff; gMin: number } {
  const { onOff = fallback } = options;
  if (onOff === "infinite") return { onOff, gMin: 0 };
  if (typeof onOff !== "number" || !Number.isFinite(onOff) || !(onOff > 1)) {
    throw new OptionError(ACTION, { where: `${where}.onOff`, got: onOff, wanted: `a number above 1, or "infinite"` });
  }
  return { onOff, gMin: 1 / onOff };
}

/** Refuses unknown options of a device. @throws {OptionError} naming the field. */
export function checkDeviceOptions(where: string, options: unknown, known: readonly string[]): void {
  checkOptions(ACTION, where, options, known);
}

/** c₀ + c₁x + c₂x² + … */
export function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let power = coefficients.length - 1; power >= 0; power--) sum = sum * x + coefficients[power]!;
  return sum;
}

/** A number held between two limits. */
export function clamp(value: number, lo: number, hi: number): number {
  return Math.min(Math.max(value, lo), hi);
}

/** Deviation of 1/f noise gathered since programming, in units of its strength: √ln((t + t_read) / 2·t_read), 0 where that is not real. Times in s. */
export function flicker(seconds: number, readTime: number): number {
  return Math.sqrt(Math.max(Math.log((seconds + readTime) / (2 * readTime)), 0));
}
