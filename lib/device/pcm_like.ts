// Phase-change memory as S. R. Nandakumar et al. characterised it (ICECS 2019), the usual PCM-like model of analog inference toolkits.

import { clamp, type Device } from "./device.ts";
import { phaseChange, type PhaseChangeOptions } from "./phase_change.ts";

/**
 * PCM of Nandakumar et al. (ICECS 2019), G_max 25 µS: σ_prog = 0.26348 + 1.9650x − 1.1731x² µS; µ_ν = clip(−0.0155 ln x + 0.0244, 0.049, 0.1),
 * σ_ν = clip(−0.0125 ln x − 0.0059, 0.008, 0.045), t₀ 20 s; Q = min(0.0088 / max(x^0.65, 1e-3), 0.2), t_r 250 ns; x = G/G_max.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { pcmLike } from "@bitline/bitline";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const cell = pcmLike();
 * assertAlmostEquals(cell.program!(1, () => 1), 1 + 1.05538 / 25);
 * assert(cell.drift!(1, 1, 86400, () => 0) < 0.7);
 * ```
 */
export function pcmLike(options: PhaseChangeOptions = {}): Device {
  return phaseChange({
    model: "pcm_like",
    gMax: 25,
    sigma: [0.26348, 1.9650, -1.1731],
    reference: 25,
    nuMean: (x) => clamp(-0.0155 * Math.log(x) + 0.0244, 0.049, 0.1),
    nuSigma: (x) => clamp(-0.0125 * Math.log(x) - 0.0059, 0.008, 0.045),
    noise: (x) => Math.min(0.0088 / Math.max(x ** 0.65, 1e-3), 0.2),
    start: 20,
    readTime: 250e-9,
  }, options);
}
