// Golden files of formats that are known but that this version does not run yet: recognised by what they hold.

import { type Format, type GoldenFile, isRecord, NotCovered } from "../format.ts";

const has = (value: unknown, ...names: string[]): boolean => isRecord(value) && names.every((name) => Object.hasOwn(value, name));
const first = (value: unknown): unknown => Array.isArray(value) ? value[0] : undefined;

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
  known(
    "swim",
    "second derivatives and write-verify",
    ({ json, arrays }) =>
      has(json, "model", "clean", "train_log") || has(json, "L0", "traceS_norm_per_sample") || has(first(json), "sigma0", "analytic_std") ||
      has(arrays, "conv1.weight", "fc1.weight") || has(arrays, "conv1.S_raw") ||
      (has(arrays, "x", "y") && Object.keys(arrays!).length === 2),
  ),
];
