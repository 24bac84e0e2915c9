// How a cell's current grows with the voltage of its word line, as data, and what a digit counts when it is applied as a voltage.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";

/** A constant of a law: a number, or values at evenly spaced conductances from the lowest state to the highest, linear between them. */
export type IvConstant = number | readonly number[];

/** What all laws share. */
export interface IvCommon {
  /** Voltage of the largest digit in V, above 0. Smaller digits are applied as proportional voltages. */
  readonly readVoltage: number;
  /**
   * Voltage at which the conductance G of a cell is stated: that of the largest digit ("read", where writing verifies it, so that I = G · V there), or
   * 0 V ("zero", the formula as it stands). Default "read".
   */
  readonly conductance?: (typeof IV_CONDUCTANCES)[number];
}

/** Current of a cell at U volts and conductance G; constants may depend on the conductance. */
export type IvOptions =
  | IvCommon & {
    /** I = G · (U + coefficient · U³). */
    readonly law: "cubic";
    /** In 1/V². Default −0.25. */
    readonly coefficient?: IvConstant;
  }
  | IvCommon & {
    /** I = G · v0 · sinh(U / v0). */
    readonly law: "sinh";
    /** In V, above 0. */
    readonly v0: IvConstant;
  }
  | IvCommon & {
    /** I = G · Σ_k odd[k] · U^(2k + 1). */
    readonly law: "polynomial";
    /** In V^−2k; the first is 1 for Ohm's law. */
    readonly odd: readonly IvConstant[];
  };

/** Laws of {@linkcode IvOptions}. */
export const IV_LAWS = ["cubic", "sinh", "polynomial"] as const;
/** Voltages at which conductances are stated. */
export const IV_CONDUCTANCES = ["read", "zero"] as const;

/** {@linkcode IvOptions} with defaults filled in, as plain data. */
export type ResolvedIv =
  | Required<Extract<IvOptions, { law: "cubic" }>>
  | Required<Extract<IvOptions, { law: "sinh" }>>
  | Required<
    Extract<IvOptions, { law: "polynomial" }>
  >;

/** Voltages at which a law is looked at when it is checked. */
const PROBES = 64;

/**
 * Checks a law.
 *
 * @param where Path of the option in messages.
 * @throws {OptionError} if a field is unknown, missing or out of range, or a current does not have the sign of its voltage; names the field.
 */
export function resolveIv(action: string, options: IvOptions, where: string): ResolvedIv {
  const { law } = options ?? {}, own = { cubic: ["coefficient"], sinh: ["v0"], polynomial: ["odd"] };
  const known = Object.hasOwn(own, law) ? own[law] : Object.values(own).flat();
  checkOptions(action, where, options, ["law", "readVoltage", "conductance", ...known]);
  const refuse = (field: string, got: unknown, wanted: string): never => {
    throw new OptionError(action, { where: `${where}.${field}`, got: got ?? "nothing", wanted });
  };
  if (!Object.hasOwn(own, law)) refuse("law", law, `one of ${IV_LAWS.join(", ")}`);
  const { readVoltage, conductance = "read" } = options;
  if (!(typeof readVoltage === "number" && readVoltage > 0 && readVoltage < Infinity)) {
    refuse("readVoltage", readVoltage, "a voltage above 0");
  }
  if (!IV_CONDUCTANCES.includes(conductance)) refuse("conductance", conductance, `one of ${IV_CONDUCTANCES.join(", ")}`);
  const common = { readVoltage, conductance };
  const constant = (field: string, value: IvConstant, least = -Infinity): IvConstant => {
    const list = Array.isArray(value) && value.length > 1 ? value : [value];
    const sound = list.every((each) => typeof each === "number" && Number.isFinite(each) && each > least);
    const one = least === -Infinity ? "a finite number" : `a number above ${least}`;
    return sound ? value : refuse(field, value, `${one}, or at least two, at conductances from the lowest state to the highest`);
  };
  let found: ResolvedIv;
  if (options.law === "cubic") {
    found = { law: "cubic", ...common, coefficient: constant("coefficient", options.coefficient ?? -0.25) };
  } else if (options.law === "sinh") found = { law: "sinh", ...common, v0: constant("v0", options.v0, 0) };
  else {
    if (!Array.isArray(options.odd) || options.odd.length === 0) {
      refuse("odd", options.odd, "a list of coefficients, the first of U, then of U³ …");
    }
    found = { law: "polynomial", ...common, odd: options.odd.map((each, at) => constant(`odd[${at}]`, each)) };
  }
  const field = { cubic: "coefficient", sinh: "v0", polynomial: "odd" }[law];
  for (const place of places(found)) {
    for (let probe = 1; probe <= PROBES; probe++) {
      const counted = secant(found, readVoltage * probe / PROBES, place);
      if (counted > 0 && Number.isFinite(counted)) continue;
      const got = { volts: readVoltage * probe / PROBES, currentOverGV: counted };
      refuse(field, got, `finite currents of the sign of the voltage up to ${where}.readVoltage`);
    }
  }
  return found;
}

