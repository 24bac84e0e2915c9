// RRAM programming error of W. Wan et al., Nature 2022: a cubic fit to their extended data figure 3, 1 s after writing, up to 39.26 µS.

import type { Device } from "./device.ts";
import { gaussianProgramming, type ProgrammingOptions } from "./gaussian_programming.ts";

/**
 * RRAM of Wan et al. (Nature 2022), up to 39.26 µS: σ = 1.053 + 0.2374·G − 0.01167·G² + 1.536e-4·G³ in µS. Programming error only.
 *
 * @throws {OptionError} if an option is unknown or outside the measured range.
 *
 * @example
 * ```ts
 * import { rramWan } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(rramWan().program!(1, () => 1) - 1, 0.04280798, 1e-6);
 * ```
 */
export function rramWan(options: ProgrammingOptions = {}): Device {
  return gaussianProgramming({ model: "rram_wan", sigma: [1.053, 0.2374, -0.01167, 1.536e-4], gMax: 39.26, onOff: 39.26 }, options);
}
