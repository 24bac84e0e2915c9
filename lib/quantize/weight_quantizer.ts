// Weight quantizers by name: recipes, edge layers and trained codes write down only the kind, the width and options.

import { apot } from "./apot.ts";
import { binary } from "./binary.ts";
import { dorefa } from "./dorefa.ts";
import { lgLsq } from "./lg_lsq.ts";
import { llsq } from "./llsq.ts";
import { lsq } from "./lsq.ts";
import { lsqPlus } from "./lsq_plus.ts";
import type { WeightQuantizer } from "./quantizer.ts";
import { sawb } from "./sawb.ts";
import { ternary } from "./ternary.ts";
import { uniform } from "./uniform.ts";

const MAKERS: Readonly<Record<string, (options: { readonly bits: number }) => WeightQuantizer>> = {
  dorefa,
  uniform,
  lsq,
  lsqPlus,
  sawb,
  apot,
  llsq,
  lgLsq,
  binary,
  ternary,
};

/** Kinds that {@linkcode weightQuantizer} makes. */
export const WEIGHT_QUANTIZERS: readonly string[] = Object.keys(MAKERS);

/** Kinds that do not exist at the width of edge layers. */
const NARROW = ["apot", "binary", "ternary"];

/**
 * The weight quantizer of a kind and width, with the options that its {@linkcode WeightQuantizer.toJSON} names; `undefined` for a kind that is not Bitline's
 * own.
 *
 * @throws {OptionError} if the quantizer does not exist at this width or has no such option.
 *
 * @example
 * ```ts
 * import { weightQuantizer } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(weightQuantizer("dorefa", 8)?.toJSON(), { kind: "dorefa", bits: 8 });
 * assertEquals(weightQuantizer("lsq", 3, { perChannel: true })?.kind, "lsq");
 * ```
 */
export function weightQuantizer(
  kind: string,
  bits: number,
  options: Readonly<Record<string, unknown>> = {},
): WeightQuantizer | undefined {
  return Object.hasOwn(MAKERS, kind) ? MAKERS[kind]!({ ...options, bits }) : undefined;
}

/** The quantizer of a kind at the width of first and last layers; plain uniform codes for kinds of a few levels, `undefined` for kinds not Bitline's own. */
export function edgeQuantizer(kind: string, bits: number): WeightQuantizer | undefined {
  return NARROW.includes(kind) ? uniform({ bits }) : weightQuantizer(kind, bits);
}
