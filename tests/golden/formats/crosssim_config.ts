// The options of an analog-core golden case, with their defaults; what this version does not simulate is named as such.

import type { WireOptions } from "../../../lib/circuit/wires/options.ts";
import { FileError } from "../../../lib/errors.ts";
import { isRecord, NotCovered } from "../format.ts";

/** Options of a case, all set. */
export interface CoreConfig {
  readonly style: "balanced" | "offset" | "bitsliced";
  /** Bit-sliced only: how signs are held. */
  readonly sliceStyle: "BALANCED" | "OFFSET";
  readonly twoSided: boolean;
  /** Whether G⁺ and G⁻ are subtracted before conversion. */
  readonly subtract: boolean;
  /** Whether G⁺ and G⁻ share a column, so that a current limit acts on their difference. */
  readonly interleaved: boolean;
  /** Whether the offset is taken out by a column of its own instead of digitally. */
  readonly unitColumn: boolean;
  /** Smallest normalised conductance; the largest is 1. */
  readonly gmin: number;
  /** Bits of a cell; 0 means as written. */
  readonly cellBits: number;
  readonly weightBits: number;
  readonly slices: number;
  readonly dacBits: number;
  readonly signed: boolean;
  /** Inputs that full scale stands for. */
  readonly inputRange: readonly [number, number];
  readonly bitSerial: boolean;
  readonly digitBits: number;
  /** 0 means no conversion. */
  readonly adcBits: number;
  readonly adcModel: "QuantizerADC" | "SignMagnitudeADC" | "RampADC" | "SarADC";
  readonly adcRange: "MAX" | "GRANULAR" | "CALIBRATED";
  readonly calibrated: unknown;
  readonly adcPerDigit: boolean;
  readonly gainDb: number;
  readonly splitCdac: boolean;
  /** 0 means no limit. */
  readonly columnLimit: number;
  /** 0 means all rows in one array. */
  readonly rows: number;
  /** Line resistances over that of a cell of the largest conductance. */
  readonly wires?: WireOptions;
  /** Read voltage of cubic cells in V. */
  readonly cubic?: number;
  /** Whether cells were programmed with errors, so that only recorded conductances will do. */
  readonly errors: boolean;
}

/** Options that need what this version does not have. */
const MISSING: Readonly<Record<string, string>> = {
  read_noise: "read noise",
  drift_error: "conductance drift",
};

/** Options of the iterative solver there; ours is exact. */
const SOLVER = ["Verr_th", "Niters_max", "gamma"];

/**
 * Reads the options of a case.
 *
 * @throws {NotCovered} if an option asks for something this version does not simulate, or is not known.
 * @throws {FileError} if an option has a wrong type.
 */
