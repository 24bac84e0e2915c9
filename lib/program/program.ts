// Stage between mapping and simulation: which cells, wires and remedies the arrays have. A description only; conductances are made when needed.

import { type SlicedLayer, topLevels } from "../decompose/sliced.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import { hash } from "../random.ts";
import { OptionError } from "../errors.ts";
import { ACTION, type LayerPhysics, type ProgramOptions, type ResolvedProgram, resolveProgram } from "./options.ts";
import { isOhmic } from "./iv.ts";
import { resolveVerify } from "./verify_stage.ts";

/** A mapped network written to chips. */
export interface ProgrammedNetwork {
  /** Tells this object from those of other stages. */
  readonly kind: "programmed";
  /** What is written. */
  readonly mapped: MappedNetwork;
  /** All options with defaults filled in, as plain data. */
  readonly options: ResolvedProgram;
  /** Cells and wires of every layer on arrays, by name. */
  readonly layers: Readonly<Record<string, LayerPhysics>>;
}

/**
 * Says what the arrays are made of.
 *
 * Nothing is computed here: a chip's conductances follow from the seed and the chip's number whenever a layer is lowered, by `arrayCells`.
 *
 * @throws {OptionError} if an option is unknown, out of range, or does not go with another; names the field.
 *
 * @example
 * ```ts
 * import { decompose, dorefa, lenet, map, OptionError, pact, program, quantize } from "@bitline/bitline";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const bits = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) };
 * const mapped = map(decompose(quantize(lenet(), bits)), { algorithm: "im2col" });
 * const chip = program(mapped, { device: "pcm_like", time: 3600, compensation: "global", layers: { "conv*": { spareColumns: 2 } } });
 * assertEquals(chip.options.device.model, "pcm_like");
 * assertThrows(() => program(mapped, { wires: { wordLine: 1, bitLine: 1 } }), OptionError, "program.gMax");
 * ```
 */
export function program(mapped: MappedNetwork, options: ProgramOptions = {}): ProgrammedNetwork {
  if (mapped?.kind !== "mapped") {
    const got = (mapped as { kind?: unknown } | undefined)?.kind ?? mapped;
    throw new OptionError(ACTION, { where: "network", got: got ?? "nothing", wanted: "a network on arrays, as map() gives it" });
  }
  if (typeof options !== "object" || options === null) {
    throw new OptionError(ACTION, { where: "program", got: options, wanted: "an object of options" });
  }
  const { verify, ...rest } = options, names = Object.keys(mapped.layers), resolved = resolveProgram(rest, names);
  if (verify === undefined) return { kind: "programmed", mapped, ...resolved };
  const { options: loop, selection } = resolveVerify(mapped, verify, resolved.options.seed);
  const layers = Object.fromEntries(names.map((name) => {
    return [name, { ...resolved.layers[name]!, verify: { loop, cells: selection.cells[`${name}.weight`]! } }];
  }));
  return { kind: "programmed", mapped, options: { ...resolved.options, verify: loop }, layers };
}

/** Seed of chip number `chip`, as the device models take it. */
export function chipSeed({ options: { seed } }: ProgrammedNetwork, chip: number): number {
  return hash(seed, chip) >>> 1;
}

/**
 * Whether a layer's arrays do exactly what integers do: no errors, no drift, no wires, no lowest state that conducts unsubtracted, and currents in proportion
 * to the digits of `digitBits` bits.
 */
export function isIdeal({ device, time, wires, iv }: LayerPhysics, sliced: SlicedLayer, digitBits = 1): boolean {
  const straight = iv === undefined || isOhmic(iv) || (digitBits === 1 && iv.conductance === "read");
  const still = device.program === undefined && device.read === undefined && (device.drift === undefined || time === 0);
  return straight && still && wires === undefined && (device.gMin === 0 || unreferenced(sliced).length === 0);
}

/** Slices from which nothing is subtracted before the converter, so that it sees the current of the lowest state too. */
export function unreferenced({ sliceWeights, negative, mid }: SlicedLayer): number[] {
  return sliceWeights.map((_, slice) => slice).filter((slice) => negative === undefined && mid[slice] === 0);
}

/** What the lowest state of a cell that nothing is subtracted from adds to each slice, in levels; 0 elsewhere. */
export function lowestStates({ device: { gMin } }: LayerPhysics, sliced: SlicedLayer): number[] {
  const open = unreferenced(sliced);
  return topLevels(sliced).map((top, slice) => open.includes(slice) ? gMin * top / (1 - gMin) : 0);
}
