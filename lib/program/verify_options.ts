// How cells are written and verified, checked once with the field named.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";

/** Ways to go on after a reading out of tolerance. */
export const VERIFY_LOOPS = ["redraw", "incremental"] as const;

/** A name in {@linkcode VERIFY_LOOPS}. */
export type VerifyLoop = (typeof VERIFY_LOOPS)[number];

/** The loop of one cell. */
export interface VerifyOptions {
  /** Largest error accepted, in the unit of the device's errors. */
  readonly tolerance: number;
  /**
   * "redraw": the cell is written anew with the full error of an open-loop write. "incremental": a pulse moves it by `step` of the error it has, and adds an
   * error of its own, `pulseError` times that step's size. Default "redraw".
   */
  readonly loop?: VerifyLoop;
  /** Share of the remaining error that an incremental pulse takes away, above 0 and below 2; default 1. */
  readonly step?: number;
  /** Standard deviation of an incremental pulse's own error over the size of its step; default 0.5. */
  readonly pulseError?: number;
  /** Most pulses per cell, the first write included; default 50. A cell that is still out of tolerance stays as it is. */
  readonly maxPulses?: number;
  /**
   * Standard deviation of what a pulse does to each cell of its row that has passed already, in the unit of the errors; default 0. Counts where cells stand in rows:
   * cells are verified in order.
   */
  readonly disturb?: number;
  /** Duration of a pulse in ns; default 100. */
  readonly pulseTime?: number;
  /** Energy of a pulse in pJ; default 1. */
  readonly pulseEnergy?: number;
  /** Duration of a verifying read in ns; default 10. */
  readonly readTime?: number;
  /** Energy of a verifying read in pJ; default 0.1. */
  readonly readEnergy?: number;
}

/** Options with defaults filled in. */
export type WriteVerify = Required<VerifyOptions>;

/** Names of {@linkcode VerifyOptions}. */
export const VERIFY_NAMES = [
  "tolerance",
  "loop",
  "step",
  "pulseError",
  "maxPulses",
  "disturb",
  "pulseTime",
  "pulseEnergy",
  "readTime",
  "readEnergy",
] as const;

/** Checks options and fills in defaults. @throws {OptionError} naming the field. */
export function checkVerify(action: string, where: string, options: VerifyOptions): WriteVerify {
  checkOptions(action, where, options, VERIFY_NAMES);
  const filled = {
    loop: "redraw",
    step: 1,
    pulseError: 0.5,
    maxPulses: 50,
    disturb: 0,
    pulseTime: 100,
    pulseEnergy: 1,
    readTime: 10,
    readEnergy: 0.1,
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  } as WriteVerify;
  const refuse = (name: keyof WriteVerify, wanted: string): never => {
    throw new OptionError(action, { where: `${where}.${name}`, got: filled[name], wanted });
  };
  if (!VERIFY_LOOPS.includes(filled.loop)) refuse("loop", `one of ${VERIFY_LOOPS.join(", ")}`);
  if (!Number.isInteger(filled.maxPulses) || filled.maxPulses < 1 || filled.maxPulses > 1e6) {
    refuse("maxPulses", "an integer from 1 to 1,000,000");
  }
  if (!(Number.isFinite(filled.tolerance) && filled.tolerance > 0)) refuse("tolerance", "a number above 0");
  if (!(filled.step > 0 && filled.step < 2)) refuse("step", "a number above 0 and below 2");
  for (const name of ["pulseError", "disturb", "pulseTime", "pulseEnergy", "readTime", "readEnergy"] as const) {
    if (!(Number.isFinite(filled[name]) && filled[name] >= 0)) refuse(name, "a number of at least 0");
  }
  return filled;
}
