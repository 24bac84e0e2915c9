// What writing leaves in weights: the published model of errors in bit-sliced cells, as noise on the weights of a network, drawn by counter.

import { OptionError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { hash, hashOn, normalOf } from "../random.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { ALL_CELLS, type Selection } from "./selection.ts";
import { checkVerify, type VerifyOptions, type WriteVerify } from "./verify_options.ts";
import { addCosts, verifyCells, type WriteCost, writeCost } from "./write_verify.ts";

/**
 * Unit of a standard deviation. "lsb": steps of a cell, of which an m-bit cell has 2^m − 1, as SWIM is published. "fullScale": the cell's whole range, and
 * the weight's largest magnitude is all cells fully on. The two agree for 1-bit cells up to the factor 1 − 2^−N.
 */
export type SigmaUnit = "lsb" | "fullScale";

/** The model's options. */
export interface VariationOptions {
  /** Standard deviation of an open-loop write, in `unit`, at least 0. */
  readonly sigma: number;
  /** Standard deviation of a verified cell, in `unit`; default 0.03. Not given where `verify` simulates it. */
  readonly verified?: number;
  /** Simulates the loop of every cell instead: tolerance and errors in `unit`, σ₀ = `sigma`. */
  readonly verify?: VerifyOptions;
  /** Bits of a weight in cells, N; default 8. */
  readonly bits?: number;
  /** Bits of a cell, m, a divisor of N; default 1. */
  readonly cellBits?: number;
  /** Unit of the deviations; default "lsb", as published. */
  readonly unit?: SigmaUnit;
}

/** Options with defaults filled in. */
export interface Variation extends Required<Omit<VariationOptions, "verify" | "verified">> {
  /** Standard deviation of a verified cell; absent where it is simulated. */
  readonly verified?: number;
  /** How it is simulated. */
  readonly verify?: WriteVerify;
  /** What an error of 1 in cell i is in the weight, as a share of the layer's largest magnitude. */
  readonly weights: readonly number[];
}

/** Errors of one cell of each of a layer's weights, in units of the weights. */
export interface CellErrors {
  /** Left by an open-loop write. */
  readonly open: Float32Array;
  /** Left where the cell is verified. */
  readonly verified: Float32Array;
  /** Pulses when verified; each is followed by a reading. */
  readonly pulses: Uint32Array;
  /** What an error of 1 in the cell is in the weight. */
  readonly scale: number;
}

/** Errors of one layer's weights on one chip, in units of the weights, in their order. */
export interface LayerErrors {
  /** Left by an open-loop write of all cells. */
  readonly open: Float32Array;
  /** Left where all cells are verified. */
  readonly verified: Float32Array;
  /** Every cell apart, the most significant first; where the loop is simulated. */
  readonly cells?: readonly CellErrors[];
}

/** Errors of all weights of one chip, by parameter name (`<layer>.weight`), and what they were drawn with. */
export interface WeightErrors {
  /** By parameter name. */
  readonly layers: Readonly<Record<string, LayerErrors>>;
  /** Options with defaults filled in. */
  readonly variation: Variation;
}

const ACTION = "draw weight errors";

/** Checks options and fills in defaults. @throws {OptionError} if one is unknown or out of range. */
export function checkVariation(options: VariationOptions): Variation {
  checkOptions(ACTION, "variation", options, ["sigma", "verified", "verify", "bits", "cellBits", "unit"]);
  const { sigma, bits = 8, cellBits = 1, unit = "lsb" } = options;
  const refuse = (where: string, got: unknown, wanted: string): never => {
    throw new OptionError(ACTION, { where: `variation.${where}`, got, wanted });
  };
  const deviation = (where: string, value: unknown) => {
    if (!(typeof value === "number" && Number.isFinite(value) && value >= 0)) refuse(where, value, "a standard deviation of at least 0");
  };
  deviation("sigma", sigma);
  if (!Number.isInteger(bits) || bits < 1 || bits > 16) refuse("bits", bits, "an integer from 1 to 16");
  if (!Number.isInteger(cellBits) || cellBits < 1 || bits % cellBits !== 0) refuse("cellBits", cellBits, `a divisor of the ${bits} bits`);
  if (unit !== "lsb" && unit !== "fullScale") refuse("unit", unit, '"lsb" or "fullScale"');
  const steps = Array.from({ length: bits / cellBits }, (_, i) => 2 ** (-(i + 1) * cellBits));
  const whole = steps.reduce((sum, step) => sum + step, 0);
  const shared = { sigma, bits, cellBits, unit, weights: unit === "lsb" ? steps : steps.map((step) => step / whole) };
  if (options.verify !== undefined) {
    if (options.verified !== undefined) refuse("verified", options.verified, "nothing: variation.verify simulates what is left");
    return { ...shared, verify: checkVerify(ACTION, "variation.verify", options.verify) };
  }
  const { verified = 0.03 } = options;
  deviation("verified", verified);
  return { ...shared, verified };
}

/**
 * Standard deviation of a weight over the layer's largest magnitude, for cells of deviation 1: 0.57735 for 8-bit weights in 1-bit cells.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 */
export function effectiveDeviation(options: VariationOptions): number {
  return deviationOf(checkVariation(options));
}

function deviationOf({ weights }: Variation): number {
  return Math.sqrt(weights.reduce((sum, weight) => sum + weight * weight, 0));
}

/** Names of the weights that stand in cells: those of convolutions and linear layers, in network order. */
export function weightNames({ layers }: Network): string[] {
  return layers.filter(({ op }) => op === "conv" || op === "linear").map(({ name }) => `${name}.weight`);
}

/** Largest magnitude of a tensor. */
export function largest({ data }: Pick<Tensor, "data">): number {
  let most = 0;
  for (let at = 0; at < data.length; at++) most = Math.max(most, Math.abs(data[at]!));
  return most;
}

/**
 * Errors of all weights of one chip: n = max|W| · Σ_{i = 1 … N/m} 2^(−i·m) · N(0, σ²), the model of SWIM (Z. Yan et al., DAC 2022), with σ for weights written
 * open loop and for verified ones. Without `verify` the sum is drawn as the one normal number that it is; with it each cell is written by `verifyCells`,
 * whose first pulse is the open-loop write. Weights are as in `network`: floats or the values of codes. Biases have no error.
 *
 * @param draw Number of the chip; the same chip whatever is selected, and on every backend.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { drawErrors, lenet } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const weights = lenet(), errors = drawErrors(weights, { sigma: 0.2 }, { seed: 1, draw: 0 });
 * const most = weights.parameters["fc1.weight"]!.data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
 * const square = errors.layers["fc1.weight"]!.open.reduce((sum, error) => sum + error * error, 0) / 48000;
 * assert(Math.abs(Math.sqrt(square) / most / 0.2 - 0.57735) < 0.01);
 * ```
 */
export function drawErrors(
  network: Network,
  options: VariationOptions,
  { seed = 1, draw = 0 }: { readonly seed?: number; readonly draw?: number } = {},
): WeightErrors {
  const variation = checkVariation(options), { sigma, verified = 0, verify, weights } = variation, spread = deviationOf(variation);
  const layers = Object.fromEntries(
    weightNames(network).map((name, layer): [string, LayerErrors] => {
      const values = network.parameters[name]!, count = values.data.length, most = largest(values), key = hash(seed, layer, draw);
      const open = new Float32Array(count), after = new Float32Array(count);
      if (verify === undefined) {
        for (let at = 0; at < count; at++) {
          open[at] = most * spread * sigma * normalOf(hashOn(key, 2 * at));
          after[at] = most * spread * verified * normalOf(hashOn(key, 2 * at + 1));
        }
        return [name, { open, verified: after }];
      }
      const cells = weights.map((weight, cell): CellErrors => {
        const { open: first, left, pulses } = verifyCells(count, sigma, verify, hashOn(key, cell));
        const own = { open: new Float32Array(count), verified: new Float32Array(count), pulses, scale: most * weight };
        for (let at = 0; at < count; at++) {
          open[at]! += own.open[at] = most * weight * first[at]!;
          after[at]! += own.verified[at] = most * weight * left[at]!;
        }
        return own;
      });
      return [name, { open, verified: after, cells }];
    }),
  );
  return { layers, variation };
}

/** Deviations of a weight over those of all cells: of its cells from `depth` on, and of those before. */
function shares({ weights }: Variation): { readonly open: number[]; readonly verified: number[] } {
  const parts = Array.from({ length: weights.length + 1 }, (_, depth) => {
    return weights.slice(0, depth).reduce((sum, weight) => sum + weight * weight, 0);
  });
  const all = parts.at(-1)!;
  return { open: parts.map((part) => Math.sqrt(1 - part / all)), verified: parts.map((part) => Math.sqrt(part / all)) };
}

/**
 * Weights with errors: W + open where a weight is not verified, W + verified where it is, and a part of each where only some of its cells are.
 *
 * @param selection Weights verified; none if left out, all for "all".
 */
export function erroneousWeights(network: Network, errors: WeightErrors, selection?: Selection | "all"): Record<string, Tensor> {
  const part = shares(errors.variation);
  return Object.fromEntries(
    Object.entries(errors.layers).map(([name, { open, verified, cells }]): [string, Tensor] => {
      const { data, shape } = network.parameters[name]!, values = new Float32Array(data.length);
      const depths = selection === undefined || selection === "all" ? undefined : selection.cells[name];
      const rest = selection === "all" ? verified : open;
      for (let at = 0; at < values.length; at++) {
        const depth = depths?.[at] ?? 0;
        let error = rest[at]!;
        if (depth === ALL_CELLS) error = verified[at]!;
        else if (depth > 0 && cells === undefined) error = part.open[depth]! * open[at]! + part.verified[depth]! * verified[at]!;
        else if (depth > 0) { for (let cell = 0; cell < depth; cell++) error += cells![cell]!.verified[at]! - cells![cell]!.open[at]!; }
        values[at] = data[at]! + error;
      }
      return [name, tensor(values, shape)];
    }),
  );
}

/**
 * What writing a chip's weights takes, from the loops of its cells.
 *
 * @param selection Weights verified; none if left out, all for "all".
 * @throws {OptionError} if the errors were drawn without `verify`, so that no loop was simulated.
 */
export function weightWriteCost({ layers, variation: { verify, weights } }: WeightErrors, selection?: Selection | "all"): WriteCost {
  if (verify === undefined) {
    throw new OptionError("count write cycles", {
      where: "errors",
      got: "drawn without a loop",
      wanted: "variation.verify when they are drawn",
    });
  }
  return addCosts(
    ...Object.entries(layers).map(([name, { open, cells }]) => {
      const depths = selection === undefined || selection === "all" ? undefined : selection.cells[name], pulses: number[] = [];
      let failed = 0;
      const tolerance = verify.tolerance * (1 + 1e-6);
      cells!.forEach((cell, index) => {
        for (let at = 0; at < open.length; at++) {
          if (selection !== "all" && (depths?.[at] ?? 0) <= index) continue;
          pulses.push(cell.pulses[at]!);
          if (cell.pulses[at] === verify.maxPulses) failed += Number(Math.abs(cell.verified[at]!) > tolerance * cell.scale);
        }
      });
      return writeCost(verify, { pulses, reads: pulses, failed, open: open.length * weights.length - pulses.length });
    }),
  );
}
