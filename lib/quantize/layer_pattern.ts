// Exceptions for layers by name or pattern: which entries hold for a layer, and that none of them is misspelt.

import { OptionError } from "../errors.ts";

/** Whether a name is a pattern's: `*` stands for any text. */
export function matchesPattern(pattern: string, name: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(name);
}

/**
 * Merges the entries that hold for each layer: patterns in their order, then the entry of the layer's very name, later fields over earlier ones.
 *
 * @param names Layers that entries may match.
 * @throws {OptionError} if an entry matches none of them.
 */
export function layerEntries<T extends object>(
  action: string,
  where: string,
  entries: Readonly<Record<string, T>>,
  names: readonly string[],
): ReadonlyMap<string, T> {
  if (typeof entries !== "object" || entries === null || Array.isArray(entries)) {
    throw new OptionError(action, { where, got: entries, wanted: "an object by layer name or pattern" });
  }
  const merged = new Map<string, T>(), exact = (key: string) => names.includes(key), all = Object.entries(entries);
  for (const [key, entry] of [...all.filter(([key]) => !exact(key)), ...all.filter(([key]) => exact(key))]) {
    const matches = exact(key) ? [key] : names.filter((name) => matchesPattern(key, name));
    if (matches.length === 0) {
      throw new OptionError(action, {
        where: `${where}.${key}`,
        got: "a name that no layer matches",
        wanted: `one of ${names.join(", ")}, or a pattern with *`,
      });
    }
    for (const name of matches) merged.set(name, { ...merged.get(name), ...entry });
  }
  return merged;
}
