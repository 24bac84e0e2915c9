// RRAM programming error of V. Milo et al., IRPS 2021: a linear fit to their figure 4 (IGVVA-100 write algorithm), 50 to 225 µS.

import type { Device } from "./device.ts";
import { gaussianProgramming, type ProgrammingOptions } from "./gaussian_programming.ts";

/**
 * RRAM of Milo et al. (IRPS 2021), 50 … 225 µS: σ = 4.782321 − 0.009107·G in µS. Programming error only.
 *
 * @throws {OptionError} if an option is unknown or outside the measured range.
 *
 * @example
 * ```ts
 * import { rramMilo } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(rramMilo().program!(1, () => 1) - 1, 0.01214776, 1e-6);
 * ```
 */
export function rramMilo(options: ProgrammingOptions = {}): Device {
  return gaussianProgramming({ model: "rram_milo", sigma: [4.782321, -0.009107], gMax: 225, onOff: 4.5 }, options);
}