/** Whether a law is Ohm's. */
export function isOhmic(iv: ResolvedIv): boolean {
  const all = (value: IvConstant, wanted: number) => [value].flat().every((each) => each === wanted);
  if (iv.law === "cubic") return all(iv.coefficient, 0);
  return iv.law === "polynomial" && all(iv.odd[0]!, 1) && iv.odd.slice(1).every((each) => all(each, 0));
}

/**
 * How often a cell counts when a digit is applied: current over (G · voltage of digit 1), G as stated. For Ohm's law the digit itself.
 *
 * @param gMin Conductance of the lowest state over that of the highest.
 * @param digit 1 … `top`, applied as digit / top · readVoltage.
 * @returns A function of the conductance over that of the highest state; constants of conductances beyond the states are those of the nearest.
 *
 * @example
 * ```ts
 * import { digitCount } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const iv = { law: "sinh", readVoltage: 0.3, v0: 0.1, conductance: "read" } as const;
 * assertAlmostEquals(digitCount(iv, 0, 3, 3)(0.5), 3);
 * assertAlmostEquals(digitCount(iv, 0, 1, 3)(0.5), 3 * Math.sinh(1) / Math.sinh(3)); // much less than 1
 * ```
 */
export function digitCount(iv: ResolvedIv, gMin: number, digit: number, top: number): (g: number) => number {
  const { readVoltage, conductance } = iv, volts = readVoltage * digit / top;
  const count = (place: number) => digit * secant(iv, volts, place) / (conductance === "read" ? secant(iv, readVoltage, place) : 1);
  const [first, ...more] = places(iv);
  if (more.length === 0) {
    const only = count(first!);
    return () => only;
  }
  return (g) => count(Math.min(Math.max((g - gMin) / (1 - gMin), 0), 1));
}

/**
 * A law as `solveNonlinearWires` takes it, for voltages in V: coefficients of U, U³, U⁵ … by which I / G is made of them, a hyperbolic sine to f64 precision up
 * to the read voltage.
 *
 * @throws {OptionError} if a constant depends on the conductance.
 *
 * @example
 * ```ts
 * import { oddCoefficients } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const odd = oddCoefficients({ law: "sinh", readVoltage: 0.3, v0: 0.1, conductance: "zero" });
 * assertAlmostEquals(odd.reduce((sum, factor, k) => sum + factor * 0.2 ** (2 * k + 1), 0), 0.1 * Math.sinh(2));
 * ```
 */
export function oddCoefficients(iv: ResolvedIv): readonly number[] {
  if (places(iv).length > 1) {
    throw new OptionError("write a law as a polynomial", {
      where: "iv",
      got: "constants that depend on the conductance",
      wanted: "one law for all cells",
    });
  }
  const scale = iv.conductance === "read" ? secant(iv, iv.readVoltage, 0) : 1;
  if (iv.law === "cubic") return [1 / scale, at(iv.coefficient, 0) / scale];
  if (iv.law === "polynomial") return iv.odd.map((value) => at(value, 0) / scale);
  const odd: number[] = [], v0 = at(iv.v0, 0), square = (iv.readVoltage / v0) ** 2;
  for (let k = 0, term = 1, sum = 0; term > sum * Number.EPSILON / 8; k++, term *= square / (2 * k * (2 * k + 1))) {
    odd.push(term / iv.readVoltage ** (2 * k) / scale);
    sum += term;
  }
  return odd;
}

/** I / (G · U) at `place`, from 0 (lowest state) to 1 (highest). */
function secant(iv: ResolvedIv, volts: number, place: number): number {
  if (iv.law === "cubic") return 1 + at(iv.coefficient, place) * volts ** 2;
  if (iv.law === "sinh") {
    const x = volts / at(iv.v0, place);
    return Math.sinh(x) / x;
  }
  let sum = 0;
  for (let k = iv.odd.length - 1; k >= 0; k--) sum = sum * volts ** 2 + at(iv.odd[k]!, place);
  return sum;
}

function at(value: IvConstant, place: number): number {
  if (typeof value === "number") return value;
  const x = place * (value.length - 1), below = Math.min(Math.floor(x), value.length - 2);
  return value[below]! + (x - below) * (value[below + 1]! - value[below]!);
}

/** Places of all given values of the constants; a single one if none depends on the conductance. */
function places(iv: ResolvedIv): number[] {
  const constants = iv.law === "cubic" ? [iv.coefficient] : iv.law === "sinh" ? [iv.v0] : iv.odd;
  const found = new Set([0]);
  for (const value of constants) {
    if (typeof value !== "number") value.forEach((_, step) => found.add(step / (value.length - 1)));
  }
  return [...found];
}
