// How a converter looks to the tables of subset sums: in bytes where sums or counts allow, else in 16 bits as the look-up has it.

import type { SubsetOptions } from "../../../kernels/simulate/crossbar_subset.ts";
import { digitCount } from "./cells.ts";
import type { LookupStep } from "./lookup.ts";

/** What the kernel shares with the look-up's. */
export type SharedForm = Pick<SubsetOptions, "vectors" | "bits" | "shift" | "abreast">;

/** How a converter's codes are made. */
export interface ConverterForm {
  /** The kernel. */
  readonly options: SubsetOptions;
  /** Words of the plan that differ. */
  readonly words: Partial<Record<"low" | "high", number>>;
  /** Codes of "bytes". */
  readonly table?: Uint8Array;
}

/** The form of a converter, `clips` if bytes of ones can be cut where they are; undefined where codes of all bits do not add up in i16. */
export function converterForm({ step, adc, reach, planes }: LookupStep, clips: boolean, form: SharedForm): ConverterForm | undefined {
  const digits = digitCount(step), span = adc.high - adc.low, per = 2 ** form.bits - 1, cells = reach.low >= -128 && reach.high <= 127;
  let heaviest = 0;
  for (let slice = 0; slice < step.slices; slice += form.abreast) {
    const weights = step.sliceWeights.slice(slice, slice + form.abreast);
    heaviest = Math.max(heaviest, weights.reduce((sum, weight) => sum + Math.abs(weight), 0));
  }
  const made = (
    kind: SubsetOptions["adc"],
    entry: SubsetOptions["entry"],
    bound: number,
    more: Omit<ConverterForm, "options"> = { words: {} },
  ) => {
    const most = bound * (2 ** digits - 1), chunks = (more.table?.length ?? 16) / 16;
    return most > 32767
      ? undefined
      : { options: { ...form, adc: kind, entry, inputBits: digits, narrow: most * heaviest <= 32767, chunks }, ...more };
  };
  if (clips) return made("clip8", "ones", adc.bound);
  if (adc.form === "table" && cells) {
    const first = reach.low + adc.offset / adc.scale, codes = adc.table!.subarray(first, first + reach.high - reach.low + 1);
    const table = new Uint8Array(Math.ceil(codes.length / 16) * 16), most = codes.reduce((largest, code) => Math.max(largest, code), 0);
    table.set(codes);
    if (most * per <= 255) return made("bytes", "cells", most, { words: { low: reach.low }, table });
  }
  if (adc.form !== "clip") return made(adc.form, cells ? "cells" : "ones", adc.bound);
  if (cells && Math.max(-adc.low, adc.high) * per <= 127) return made("signed", "cells", adc.bound);
  // Clipped codes count from the lowest in bytes, if a column's ones times their distance fit one.
  const spans = span * per <= 255 &&
    planes.every(({ least, factor }) => least + factor > 0 && Math.floor(reach.high / (least + factor)) * factor <= 255);
  return spans ? made("span", "distances", span, { words: { high: span } }) : made("clip", cells ? "cells" : "ones", adc.bound);
}
