// Which layers on arrays may differ from chip to chip; all others are the same on every chip of a seed.

import type { LayerAdc } from "../circuit/adc.ts";
import type { ProgrammedNetwork } from "../program/program.ts";

/**
 * Names of the layers into which a chip's random numbers enter: cells that are written, read or drift with errors, and converters with noise or columns of
 * their own. Wires and laws of current alone make no two chips differ.
 *
 * @param adcs Converter of every layer on arrays, by name.
 */
export function unlikeLayers({ mapped, layers }: ProgrammedNetwork, adcs: Readonly<Record<string, LayerAdc>>): ReadonlySet<string> {
  return new Set(
    Object.keys(mapped.layers).filter((name) => {
      const { device: { program, read, drift }, verify } = layers[name]!, adc = adcs[name]!;
      const cells = program !== undefined || read !== undefined || drift !== undefined || verify !== undefined;
      return cells ||
        !("dynamic" in adc) && [adc, ...adc.slices ?? []].some(({ noise = 0, columns }) => noise > 0 || columns !== undefined);
    }),
  );
}
