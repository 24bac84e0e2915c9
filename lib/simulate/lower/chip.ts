// Which chip is lowered, and which of its layers need more than integers.

import type { LayerAdc } from "../../circuit/adc.ts";
import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import type { WiredCells } from "../../program/chip_cells.ts";
import { chipSeed, isIdeal, type ProgrammedNetwork } from "../../program/program.ts";
import { type ChipLayer, isAnalog } from "./analog.ts";
import type { LowerOptions } from "./lower.ts";

/** Which chip `lowerProgrammed` lowers. */
export interface LowerChipOptions extends LowerOptions {
  /** Number of the chip; default 0. */
  readonly chip?: number;
  /** Seed of all noise that is drawn anew at each conversion, whatever the chip; default 1. */
  readonly noiseSeed?: number;
  /** Cells of layers with wires, made for this chip by `chipCells`; what is missing is solved on the way, on one core. */
  readonly cells?: WiredCells;
  /** Whether layers that integers describe exactly become analog steps too; default false. */
  readonly analog?: boolean;
}

/** A chip in the course of lowering. */
export interface ChipChoice {
  /** What it is a chip of. */
  readonly programmed: ProgrammedNetwork;
  /** Its seed. */
  readonly seed: number;
  /** Seed of noise drawn at each conversion. */
  readonly noiseSeed: number;
  /** Whether all layers become analog steps. */
  readonly analog: boolean;
  /** Cells made before. */
  readonly cells: WiredCells | undefined;
  /** Bits applied to the word lines per step. */
  readonly digitBits: number;
}

const ACTION = "lower the network";

/** Checks options. @throws {OptionError} naming the field. */
export function checkChip(programmed: ProgrammedNetwork, options: LowerChipOptions): ChipChoice {
  checkOptions(ACTION, "simulate", options, ["digitBits", "chip", "noiseSeed", "cells", "analog"]);
  const { chip = 0, noiseSeed = 1, analog = false, cells, digitBits = 1 } = options;
  for (const [name, value] of Object.entries({ chip, noiseSeed })) {
    if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) continue;
    throw new OptionError(ACTION, { where: `simulate.${name}`, got: value, wanted: "an integer from 0 to 2^32 − 1" });
  }
  return { programmed, seed: chipSeed(programmed, chip), noiseSeed, analog, cells, digitBits };
}

/**
 * The chip's part of a layer; undefined if integers describe it.
 *
 * @throws {OptionError} if the layer is real and its converter's range dynamic.
 */
export function chipLayer(
  { programmed, seed, noiseSeed, analog, cells, digitBits }: ChipChoice,
  name: string,
  adc: LayerAdc,
): ChipLayer | undefined {
  const { mapped, layers } = programmed, layer = mapped.layers[name]!, physics = layers[name]!;
  if ("dynamic" in adc) {
    if (isIdeal(physics, layer.sliced, digitBits)) return undefined;
    throw new OptionError(ACTION, {
      where: "simulate.adc.range",
      got: "dynamic",
      wanted: `another range: ${name} runs on a programmed chip, whose converters have limits of their own`,
    });
  }
  const made = cells?.get(name), number = Object.keys(mapped.layers).indexOf(name);
  const found: ChipLayer = { layer, physics, number, seed, noiseSeed, ...(made === undefined ? {} : { cells: made }) };
  return analog || isAnalog(found, adc, digitBits) ? found : undefined;
}
