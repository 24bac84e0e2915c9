// Crossbar steps on the CPU: the cheapest exact way is chosen from the cells and the ADC's table, never by an option.

import { type AdcKernel, chooseAdc, linearAdc, type Reach } from "./adc.ts";
import { checkTable, combinedCells, digitCount, reachOf, slicePlanes } from "./cells.ts";
import type { CpuDevice, Executor } from "./device.ts";
import { prepareInteger } from "./gemm.ts";
import { fitsLookup, prepareLookup } from "./lookup.ts";
import { prepareDynamic, prepareTable } from "./partial.ts";
import type { AdcTable, CrossbarStep } from "../program.ts";

/** How a crossbar step runs: one exact product, bit-plane look-up, or explicit partial sums. */
export type CrossbarPath = "product" | "lookup" | "partial" | "dynamic";

/** A crossbar step made ready, and the way chosen. */
export interface CrossbarExecutor extends Executor {
  readonly path: CrossbarPath;
  /** ADC form of the look-up path. */
  readonly form?: string;
  /** Whether the look-up path may run as an exact product of which only conversions that can clip are redone. */
  readonly corrected?: boolean;
  /** Whether the look-up path has tables of subset counts for batches of many positions. */
  readonly subset?: boolean;
}

/**
 * Chooses and prepares.
 *
 * - "product": every reachable sum converts without loss, so all digits, slices and tiles are one integer product.
 * - "lookup": sums and codes fit 16 bits. A converter that only clips lets blocks of positions run as the exact product, and the look-up redo
 *   what their few large digit sums could clip.
 * - "partial": anything else with a table; "dynamic": the range of each batch.
 *
 * @throws {OptionError} if slice weights are not integers.
 * @throws {NumericError} if sums could overflow or lack a code.
 */
export async function prepareCrossbar(device: CpuDevice, step: CrossbarStep, name: string): Promise<CrossbarExecutor> {
  const reach = reachOf(step);
  checkTable(step, reach, name);
  if (step.adc.kind === "dynamic") return { path: "dynamic", ...await prepareDynamic(device, step, step.adc) };
  const { table } = step.adc;
  const linear = linearAdc(table, reach);
  const weights = linear === undefined ? undefined : combinedCells(step, linear.gain, step.correction);
  if (linear !== undefined && weights !== undefined) {
    const { input, output, geometry } = step;
    const most = 2 ** step.inputBits - 1;
    const bias = linear.offset * conversionWeight(step);
    return { path: "product", ...await prepareInteger(device, { name, input, output, geometry, weights, zero: 0, most, bias }) };
  }
  const adc = sharedAdc(device, table, reach);
  const planes = slicePlanes(step);
  if (adc !== undefined && fitsLookup(step, adc)) {
    const conversions = conversionWeight(step);
    return { path: "lookup", form: adc.form, ...await prepareLookup(device, { step, adc, reach, planes, conversions }) };
  }
  return { path: "partial", ...await prepareTable(device, step, table, reach) };
}

/** The form of a converter, searched once for all steps of a layer that reach no further. */
function sharedAdc(device: CpuDevice, table: AdcTable, reach: Reach): AdcKernel | undefined {
  const known = device.converters.get(table) ?? [];
  const found = known.find((each) => each.reach.low <= reach.low && each.reach.high >= reach.high);
  if (found !== undefined) return found.adc;
  const adc = chooseAdc(table, reach);
  if (adc !== undefined) device.converters.set(table, [...known, { reach, adc }]);
  return adc;
}

/** Σ of the weights of all conversions of one output: what a code of 1 everywhere would add. */
function conversionWeight(step: CrossbarStep): number {
  const digits = (2 ** (digitCount(step) * step.digitBits) - 1) / (2 ** step.digitBits - 1);
  return digits * (step.tiles.length - 1) * step.sliceWeights.reduce((sum, weight) => sum + weight, 0);
}
