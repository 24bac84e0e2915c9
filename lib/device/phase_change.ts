// What phase-change models share: a polynomial programming error, power-law drift with a coefficient per cell, and 1/f noise that gathers with time.

import { checkDeviceOptions, type Device, flicker, type OnOff, polynomial, readNumber, readOnOff } from "./device.ts";

/** Options of the phase-change models. */
export interface PhaseChangeOptions {
  /** Ratio of the highest to the lowest conductance. Default "infinite". */
  readonly onOff?: OnOff;
  /** Conductance of the highest state in µS; the default is the one characterised. */
  readonly gMax?: number;
  /** Factor of the programming error. Default 1. */
  readonly programScale?: number;
  /** Factor of the drift coefficients. Default 1. */
  readonly driftScale?: number;
  /** Factor of the read noise. Default 1. */
  readonly readScale?: number;
}

/** A phase-change model; x is a conductance over the highest one. */
export interface PhaseChangeModel {
  /** Name of the model. */
  readonly model: string;
  /** Default of the highest conductance in µS. */
  readonly gMax: number;
  /** Largest conductance the model is known for, in µS. Default none. */
  readonly limit?: number;
  /** Deviation of the programming error in µS at `reference`, as c₀ + c₁x + c₂x² …; it grows in proportion to the highest conductance. */
  readonly sigma: readonly number[];
  /** Highest conductance in µS for which `sigma` holds as it is; absent if it does for any. */
  readonly reference?: number;
  /** Mean of the drift coefficient ν of a target. */
  readonly nuMean: (x: number) => number;
  /** Deviation of ν of a target. */
  readonly nuSigma: (x: number) => number;
  /** Strength of the read noise as a share of the conductance, by the programmed conductance and the highest one in µS. */
  readonly noise: (x: number, gMax: number) => number;
  /** Time of the first reading after programming, in s; other times count from it. */
  readonly start: number;
  /** Duration of a reading in s. */
  readonly readTime: number;
}

/** Least relative conductance in the logarithms of drift coefficients. */
const LEAST = 1e-7;

/**
 * Builds a phase-change cell: σ_prog polynomial; g(t) = g_prog·((t + t₀)/t₀)^−ν with ν = |µ_ν + σ_ν·ξ|; read g·(1 + Q·√ln((t + t₀ + t_r)/2t_r)·ξ).
 *
 * @throws {OptionError} if an option is unknown or out of range.
 */
export function phaseChange(constants: PhaseChangeModel, options: PhaseChangeOptions): Device {
  const { model, sigma, start, readTime, nuMean, nuSigma, noise } = constants;
  checkDeviceOptions(model, options, ["onOff", "gMax", "programScale", "driftScale", "readScale"]);
  const { onOff, gMin } = readOnOff(options, "infinite", model);
  const gMax = readNumber(options, "gMax", constants.gMax, model, { min: 0, above: true, max: constants.limit ?? Infinity });
  const [programScale, driftScale, readScale] = (["programScale", "driftScale", "readScale"] as const).map((name) =>
    readNumber(options, name, 1, model, { min: 0 })
  ) as [number, number, number];
  const unit = programScale / (constants.reference ?? gMax);
  return {
    name: model,
    description: { model, onOff, gMax, programScale, driftScale, readScale },
    gMin,
    gMax,
    program: (target, draw) => Math.max(target + polynomial(sigma, target) * unit * draw("normal"), 0),
    drift: (programmed, target, seconds, draw) => {
      const x = Math.max(target, LEAST);
      const nu = Math.abs(nuMean(x) + nuSigma(x) * draw("normal")) * driftScale;
      return programmed * ((seconds + start) / start) ** -nu;
    },
    read: (g, programmed, seconds, draw) =>
      Math.max(g * (1 + noise(programmed, gMax) * readScale * flicker(seconds + start, readTime) * draw("normal")), 0),
  };
}
