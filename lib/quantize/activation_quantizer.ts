// Activation quantizers by name, for recipes and files.

import type { ClippedOptions } from "./clipped.ts";
import { lgLsqActivations } from "./lg_lsq.ts";
import { llsqActivations } from "./llsq.ts";
import { lsqActivations } from "./lsq.ts";
import { lsqPlusActivations } from "./lsq_plus.ts";
import { pact, pactPlus } from "./pact.ts";
import type { ActivationQuantizer } from "./quantizer.ts";

const MAKERS: Readonly<Record<string, (options: ClippedOptions) => ActivationQuantizer>> = {
  pact,
  pactPlus,
  lsq: lsqActivations,
  lsqPlus: lsqPlusActivations,
  llsq: llsqActivations,
  lgLsq: lgLsqActivations,
};

/** Kinds that {@linkcode activationQuantizer} makes. */
export const ACTIVATION_QUANTIZERS: readonly string[] = Object.keys(MAKERS);

/**
 * The activation quantizer of a kind and width, with further options; `undefined` for a kind that is not Bitline's own.
 *
 * @throws {OptionError} if the quantizer does not exist at this width or has no such option.
 *
 * @example
 * ```ts
 * import { activationQuantizer } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(activationQuantizer("lsq", 3, { alpha: 2 })?.codes(3.5), { bits: 3, step: 0.5 });
 * ```
 */
export function activationQuantizer(
  kind: string,
  bits: number,
  options: Readonly<Record<string, unknown>> = {},
): ActivationQuantizer | undefined {
  return Object.hasOwn(MAKERS, kind) ? MAKERS[kind]!({ ...options, bits }) : undefined;
}
