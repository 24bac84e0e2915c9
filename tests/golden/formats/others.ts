// Golden files of formats that are known but that this version does not run yet: recognised by what they hold.

import { type Format, type GoldenFile, isRecord, NotCovered } from "../format.ts";

function known(name: string, reason: string, matches: (file: GoldenFile) => boolean): Format {
  return {
    name,
    matches,
    open: () => {
      throw new NotCovered(reason);
    },
  };
}

/** Formats to be covered by later versions. */
export const others: readonly Format[] = [
  known(
    "crosssim quirks",
    "measured faults of another tool, not to be matched",
    ({ json }) => isRecord(json) && Object.keys(json).some((key) => key.startsWith("offset_core_gain_error")),
  ),
];
