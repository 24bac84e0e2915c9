// Checks that several quantizers share.

import { OptionError } from "../errors.ts";

const ACTION = "make a quantizer";

/** Checks a bit width. */
export function checkBits(bits: number, where: string, least = 1, most = 8): number {
  if (!Number.isInteger(bits) || bits < least || bits > most) {
    throw new OptionError(ACTION, { where, got: bits, wanted: `an integer from ${least} to ${most}` });
  }
  return bits;
}

/** Checks a positive finite number. */
export function checkPositive(value: number, where: string): number {
  if (!(value > 0 && Number.isFinite(value))) throw new OptionError(ACTION, { where, got: value, wanted: "a positive number" });
  return value;
}

/** Checks a switch; absent means `otherwise`. */
export function checkSwitch(value: boolean | undefined, where: string, otherwise: boolean): boolean {
  if (value !== undefined && typeof value !== "boolean") throw new OptionError(ACTION, { where, got: value, wanted: "true or false" });
  return value ?? otherwise;
}
