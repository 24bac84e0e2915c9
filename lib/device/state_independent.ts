// A phase-change-like cell whose errors do not depend on its state, as analog toolkits offer for studies of one effect at a time.

import type { Device } from "./device.ts";
import { phaseChange, type PhaseChangeOptions } from "./phase_change.ts";

/**
 * Cell with σ_prog 0.2 µS, ν = |0.1 + 0.05ξ| from t₀ = 20 s, and read noise (G/G_max)·√ln((t + t_r)/2t_r) in µS with t_r = 250 ns, for any state.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { stateIndependent } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(stateIndependent().program!(0.3, () => 1), 0.308);
 * ```
 */
export function stateIndependent(options: PhaseChangeOptions = {}): Device {
  return phaseChange({
    model: "state_independent",
    gMax: 25,
    sigma: [0.2],
    nuMean: () => 0.1,
    nuSigma: () => 0.05,
    noise: (_, gMax) => 1 / gMax,
    start: 20,
    readTime: 250e-9,
  }, options);
}
