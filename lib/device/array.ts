// Devices run over arrays: one chip per seed, the same whatever the order in which its cells are visited.

import { OptionError, ShapeError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { hash, hashOn, normalOf, uniformOf } from "../random.ts";
import type { Device, Draw } from "./device.ts";

/** Which cells: the key of their random numbers, before cell and draw. */
export interface ChipCells {
  /** Seed of the chip. */
  readonly seed: number;
  /** Number of the layer. Default 0. */
  readonly layer?: number;
  /** Number of the array within the layer. Default 0. */
  readonly array?: number;
}

/** Last counter of a random number: what it is for. Readings come after, one counter each. */
const DRAWS = { program: 0, drift: 1, fault: 2, reading: 3 } as const;

/**
 * Writes an array of cells.
 *
 * @param targets Normalised conductances wanted, any shape laid out flat; the position is the cell's counter.
 * @returns Conductances right after programming, as f64.
 * @throws {OptionError} if a counter is unknown or no integer of at least 0.
 *
 * @example
 * ```ts
 * import { pcmLike, programArray } from "@bitline/bitline";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * const targets = [0, 0.5, 1];
 * assertEquals(programArray(pcmLike(), targets, { seed: 1 }), programArray(pcmLike(), targets, { seed: 1 }));
 * assertNotEquals(programArray(pcmLike(), targets, { seed: 1 }), programArray(pcmLike(), targets, { seed: 2 }));
 * ```
 */
export function programArray(device: Device, targets: ArrayLike<number>, cells: ChipCells): Float64Array {
  const { program } = device;
  return each(targets, cells, DRAWS.program, (target, draw) => program === undefined ? target : program(target, draw));
}

/**
 * Lets a written array rest.
 *
 * @param programmed What {@linkcode programArray} gave.
 * @param targets What was written.
 * @param seconds Time since programming in s.
 * @returns Conductances at that time, read noise aside.
 * @throws {OptionError} if a counter or the time is out of range.
 * @throws {ShapeError} if the arrays differ in length.
 */
export function driftArray(
  device: Device,
  programmed: ArrayLike<number>,
  targets: ArrayLike<number>,
  seconds: number,
  cells: ChipCells,
): Float64Array {
  const { drift } = device;
  checkTime(seconds);
  checkLengths(programmed, targets);
  return each(programmed, cells, DRAWS.drift, (g, draw, cell) => drift === undefined ? g : drift(g, targets[cell]!, seconds, draw));
}

/**
 * Reads an array once.
 *
 * @param conductances Conductances at `seconds`, as {@linkcode driftArray} gives them.
 * @param programmed Conductances right after programming.
 * @param seconds Time since programming in s.
 * @param reading Number of the reading; each has noise of its own.
 * @returns Conductances as this reading sees them.
 * @throws {OptionError} if a counter or the time is out of range.
 * @throws {ShapeError} if the arrays differ in length.
 */
export function readArray(
  device: Device,
  conductances: ArrayLike<number>,
  programmed: ArrayLike<number>,
  seconds: number,
  reading: number,
  cells: ChipCells,
): Float64Array {
  const { read } = device;
  checkTime(seconds);
  checkCounter("reading", reading);
  checkLengths(conductances, programmed);
  return each(
    conductances,
    cells,
    DRAWS.reading + reading,
    (g, draw, cell) => read === undefined ? g : read(g, programmed[cell]!, seconds, draw),
  );
}

function each(
  values: ArrayLike<number>,
  cells: ChipCells,
  use: number,
  stage: (value: number, draw: Draw, cell: number) => number,
): Float64Array {
  checkOptions("draw device errors", "cells", cells, ["seed", "layer", "array"]);
  const { seed, layer = 0, array = 0 } = cells;
  checkCounter("cells.seed", seed);
  checkCounter("cells.layer", layer);
  checkCounter("cells.array", array);
  const own = hash(seed, layer, array);
  let cell = 0;
  const draw: Draw = (kind) => {
    const state = hashOn(own, cell);
    if (kind === "normal") return normalOf(hashOn(state, use));
    return uniformOf(hashOn(state, kind === "fault" ? DRAWS.fault : use));
  };
  const results = new Float64Array(values.length);
  for (; cell < results.length; cell++) results[cell] = stage(values[cell]!, draw, cell);
  return results;
}

/**
 * Random numbers of one cell for a use of the caller's own.
 *
 * @param use Counter beyond those of programming, drift and readings, such as 2^30 and more.
 */
export function cellDraw({ seed, layer = 0, array = 0 }: ChipCells, cell: number, use: number): Draw {
  const state = hash(seed, layer, array, cell);
  return (kind) => kind === "normal" ? normalOf(hashOn(state, use)) : uniformOf(hashOn(state, kind === "fault" ? DRAWS.fault : use));
}

function checkCounter(where: string, value: unknown): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 32 - DRAWS.reading) return;
  throw new OptionError("draw device errors", { where, got: value, wanted: "an integer from 0 to 2^32 − 4" });
}

function checkTime(seconds: number): void {
  if (Number.isFinite(seconds) && seconds >= 0) return;
  throw new OptionError("draw device errors", { where: "seconds", got: seconds, wanted: "a time of at least 0 s" });
}

function checkLengths(one: ArrayLike<number>, other: ArrayLike<number>): void {
  if (one.length === other.length) return;
  throw new ShapeError("draw device errors", { got: [one.length, other.length], wanted: "conductances and targets of one length" });
}
