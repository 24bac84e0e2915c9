// SONOS charge-trapping cells in subthreshold (V. Agrawal et al., IEDM 2022, 21.7, figures 10 and 11): write error, five days of drift, and read noise of 128k cells.

import { OptionError } from "../errors.ts";
import { checkDeviceOptions, type Device, type OnOff, polynomial, readOnOff } from "./device.ts";

/** Options of {@linkcode sonosAgrawal}. */
export interface SonosOptions {
  /** Ratio of the highest to the lowest current. Default 1e7. */
  readonly onOff?: OnOff;
}

/** Current of the highest state, in nA. */
const TOP = 1600;
const DAY = 86400;

/** Spread of the currents after 0 … 5 days, σ = a·(1 − exp(−I/b)) in nA. */
const SPREAD: readonly (readonly [a: number, b: number])[] = [
  [19.88665, 176.3115],
  [25.59102, 186.85544],
  [28.72753, 193.56834],
  [31.04318, 198.90332],
  [33.76214, 204.77023],
  [34.57909, 207.34309],
];
/** The same of each reading. */
const NOISE = [12.58037, 215.36557] as const;

/** Mean change of the current after 0 … 5 days, in nA, as a polynomial of the written current in nA. */
const CHANGE: readonly (readonly number[])[] = [
  Array(11).fill(0) as number[],
  [
    6.8365e-1,
    6.5125e-3,
    -4.03163e-4,
    3.37944e-6,
    -1.87435e-8,
    5.88902e-11,
    -1.07685e-13,
    1.17751e-16,
    -7.60016e-20,
    2.67255e-23,
    -3.94954e-27,
  ],
  [
    6.60925e-1,
    8.60627e-3,
    -1.72936e-4,
    7.44096e-7,
    -5.94866e-9,
    2.36734e-11,
    -4.8374e-14,
    5.56072e-17,
    -3.65397e-20,
    1.28405e-23,
    -1.8745e-27,
  ],
  [
    1.15821,
    1.96116e-2,
    -4.70807e-4,
    3.6751e-6,
    -2.08786e-8,
    6.59752e-11,
    -1.19499e-13,
    1.28435e-16,
    -8.11574e-20,
    2.78802e-23,
    -4.02057e-27,
  ],
  [
    8.72216e-1,
    1.70926e-2,
    -2.2337e-4,
    1.57526e-6,
    -1.32779e-8,
    5.08256e-11,
    -1.01251e-13,
    1.14633e-16,
    -7.46124e-20,
    2.60559e-23,
    -3.78724e-27,
  ],
  [
    1.15294,
    1.03149e-2,
    -6.05199e-5,
    1.76086e-8,
    -6.4669e-9,
    3.39044e-11,
    -7.53872e-14,
    8.98185e-17,
    -6.00346e-20,
    2.12615e-23,
    -3.11099e-27,
  ],
];

/**
 * SONOS of Agrawal et al. (IEDM 2022), 0 … 1600 nA. Spread and mean change are known daily up to 5 days and interpolated between; the spread that
 * comes after writing is drawn apart, so that both add up to the measured one. `gMax` is in nA. `drift` throws {@linkcode OptionError} beyond 5 days.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { sonosAgrawal } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const cell = sonosAgrawal();
 * assertAlmostEquals(cell.program!(1, () => 1) - 1, 19.88665 / 1600, 1e-5);
 * ```
 */
export function sonosAgrawal(options: SonosOptions = {}): Device {
  const model = "sonos_agrawal";
  checkDeviceOptions(model, options, ["onOff"]);
  const { onOff, gMin } = readOnOff(options, 1e7, model);
  return {
    name: model,
    description: { model, onOff },
    gMin,
    gMax: TOP,
    program: (target, draw) => Math.max(target + saturating(SPREAD[0]!, target * TOP) / TOP * draw("normal"), 0),
    drift: (programmed, target, seconds, draw) => {
      const current = target * TOP;
      const written = saturating(SPREAD[0]!, current);
      const moved = current + daily(seconds, (day) => polynomial(CHANGE[day]!, current));
      const spread = saturating([daily(seconds, (day) => SPREAD[day]![0]), daily(seconds, (day) => SPREAD[day]![1])], moved);
      const later = Math.sqrt(Math.max(spread ** 2 - written ** 2, 0));
      return Math.max(programmed + (moved - current + later * draw("normal")) / TOP, 0);
    },
    read: (g, _programmed, _seconds, draw) => Math.max(g + saturating(NOISE, g * TOP) / TOP * draw("normal"), 0),
  };
}

function saturating([a, b]: readonly [number, number], current: number): number {
  return Math.max(a * (1 - Math.exp(-current / b)), 0);
}

/** A value known each day, at a time in s. */
function daily(seconds: number, value: (day: number) => number): number {
  const last = SPREAD.length - 1;
  if (seconds > last * DAY) {
    throw new OptionError("let SONOS cells drift", {
      where: "seconds",
      got: seconds,
      wanted: `at most ${last * DAY}, the ${last} days measured`,
    });
  }
  const day = Math.min(Math.floor(seconds / DAY), last - 1), share = seconds / DAY - day;
  return value(day) * (1 - share) + value(day + 1) * share;
}
