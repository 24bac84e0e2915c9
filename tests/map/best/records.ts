// Golden layers of the streaming and biclique families: a dozen inline, all of them where the folder is there.

import type { Problem } from "../../../lib/map/placement.ts";
import { problem } from "../problems.ts";

/** A square layer of stride 1 without padding, and the cycles known for it. */
export interface MappingRecord {
  readonly I: number;
  readonly K: number;
  readonly IC: number;
  readonly OC: number;
  readonly R: number;
  readonly C: number;
  /** Cycles of the prototypes' row streams and column streams. */
  readonly rows?: number;
  readonly columns?: number;
  readonly biclique?: number;
  /** Lower bound. */
  readonly bound: number;
}

const INLINE: readonly (readonly [number, number, number, number, number, number, number, number, number])[] = [
  [56, 3, 64, 64, 512, 512, 756, 756, 730],
  [14, 3, 256, 256, 512, 512, 504, 432, 360],
  [14, 3, 256, 256, 256, 512, 980, 864, 720],
  [14, 3, 512, 512, 512, 512, 2016, 1440, 1296],
  [18, 3, 24, 32, 256, 512, 48, 50, 31],
  [9, 3, 32, 64, 256, 512, 19, 18, 14],
  [7, 3, 64, 64, 256, 512, 20, 20, 15],
  [28, 3, 24, 16, 512, 512, 48, 56, 37],
  [18, 5, 8, 32, 512, 128, 70, 49, 49],
  [34, 1, 16, 8, 512, 512, 37, 37, 37],
  [32, 3, 256, 16, 64, 64, 11520, 11264, 10816],
  [34, 3, 192, 24, 128, 256, 2184, 2992, 1734],
];

/** The dozen. */
export const records: readonly MappingRecord[] = INLINE.map(([I, K, IC, OC, R, C, rows, columns, bound]) => ({
  I,
  K,
  IC,
  OC,
  R,
  C,
  rows,
  columns,
  bound,
}));

/** All golden records; undefined where the folder is absent. */
export async function goldenRecords(): Promise<MappingRecord[] | undefined> {
  const file = new URL("../../../../shared/golden/mapping/beyond_vwsdk.json", import.meta.url);
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  type Raw = Omit<MappingRecord, "rows" | "columns" | "biclique" | "bound"> & {
    sscat?: [number];
    sgath?: [number];
    biclique2?: number;
    LB: number;
  };
  const { records: all } = JSON.parse(text) as { records: Raw[] };
  return all.map(({ I, K, IC, OC, R, C, sscat, sgath, biclique2, LB }) => ({
    ...{ I, K, IC, OC, R, C, bound: LB },
    ...(sscat ? { rows: sscat[0] } : {}),
    ...(sgath ? { columns: sgath[0] } : {}),
    ...(biclique2 === undefined ? {} : { biclique: biclique2 }),
  }));
}

/** The record's layer and arrays. */
export function problemOf({ I, K, IC, OC, R, C }: MappingRecord): Problem {
  return problem({ image: I, kernel: K, in: IC, out: OC, rows: R, columns: C });
}
