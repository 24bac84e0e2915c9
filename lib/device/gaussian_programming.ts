// The devices for which only a programming error is published: normal, with a deviation that is a polynomial of the conductance in µS.

import { checkDeviceOptions, type Device, type OnOff, polynomial, readNumber, readOnOff } from "./device.ts";

/** Options of a device of which only the programming error is known. */
export interface ProgrammingOptions {
  /** Ratio of the highest to the lowest conductance; the default is the device's own. */
  readonly onOff?: OnOff;
  /** Conductance of the highest state in µS; the default is the largest that was measured. */
  readonly gMax?: number;
}

/** A published programming error. */
export interface ProgrammingModel {
  /** Name of the model. */
  readonly model: string;
  /** σ in µS as c₀ + c₁G + c₂G² …, G in µS; held at 0 where negative. */
  readonly sigma: readonly number[];
  /** Largest conductance measured, in µS. */
  readonly gMax: number;
  /** On/off ratio of the measurements. */
  readonly onOff: OnOff;
}

/**
 * Builds a device from a published programming error: g = max(target + σ(G)/G_max · ξ, 0).
 *
 * @throws {OptionError} if an option is unknown or outside the measured range.
 */
export function gaussianProgramming({ model, sigma, gMax: measured, onOff: usual }: ProgrammingModel, options: ProgrammingOptions): Device {
  checkDeviceOptions(model, options, ["onOff", "gMax"]);
  const { onOff, gMin } = readOnOff(options, usual, model);
  const gMax = readNumber(options, "gMax", measured, model, { min: 0, above: true, max: measured });
  return {
    name: model,
    description: { model, onOff, gMax },
    gMin,
    gMax,
    program: (target, draw) => Math.max(target + Math.max(polynomial(sigma, target * gMax), 0) / gMax * draw("normal"), 0),
  };
}
