// Cells that cannot be written: each is stuck at the lowest or the highest state with a given probability, on top of any device.

import { OptionError } from "../errors.ts";
import { ACTION, checkDeviceOptions, type Device, type Draw, readNumber } from "./device.ts";

/** Options of {@linkcode stuckAt}. */
export interface FaultOptions {
  /** Share of cells stuck at the lowest conductance. Default 0. */
  readonly low?: number;
  /** Share of cells stuck at the highest conductance. Default 0. */
  readonly high?: number;
}

/**
 * A device some of whose cells are stuck: with a uniform number u of the cell, u < low gives `gMin` and u ≥ 1 − high gives 1, whatever was written
 * and however long ago. Readings of a stuck cell are as noisy as of any other. The faults of a chip follow from its seed alone.
 *
 * @throws {OptionError} if an option is unknown, not a share, or both together exceed 1.
 *
 * @example
 * ```ts
 * import { programArray, rramMilo, stuckAt } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const chip = programArray(stuckAt(rramMilo(), { low: 0.1 }), new Float64Array(10000).fill(1), { seed: 1 });
 * assertAlmostEquals(chip.filter((g) => g === 1 / 4.5).length / chip.length, 0.1, 0.01);
 * ```
 */
export function stuckAt(device: Device, options: FaultOptions): Device {
  const model = "stuck_at";
  checkDeviceOptions(model, options, ["low", "high"]);
  const low = readNumber(options, "low", 0, model, { min: 0, max: 1 }), high = readNumber(options, "high", 0, model, { min: 0, max: 1 });
  if (low + high > 1) throw new OptionError(ACTION, { where: model, got: { low, high }, wanted: "shares of at most 1 together" });
  const fault = (draw: Draw): number | undefined => {
    const u = draw("fault");
    return u < low ? device.gMin : u >= 1 - high ? 1 : undefined;
  };
  const { program, drift } = device;
  return {
    ...device,
    name: `${device.name} with faults`,
    description: { model, device: device.description, low, high },
    program: (target, draw) => fault(draw) ?? (program === undefined ? target : program(target, draw)),
    ...(drift === undefined ? {} : {
      drift: (programmed: number, target: number, seconds: number, draw: Draw) => fault(draw) ?? drift(programmed, target, seconds, draw),
    }),
  };
}
