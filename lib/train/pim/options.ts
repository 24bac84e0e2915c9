// How training passes through arrays and converters, as plain data, checked field by field.

import type { DeviceDescription } from "../../device/device.ts";
import { device } from "../../device/models.ts";
import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";

/** Schemes by which a layer's integers stand on arrays, see {@linkcode PimOptions.scheme}. */
export const PIM_SCHEMES = ["native", "bit-serial", "differential"] as const;
/** A name in {@linkcode PIM_SCHEMES}. */
export type PimScheme = (typeof PIM_SCHEMES)[number];

/** Ways of choosing the converters' range by name. */
export const PIM_RANGES = ["max", "minmax", "percentile", "mse", "learned"] as const;
/** A name in {@linkcode PIM_RANGES}, or fixed limits [lo, hi] in units of cell-level sums. */
export type PimRange = (typeof PIM_RANGES)[number] | readonly [number, number];

/** Errors that training meets, drawn by counter: the same for any batch, order and number of threads. */
export interface PimNoise {
  /** Standard deviation of every cell's conductance in units of the highest; drawn anew at every step. Default 0. */
  readonly weights?: number;
  /**
   * Cell model in place of that one, by its description: programmed anew at every step. A lowest state that conducts adds to sums from which nothing is
   * subtracted; ranges that follow ideal sums have no room for it. Default none.
   */
  readonly device?: DeviceDescription;
  /** Thermal noise of every conversion in converter steps, fresh at every reading. Default 0. */
  readonly adc?: number;
  /** Integral non-linearity of the columns at mid-scale in converter steps: a fixed curve per column of a chip, of one chip unless cells are drawn anew. Default 0. */
  readonly inl?: number;
  /** Whether evaluation meets them too; default false. */
  readonly evaluate?: boolean;
}

/** Training through crossbars and converters (Jin et al., PIM-QAT, 2022). */
export interface PimOptions {
  /**
   * "native": signed cells, one sum per group and input digit. "bit-serial": two's complement on 1-bit cells, a sum for each bit. "differential":
   * positive and negative parts summed and converted apart, then subtracted.
   */
  readonly scheme: PimScheme;
  /** Bits of the converters, 1 … 16; a fraction means 2^adcBits levels, rounded, for adjusted-precision training ({@linkcode effectiveBits}). */
  readonly adcBits: number;
  /** Rows summed before a conversion; default 128. */
  readonly rows?: number;
  /** Physical columns of an array, which decide where column errors repeat; default 128. */
  readonly columns?: number;
  /** Input bits applied at once; default 4, as 4-bit activations in one step. */
  readonly digitBits?: number;
  /**
   * Range: "max" holds every sum that could occur; "minmax", "percentile" and "mse" follow the sums of training batches; "learned" starts as "mse" has it on
   * the first batch, and then trains the converter's step of each layer with LSQ's gradient, as a parameter of the group "scale"; or fixed limits.
   * Default "mse".
   */
  readonly range?: PimRange;
  /** Training steps between two looks at the sums, for ranges that follow them and for η; default 50. */
  readonly refresh?: number;
  /** Factor of the gradient: "measured" is √(Var y through arrays / Var y without), per layer and step; default "measured". */
  readonly xi?: "measured" | number;
  /** Factor of the layer's output: "matched" gives it the variance of the output without arrays; default "matched". */
  readonly eta?: "matched" | number;
  /** Layers on arrays, by name or pattern with `*`; default all convolutions but the first. */
  readonly layers?: readonly string[];
  /** Errors met in training; default none. */
  readonly noise?: PimNoise;
  /** Seed of those errors; default 1. */
  readonly seed?: number;
}

/** {@linkcode PimOptions} with defaults filled in. */
export interface Pim extends Omit<Required<PimOptions>, "layers" | "noise"> {
  /** Layers on arrays; undefined for the default. */
  readonly layers: readonly string[] | undefined;
  /** Errors met in training. */
  readonly noise: Required<Omit<PimNoise, "device">> & Pick<PimNoise, "device">;
}

const ACTION = "train through arrays";
const NAMES = ["scheme", "adcBits", "rows", "columns", "digitBits", "range", "refresh", "xi", "eta", "layers", "noise", "seed"] as const;

