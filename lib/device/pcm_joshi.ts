// PCM programming error of V. Joshi et al., Nature Communications 11, 2473, 2020: a quadratic fit to their figure 3b, 27.36 s after writing, up to 25 µS.

import type { Device } from "./device.ts";
import { gaussianProgramming, type ProgrammingOptions } from "./gaussian_programming.ts";

/**
 * PCM of Joshi et al. (Nature Communications 2020), up to 25 µS: σ = 0.28638599 + 0.07585724·G − 0.00178767·G² in µS. Programming error only.
 *
 * @throws {OptionError} if an option is unknown or outside the measured range.
 *
 * @example
 * ```ts
 * import { pcmJoshi } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(pcmJoshi().program!(1, () => 1) - 1, 0.04262093, 1e-6);
 * ```
 */
export function pcmJoshi(options: ProgrammingOptions = {}): Device {
  return gaussianProgramming({ model: "pcm_joshi", sigma: [0.28638599, 0.07585724, -0.00178767], gMax: 25, onOff: 100 }, options);
}
