// Errors of no particular device: normal or uniform, and independent of, proportional or inverse to the conductance.

import { OptionError } from "../errors.ts";
import { ACTION, checkDeviceOptions, type Device, type Draw, type Json, type OnOff, readNumber, readOnOff } from "./device.ts";

/** Shapes of a generic error. */
export const ERROR_DISTRIBUTIONS = ["normal", "uniform"] as const;
/** How a generic error scales with the conductance. */
export const ERROR_SCALINGS = ["independent", "proportional", "inverse"] as const;

/** An error e added to a conductance. */
export interface ErrorModel {
  /** "normal": e = magnitude · ξ. "uniform": e lies within ± magnitude/2. */
  readonly distribution: (typeof ERROR_DISTRIBUTIONS)[number];
  /** "independent": g + e. "proportional": g·(1 + e). "inverse": g + e/g, and no error where g is 0. */
  readonly scaling: (typeof ERROR_SCALINGS)[number];
  /** Standard deviation of a normal error, whole width of a uniform one; in units of the highest conductance, or a share if proportional. */
  readonly magnitude: number;
}

/** Options of {@linkcode genericDevice}. */
export interface GenericOptions {
  /** Ratio of the highest to the lowest conductance. Default "infinite". */
  readonly onOff?: OnOff;
  /** Error made once, when the cell is written. Default none. */
  readonly program?: ErrorModel;
  /** Error made at each reading. Default none. */
  readonly read?: ErrorModel;
}

/**
 * A cell with errors given by hand. Conductances stay at or above 0.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { genericDevice } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const cell = genericDevice({ onOff: 10, program: { distribution: "normal", scaling: "proportional", magnitude: 0.05 } });
 * assertAlmostEquals(cell.program!(0.5, () => 2), 0.55);
 * assertAlmostEquals(cell.gMin, 0.1);
 * ```
 */
export function genericDevice(options: GenericOptions = {}): Device {
  const model = "generic";
  checkDeviceOptions(model, options, ["onOff", "program", "read"]);
  const { onOff, gMin } = readOnOff(options, "infinite", model);
  const program = errorOf(options.program, `${model}.program`), read = errorOf(options.read, `${model}.read`);
  return {
    name: model,
    description: { model, onOff, ...(program ? { program: describe(program) } : {}), ...(read ? { read: describe(read) } : {}) },
    gMin,
    ...(program ? { program: (target, draw) => apply(program, target, draw) } : {}),
    ...(read ? { read: (g, _programmed, _seconds, draw) => apply(read, g, draw) } : {}),
  };
}

function describe({ distribution, scaling, magnitude }: ErrorModel): Json {
  return { distribution, scaling, magnitude };
}

function errorOf(error: ErrorModel | undefined, where: string): ErrorModel | undefined {
  if (error === undefined) return undefined;
  checkDeviceOptions(where, error, ["distribution", "scaling", "magnitude"]);
  for (const [name, names] of [["distribution", ERROR_DISTRIBUTIONS], ["scaling", ERROR_SCALINGS]] as const) {
    if (!(names as readonly string[]).includes(error[name])) {
      throw new OptionError(ACTION, { where: `${where}.${name}`, got: error[name] ?? null, wanted: `one of ${names.join(", ")}` });
    }
  }
  readNumber(error, "magnitude", NaN, where, { min: 0 });
  return error;
}

function apply({ distribution, scaling, magnitude }: ErrorModel, g: number, draw: Draw): number {
  const error = magnitude * (distribution === "normal" ? draw("normal") : draw("uniform") - 0.5);
  const factor = scaling === "independent" ? 1 : scaling === "proportional" ? g : g > 0 ? 1 / g : 0;
  return Math.max(g + error * factor, 0);
}
