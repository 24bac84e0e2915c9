// Options are refused when unknown: a misspelt name must not silently mean the default.

import { OptionError } from "./errors.ts";

/**
 * Refuses options that are not an object or carry a name which is not among `known`.
 *
 * @param action What is being attempted, for the message: `Cannot <action> …`.
 * @param where Path of the options in messages, for instance `map`.
 * @throws {OptionError} if a name is unknown.
 *
 * @example
 * ```ts
 * import { checkOptions, OptionError } from "@bitline/bitline";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => checkOptions("map the network", "map", { row: 1 }, ["rows", "columns"]), OptionError, "map.row");
 * ```
 */
export function checkOptions(action: string, where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new OptionError(action, { where, got: options, wanted: "an object of options" });
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new OptionError(action, { where: `${where}.${name}`, got: "an unknown option", wanted: `one of ${known.join(", ")}` });
  }
}
