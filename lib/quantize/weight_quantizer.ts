// A quantizer from its kind and width: edge layers and trained codes need one, and only these two facts are written down.

import { dorefa } from "./dorefa.ts";
import type { WeightQuantizer } from "./quantizer.ts";
import { uniform } from "./uniform.ts";

const MAKERS: Readonly<Record<string, (options: { bits: number }) => WeightQuantizer>> = { dorefa, uniform };

/**
 * The weight quantizer of a kind and width, as {@linkcode WeightQuantizer.toJSON} names them; `undefined` for a kind that is not Bitline's own.
 *
 * @throws {OptionError} if the quantizer does not exist at this width.
 *
 * @example
 * ```ts
 * import { weightQuantizer } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(weightQuantizer("dorefa", 8)?.toJSON(), { kind: "dorefa", bits: 8 });
 * ```
 */
export function weightQuantizer(kind: string, bits: number): WeightQuantizer | undefined {
  return Object.hasOwn(MAKERS, kind) ? MAKERS[kind]!({ bits }) : undefined;
}
