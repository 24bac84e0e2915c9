// Energy of one image on the accelerator, part by part.

import { elements } from "../tensor.ts";
import type { MarsAccelerator } from "./accelerator.ts";
import { groupCycles, type MarsLayer } from "./layers.ts";
import type { MarsSchedule } from "./schedule.ts";

/** Energy per image, pJ. */
export interface MarsImageEnergy {
  /** Activations of partitions, converters included. */
  readonly macrosPj: number;
  /** Inputs read from the activation buffer and outputs written to it. */
  readonly buffersPj: number;
  /** Partial sums shifted and added. */
  readonly accumulatePj: number;
  /** Bias, rectifier, quantiser. */
  readonly outputsPj: number;
  /** Index codes decoded at each reload, and inputs selected by them at each activation; 0 in a dense schedule. */
  readonly indexPj: number;
  /** Weights and index codes moved into macros; 0 where they are resident. */
  readonly reloadPj: number;
  /** Controller, clock and leakage over the interval. */
  readonly staticPj: number;
  /** Sum of all parts. */
  readonly totalPj: number;
}

/**
 * Energy of one image.
 *
 * Every activation reads its input digits anew (nothing is shared between macros) and adds up a result per column. A weight of more bits has fewer columns to a
 * group, so an activation costs the same for all widths.
 *
 * @param batch Images of a batch, as the schedule has them.
 */
export function marsEnergy(
  layers: readonly MarsLayer[],
  schedule: MarsSchedule,
  accelerator: MarsAccelerator,
  batch = 1,
): MarsImageEnergy {
  const { energy, digitBits, activationBits, clockMhz } = accelerator;
  let macrosPj = 0, buffersPj = 0, accumulatePj = 0, outputsPj = 0, indexPj = 0, reloadPj = 0;
  schedule.layers.forEach(({ kept, weightBits, indexBits }, number) => {
    const layer = layers[number]!, { rows, columns } = layer.group, next = layers[number + 1]?.inputBits ?? activationBits;
    const activations = kept * groupCycles(layer, accelerator), outputs = elements(layer.geometry.outputShape);
    macrosPj += activations * energy.activationPj;
    buffersPj += (activations * rows * Math.min(digitBits, layer.inputBits) + outputs * next) * energy.bufferBitPj;
    accumulatePj += activations * columns * energy.accumulatePj;
    outputsPj += outputs * energy.outputPj;
    if (indexBits > 0) indexPj += activations * energy.selectPj + (schedule.resident ? 0 : indexBits * energy.indexBitPj / batch);
    if (!schedule.resident) reloadPj += (weightBits + indexBits) * energy.reloadBitPj / batch;
  });
  // 1 mW over 1 µs is 1000 pJ.
  const staticPj = energy.staticMw * 1000 * schedule.interval / clockMhz / batch;
  const totalPj = macrosPj + buffersPj + accumulatePj + outputsPj + indexPj + reloadPj + staticPj;
  return { macrosPj, buffersPj, accumulatePj, outputsPj, indexPj, reloadPj, staticPj, totalPj };
}
