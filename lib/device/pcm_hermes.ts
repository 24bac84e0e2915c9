// Phase-change memory of the HERMES project chip (R. Khaddam-Aljameh et al., JSSC 2022; M. Le Gallo et al., Nature Electronics 2023), one or two devices to a cell.

import { OptionError } from "../errors.ts";
import { ACTION, checkDeviceOptions, clamp, type Device, polynomial } from "./device.ts";
import { phaseChange, type PhaseChangeModel, type PhaseChangeOptions } from "./phase_change.ts";

/** Options of {@linkcode pcmHermes}. */
export interface HermesOptions extends PhaseChangeOptions {
  /** Devices of a cell: 1 (up to 10.35 µS) or 2 written together (up to 20.7 µS; Vasilopoulos et al., TED 2023). Default 2. */
  readonly devices?: 1 | 2;
}

const nuMean = (x: number) => x < 0.0945 ? clamp(-0.0387 * Math.log(x) - 0.0182, 0.072, 0.13) : polynomial([0.0736, -0.0126, -0.0436], x);
const READ_TIME = 512e-9;

const MODELS: Readonly<Record<1 | 2, Omit<PhaseChangeModel, "model">>> = {
  1: {
    gMax: 10.35,
    limit: 10.35,
    reference: 10.35,
    sigma: [0.15781817, 2.32443916, -2.16310839, 0.68841818],
    nuMean,
    nuSigma: (x) => x < 0.3039 ? clamp(-0.012 * Math.log(x) - 0.0023, 0.0124, 0.04) : polynomial([0.0104, 0.0116, -0.0165], x),
    noise: (x) => x < 0.1591 ? clamp(-0.0078 * Math.log(x) + 0.0038, 0.0179, 0.04) : polynomial([0.0088, 0.0768, -0.1352, 0.0664], x),
    start: 200,
    readTime: READ_TIME,
  },
  2: {
    gMax: 20.7,
    limit: 20.7,
    reference: 20.7,
    sigma: [0.16603222, 4.71806468, -8.48101252, 4.68961419],
    nuMean,
    nuSigma: (x) => x < 0.3055 ? clamp(-0.0117 * Math.log(x) - 0.0057, 0.0091, 0.04) : polynomial([0.0073, 0.0093, -0.0118], x),
    noise: (x) => x < 0.16 ? clamp(-0.0117 * Math.log(x) - 0.0069, 0.015, 0.04) : polynomial([0.0123, 0.0211, -0.028, 0.0069], x),
    start: 300,
    readTime: READ_TIME,
  },
};

/**
 * PCM of the HERMES chip: cubic programming error, drift and 1/f noise fitted piece by piece over the relative conductance; times count from the
 * first reading, 200 s (one device) or 300 s (two) after programming.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { pcmHermes } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([pcmHermes().gMax, pcmHermes({ devices: 1 }).gMax], [20.7, 10.35]);
 * ```
 */
export function pcmHermes(options: HermesOptions = {}): Device {
  checkDeviceOptions("pcm_hermes", options, ["devices", "onOff", "gMax", "programScale", "driftScale", "readScale"]);
  const { devices = 2, ...rest } = options;
  if (devices !== 1 && devices !== 2) throw new OptionError(ACTION, { where: "pcm_hermes.devices", got: devices, wanted: "1 or 2" });
  const device = phaseChange({ model: "pcm_hermes", ...MODELS[devices] }, rest);
  return { ...device, description: { ...device.description, devices } };
}
