// The converters of a network's arrays: checked as the user gives them, then chosen layer by layer for the chips at hand.

import { type AdcOptions, checkAdc, type CheckedAdc, type LayerAdc, needsImages, type ResolvedAdc } from "../circuit/adc.ts";
import { checkOptions } from "../options.ts";
import { lowestStates, type ProgrammedNetwork } from "../program/program.ts";
import type { Tensor } from "../tensor.ts";
import type { Backend } from "./backend.ts";
import { calibrate } from "./observe/calibrate.ts";

/** What a user says about converters. */
export interface ConverterOptions {
  /** Converter of every array; default 6 bits with a calibrated range. */
  readonly adc?: AdcOptions;
  /**
   * Converters of single layers, by name, in place of `adc`: options, such as those a network was trained with, or converters whose ranges have been chosen, as the
   * `converters` of an earlier result.
   */
  readonly converters?: Readonly<Record<string, AdcOptions | LayerAdc>>;
}

/** {@linkcode ConverterOptions}, checked. */
export interface CheckedConverters {
  /** Converter of layers without one of their own. */
  readonly adc: CheckedAdc;
  /** Options of single layers. */
  readonly own: ReadonlyMap<string, CheckedAdc>;
  /** Both as given: defaults filled in would read as choices. */
  readonly given: { readonly adc: AdcOptions; readonly own: Readonly<Record<string, AdcOptions>> };
  /** Layers whose range was chosen before. */
  readonly chosen: Readonly<Record<string, LayerAdc>>;
  /** Whether some range can only be chosen on images. */
  readonly needImages: boolean;
}

/**
 * Checks converters of single layers and of all others.
 *
 * @param layers Names of the layers on arrays.
 * @throws {OptionError} if a layer or an option is unknown, or a value out of range.
 */
export function checkConverters({ adc = { bits: 6 }, converters = {} }: ConverterOptions, layers: readonly string[]): CheckedConverters {
  checkOptions("simulate the network", "simulate.converters", converters, layers);
  const all = checkAdc(adc), own = new Map<string, CheckedAdc>();
  const raw: Record<string, AdcOptions> = {}, chosen: Record<string, LayerAdc> = {};
  for (const [name, converter] of Object.entries(converters)) {
    if (typeof converter === "object" && converter !== null && "unit" in converter) chosen[name] = converter;
    else {
      own.set(name, checkAdc(converter, `simulate.converters.${name}`));
      raw[name] = converter;
    }
  }
  const needImages = layers.some((name) => !Object.hasOwn(chosen, name) && needsImages(own.get(name) ?? all));
  return { adc: all, own, given: { adc, own: raw }, chosen, needImages };
}

/**
 * Chooses the converter of every layer: on perfect cells, then with room for what lowest states add that nothing subtracts.
 *
 * @param images Calibration images, where ranges need some.
 * @returns By layer name.
 * @throws {OptionError} if a range needs images and there are none.
 */
export async function chooseConverters(
  programmed: ProgrammedNetwork,
  { adc, own, given, chosen }: CheckedConverters,
  images: Tensor<Uint8Array> | undefined,
  backend: Backend,
  { digitBits, seed }: { readonly digitBits: number; readonly seed: number },
): Promise<Readonly<Record<string, LayerAdc>>> {
  // A full range calibrates nothing; it makes room for a converter chosen before.
  const settled = Object.keys(chosen).map((name): [string, AdcOptions] => [name, { bits: 1, range: "full" }]);
  const converters = { ...given.own, ...Object.fromEntries(settled) };
  const resolved = await calibrate(programmed.mapped, given.adc, images, backend, { digitBits, seed, converters });
  return { ...widened(programmed, resolved, (name) => own.get(name) ?? adc, digitBits), ...chosen };
}

/** Converters of layers whose lowest state conducts unsubtracted, with room for what that adds at most. */
export function widened(
  { mapped, layers }: ProgrammedNetwork,
  adcs: Readonly<Record<string, LayerAdc>>,
  checked: (name: string) => CheckedAdc,
  digitBits: number,
): Readonly<Record<string, LayerAdc>> {
  return Object.fromEntries(
    Object.entries(adcs).map(([name, adc]) => {
      const { kind, range } = checked(name);
      if (typeof range !== "string" || kind === "thresholds") return [name, adc];
      const layer = mapped.layers[name]!, extra = Math.max(...lowestStates(layers[name]!, layer.sliced));
      if ("dynamic" in adc || extra === 0) return [name, adc];
      const rows = layer.arrays.reduce((most, { rows }) => Math.max(most, rows), 0);
      const stretch = (one: ResolvedAdc): ResolvedAdc => {
        const span = one.step * (one.codes === undefined ? one.levels - 1 : one.codes.at(-1)! - one.codes[0]!);
        const factor = (span + extra * rows * (2 ** digitBits - 1)) / span, { lo } = one;
        return {
          ...one,
          step: one.step * factor,
          ...(one.thresholds === undefined ? {} : { thresholds: one.thresholds.map((limit) => lo + (limit - lo) * factor) }),
          ...(one.slices === undefined ? {} : { slices: one.slices.map(stretch) }),
        };
      };
      return [name, stretch(adc)];
    }),
  );
}