export function readConfig(config: unknown, where: string): CoreConfig {
  if (!isRecord(config)) throw new FileError("read a golden case", { where: `${where}: config`, got: config, wanted: "an object" });
  const known = new Set<string>();
  const read = <T>(name: string, fallback: T, valid: (value: unknown) => boolean, wanted: string): T => {
    known.add(name);
    const value = config[name];
    if (value === undefined || value === null) return fallback;
    if (!valid(value)) throw new FileError("read a golden case", { where: `${where}: config.${name}`, got: value, wanted });
    return value as T;
  };
  const count = (name: string, fallback = 0) => read(name, fallback, (value) => Number.isInteger(value) && Number(value) >= 0, "a count");
  const number = (name: string, fallback: number) => read(name, fallback, Number.isFinite, "a number");
  const flag = (name: string, fallback: boolean) => read(name, fallback, (value) => typeof value === "boolean", "true or false");
  const choice = <T extends string>(name: string, values: readonly T[], fallback: T): T => {
    const text = read(name, fallback as string, (value) => typeof value === "string", "a name");
    const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
    if (found === undefined) throw new NotCovered(`${name} ${text}`);
    return found;
  };
  for (const [name, what] of Object.entries(MISSING)) {
    known.add(name);
    const value = config[name];
    if (value !== undefined && value !== null && value !== false) throw new NotCovered(what);
  }
  for (const name of SOLVER) known.add(name);
  const present = (value: unknown) => value !== undefined && value !== null && value !== false;
  for (const name of ["parasitics", "nonlinear_IV", "programming_error"]) known.add(name);
  const wires = present(config["parasitics"]) ? readWires(config["parasitics"], number("Rmin", 1000), where) : undefined;
  const readVoltage = number("Vread", NaN);
  const curve = present(config["nonlinear_IV"]) ? config["nonlinear_IV"] : undefined;
  if (curve !== undefined) {
    const rest = isRecord(curve) ? Object.keys(curve).filter((name) => name !== "model") : [];
    if (!isRecord(curve) || curve["model"] !== "CubicDevice" || rest.length > 0 || Number.isNaN(readVoltage)) {
      throw new NotCovered(`cells ${JSON.stringify(curve)} at Vread ${config["Vread"]}`);
    }
  }

  const style = choice("style", ["balanced", "offset", "bitsliced"], "balanced");
  const result: CoreConfig = {
    style,
    sliceStyle: choice("slice_style", ["BALANCED", "OFFSET"], "BALANCED"),
    twoSided: choice("balanced_style", ["ONE_SIDED", "TWO_SIDED"], "ONE_SIDED") === "TWO_SIDED",
    subtract: flag("subtract_in_xbar", true),
    interleaved: flag("interleaved", false),
    unitColumn: choice("offset_style", ["DIGITAL_OFFSET", "UNIT_COLUMN_SUBTRACTION"], "DIGITAL_OFFSET") === "UNIT_COLUMN_SUBTRACTION",
    gmin: flag("inf_on_off", false) ? 0 : number("Rmin", 1000) / number("Rmax", 10000),
    cellBits: count("cell_bits"),
    weightBits: count("weight_bits"),
    slices: count("num_slices", 1),
    dacBits: count("dac_bits"),
    signed: flag("dac_signed", true),
    inputRange: read("input_range", [-1, 1] as const, isPair, "two numbers, ascending"),
    bitSerial: flag("bitserial", false),
    digitBits: count("slice_size", 1),
    adcBits: count("adc_bits"),
    adcModel: choice("adc_model", ["QuantizerADC", "SignMagnitudeADC", "RampADC", "SarADC"], "QuantizerADC"),
    adcRange: choice("adc_range", ["MAX", "GRANULAR", "CALIBRATED"], "CALIBRATED"),
    calibrated: read<unknown>("calibrated_range", undefined, Array.isArray, "a list"),
    adcPerDigit: flag("adc_per_ibit", false),
    gainDb: number("gain_db", Infinity),
    splitCdac: flag("split_cdac", false),
    columnLimit: number("Icol_max", 0),
    rows: count("rows_max"),
    ...(wires === undefined ? {} : { wires }),
    ...(curve === undefined ? {} : { cubic: readVoltage }),
    errors: present(config["programming_error"]),
  };
  number("Rmin", 1000);
  number("Rmax", 10000);
  flag("adc_signed", true);
  if (number("sigma_capacitor", 0) !== 0 || number("sigma_comparator", 0) !== 0) throw new NotCovered("converter mismatch");
  if (!flag("symmetric_cdac", true)) throw new NotCovered("a ramp from an asymmetric capacitor array");
  const unknown = Object.keys(config).find((name) => !known.has(name));
  if (unknown !== undefined) throw new NotCovered(`the option ${unknown}`);
  const corrected = result.adcRange === "GRANULAR" ||
    (result.adcRange === "MAX" && style === "bitsliced" && result.sliceStyle === "OFFSET");
  if (result.dacBits === 0 && result.bitSerial) throw new NotCovered("digits of inputs without a DAC");
  if (result.dacBits === 0 && result.adcBits > 0 && corrected) throw new NotCovered("a converter range in steps of inputs without a DAC");
  return result;
}

/** Line resistances in units of the smallest cell resistance; "row" lines carry inputs. */
function readWires(value: unknown, least: number, where: string): WireOptions {
  if (!isRecord(value)) {
    throw new FileError("read a golden case", { where: `${where}: config.parasitics`, got: value, wanted: "an object" });
  }
  const names = ["Rp_row", "Rp_col", "Rp_row_terminal", "Rp_col_terminal"] as const;
  const unknown = Object.keys(value).find((name) => !names.some((each) => each === name));
  if (unknown !== undefined) throw new NotCovered(`the option parasitics.${unknown}`);
  const [wordLine = 0, bitLine = 0, source = 0, terminal = 0] = names.map((name) => {
    const ohms = value[name] ?? 0;
    if (typeof ohms === "number" && ohms >= 0 && ohms < Infinity) return ohms / least;
    throw new FileError("read a golden case", { where: `${where}: config.parasitics.${name}`, got: ohms, wanted: "a resistance in ohms" });
  });
  return { wordLine, bitLine, source, terminal };
}

/** Whether a value is [lo, hi] with lo < hi. */
export function isPair(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] < value[1];
}
