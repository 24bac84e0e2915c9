// Analog ReRAM of conductive metal oxide on HfOx (D. F. Falcone et al., arXiv:2502.04524, 2025; read noise Lombardo et al., DRC 2024), 9 to 88.2 µS.

import { OptionError } from "../errors.ts";
import { ACTION, checkDeviceOptions, clamp, type Device, flicker, polynomial, readNumber } from "./device.ts";

/** Options of {@linkcode reramCmo}. */
export interface CmoOptions {
  /** Tolerance of the write-verify loop in percent of the target: 0.2 or 2. Default 0.2. */
  readonly acceptance?: 0.2 | 2;
  /** Factor of the programming error. Default 1. */
  readonly programScale?: number;
  /** Factor of the relaxation, mean and deviation. Default 1. */
  readonly driftScale?: number;
  /** Factor of the read noise. Default 1. */
  readonly readScale?: number;
}

const G_MIN = 9;
const G_MAX = 88.199997;
const READ_TIME = 1e-6;
const PROGRAMMING: Readonly<Record<number, readonly number[]>> = { 0.2: [0.00081107, 0.00106879], 2: [0.0112185391, 0.01129027418] };

/**
 * CMO/HfOx ReRAM: σ_prog linear in G (two write tolerances); after t > 0 s the mean moves by −0.089·ln t µS with σ = 0.04201·ln t + 0.41183 µS;
 * each reading adds 0.02773·log₁₀(G)·√ln((t + 1 µs)/2 µs) µS and stays within 9 … 88.2 µS.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { reramCmo } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const cell = reramCmo({ acceptance: 2 });
 * assertAlmostEquals(cell.drift!(0.5, 0.5, 3600, () => 0) - 0.5, -0.08900206 * Math.log(3600) / cell.gMax!);
 * ```
 */
export function reramCmo(options: CmoOptions = {}): Device {
  const model = "reram_cmo";
  checkDeviceOptions(model, options, ["acceptance", "programScale", "driftScale", "readScale"]);
  const { acceptance = 0.2 } = options;
  const sigma = typeof acceptance === "number" ? PROGRAMMING[acceptance] : undefined;
  if (sigma === undefined) throw new OptionError(ACTION, { where: `${model}.acceptance`, got: acceptance, wanted: "0.2 or 2 percent" });
  const [programScale, driftScale, readScale] = (["programScale", "driftScale", "readScale"] as const).map((name) =>
    readNumber(options, name, 1, model, { min: 0 })
  ) as [number, number, number];
  const gMin = G_MIN / G_MAX;
  return {
    name: model,
    description: { model, acceptance, programScale, driftScale, readScale },
    gMin,
    gMax: G_MAX,
    program: (target, draw) => Math.max(target + polynomial(sigma, target * G_MAX) / G_MAX * programScale * draw("normal"), 0),
    drift: (programmed, _target, seconds, draw) => {
      if (seconds === 0) return programmed;
      const log = Math.log(seconds), spread = Math.max(0.04201137 * log + 0.41183342, 0);
      return Math.max(programmed + (-0.08900206 * log + spread * draw("normal")) * driftScale / G_MAX, 0);
    },
    read: (g, _programmed, seconds, draw) => {
      if (seconds === 0) return g;
      const strength = 0.0277316483 * Math.max(Math.log10(Math.max(g * G_MAX, 1)), 0) * flicker(seconds, READ_TIME);
      return clamp(g + strength * readScale / G_MAX * draw("normal"), gMin, 1);
    },
  };
}
