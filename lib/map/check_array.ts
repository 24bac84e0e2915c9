// Impossible arrays are refused alike wherever a mapping starts.

import { MappingError } from "../errors.ts";

/**
 * Checks sizes by the names a message should give them.
 *
 * @param hint What to add to the message.
 * @throws {MappingError} if one is no integer of at least 1.
 */
export function checkArray(action: string, sizes: Readonly<Record<string, number>>, hint?: string): void {
  for (const [where, got] of Object.entries(sizes)) {
    if (!Number.isInteger(got) || got < 1) {
      throw new MappingError(action, { where, got, wanted: "an integer of at least 1", ...(hint === undefined ? {} : { hint }) });
    }
  }
}