/**
 * Checks options and fills in the defaults.
 *
 * @param where Path of the options in messages.
 * @throws {OptionError} if a field is unknown or outside its range.
 *
 * @example
 * ```ts
 * import { checkPim, OptionError } from "@bitline/bitline";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(checkPim({ scheme: "native", adcBits: 5 }).rows, 128);
 * assertThrows(() => checkPim({ scheme: "native", adcBits: 0 }), OptionError, "pim.adcBits");
 * ```
 */
export function checkPim(options: PimOptions, where = "pim"): Pim {
  checkOptions(ACTION, where, options, NAMES);
  const { scheme, adcBits, rows = 128, columns = 128, digitBits = 4, range = "mse", refresh = 50, layers } = options;
  const { xi = "measured", eta = "matched", noise = {}, seed = 1 } = options;
  const refuse = (name: string, got: unknown, wanted: string) => {
    throw new OptionError(ACTION, { where: `${where}.${name}`, got: got ?? "nothing", wanted });
  };
  if (!PIM_SCHEMES.includes(scheme)) refuse("scheme", scheme, `one of ${PIM_SCHEMES.join(", ")}`);
  if (typeof adcBits !== "number" || !(adcBits >= 1 && adcBits <= 16)) refuse("adcBits", adcBits, "a number from 1 to 16");
  for (
    const [name, value, most] of [["rows", rows, 65536], ["columns", columns, 65536], ["digitBits", digitBits, 8], [
      "refresh",
      refresh,
      2 ** 24,
    ]] as const
  ) {
    if (!Number.isInteger(value) || value < 1 || value > most) refuse(name, value, `an integer from 1 to ${most}`);
  }
  const named = typeof range === "string" && (PIM_RANGES as readonly string[]).includes(range);
  const fixed = Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] < range[1];
  if (!named && !fixed) refuse("range", range, `one of ${PIM_RANGES.join(", ")}, or [lo, hi] with lo < hi`);
  const positive = (value: unknown) => typeof value === "number" && value > 0 && Number.isFinite(value);
  if (xi !== "measured" && !positive(xi)) refuse("xi", xi, '"measured" or a positive number');
  if (eta !== "matched" && !positive(eta)) refuse("eta", eta, '"matched" or a positive number');
  if (layers !== undefined && !(Array.isArray(layers) && layers.length > 0 && layers.every((name) => typeof name === "string"))) {
    refuse("layers", layers, "names or patterns of layers");
  }
  checkOptions(ACTION, `${where}.noise`, noise, ["weights", "device", "adc", "inl", "evaluate"]);
  const { weights = 0, adc = 0, inl = 0, evaluate = false } = noise;
  if (noise.device !== undefined) {
    if (weights !== 0) refuse("noise.weights", weights, "none beside noise.device");
    device(noise.device);
  }
  for (const [name, value] of Object.entries({ weights, adc, inl })) {
    if (typeof value !== "number" || !(value >= 0 && Number.isFinite(value))) {
      refuse(`noise.${name}`, value, "a standard deviation of at least 0");
    }
  }
  if (typeof evaluate !== "boolean") refuse("noise.evaluate", evaluate, "true or false");
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) refuse("seed", seed, "an integer from 0 to 2^32 − 1");
  return {
    scheme,
    adcBits,
    rows,
    columns,
    digitBits,
    range,
    refresh,
    xi,
    eta,
    layers,
    noise: { ...noise, weights, adc, inl, evaluate },
    seed,
  };
}

/**
 * Bits to train at for a converter of `bits` bits with thermal noise of σ steps: quantisation noise of 1/12 and σ² together are those of a converter of
 * b − ½ log₂(1 + 12σ²) bits (adjusted-precision training).
 *
 * @example
 * ```ts
 * import { effectiveBits } from "@bitline/bitline";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(effectiveBits(7, 0.35), 6.35, 0.01);
 * ```
 */
export function effectiveBits(bits: number, noise: number): number {
  return bits - Math.log2(1 + 12 * noise * noise) / 2;
}

/** Number of codes of a converter of so many bits, fractions allowed. */
export function levelsOf(bits: number): number {
  return Math.max(2, Math.round(2 ** bits));
}
