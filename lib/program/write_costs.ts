// What writing a chip takes, summed over its arrays.

import type { LayerPhysics } from "./options.ts";
import { chipSeed, type ProgrammedNetwork } from "./program.ts";
import { type ChipArray, writeArray } from "./write.ts";
import { joinCosts, type WriteCost } from "./write_verify.ts";

/** Cost of writing a chip. */
export interface ChipWriteCost extends WriteCost {
  /** By layer; a layer's arrays are written side by side, as are layers. */
  readonly layers: Readonly<Record<string, WriteCost>>;
}

/**
 * Writes all arrays of a chip with its write-verify and counts pulses, reads, time (ns: that of the slowest array) and energy (pJ). `undefined` without `verify`:
 * there is then nothing that says what a pulse costs.
 *
 * @param chip Number of the chip; default 0.
 *
 * @example
 * ```ts
 * import { decompose, dorefa, lenet, map, pact, program, quantize, writeCosts } from "@bitline/bitline";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const bits = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) };
 * const mapped = map(decompose(quantize(lenet(), bits), { scheme: "balanced", cellBits: 4 }), { algorithm: "im2col" });
 * const verify = { select: "magnitude", share: 0.1, tolerance: 0.02, pulseEnergy: 2 } as const;
 * const cost = writeCosts(program(mapped, { device: "pcm_like", verify }))!;
 * assertEquals(cost.pulses, cost.cells - cost.verified + cost.cycles);
 * assert(cost.cycles > 1.5 * cost.verified);
 * ```
 */
export function writeCosts(programmed: ProgrammedNetwork, chip = 0): ChipWriteCost | undefined {
  return recordWriting(programmed, chip).costs();
}

/** A network that remembers what writing one of its chips took. */
export interface RecordedWriting {
  /** The same network; every array of the chip that is written for it is noted. */
  readonly programmed: ProgrammedNetwork;
  /** As {@linkcode writeCosts}; writes only arrays that were not written before. */
  costs(): ChipWriteCost | undefined;
}

/**
 * Notes what writing a chip takes while it is written for another purpose.
 *
 * @param chip Number of the chip; default 0.
 */
export function recordWriting(programmed: ProgrammedNetwork, chip = 0): RecordedWriting {
  const { mapped, layers } = programmed, seed = chipSeed(programmed, chip), known = new Map<string, WriteCost>();
  if (programmed.options.verify === undefined) return { programmed, costs: () => undefined };
  const wrote = (array: ChipArray, cost: WriteCost) => {
    if (array.seed === seed) known.set(`${array.layer},${array.array}`, cost);
  };
  const watched = Object.fromEntries(
    Object.entries(layers).map(([name, physics]): [string, LayerPhysics] => {
      return [name, physics.verify === undefined ? physics : { ...physics, verify: { ...physics.verify, wrote } }];
    }),
  );
  const costs = () => {
    const found = Object.entries(mapped.layers).map(([name, layer], number): [string, WriteCost] => [
      name,
      joinCosts(layer.arrays.map((array, index) => {
        return known.get(`${number},${index}`) ?? writeArray(layer, array, layers[name]!, { seed, layer: number, array: index }).cost!;
      })),
    ]);
    return { ...joinCosts(found.map(([, cost]) => cost)), layers: Object.fromEntries(found) };
  };
  return { programmed: { ...programmed, layers: watched }, costs };
}
