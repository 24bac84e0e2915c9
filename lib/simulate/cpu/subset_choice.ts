// Which tiles of a step run as an exact product, corrected where conversions clip, and which are counted: by the counts of a few positions of each batch.

import { groupBytes } from "../../../kernels/simulate/subset_planes.ts";
import { digitCount } from "./cells.ts";
import type { CpuDevice } from "./device.ts";
import type { ExactWay } from "./lookup.ts";
import type { Layout } from "./saturate.ts";
import type { Planes } from "./subset_window.ts";
import type { Window } from "./window.ts";
import type { CrossbarStep } from "../program.ts";

/** Positions of a batch that are looked at. */
const SAMPLES = 32;
/** Share of a batch that samples and the gaps after them span: such that they fall on all lines and columns of images. */
const SPREAD = 0.9888;
/** Most runs of neighbouring tiles for which a product is started. */
export const RUNS = 4;

/** Time of a tile with tables in rows counted: its conversions, counting ones and listing what can clip, and looking after what was listed. */
const CONVERT = 40, LIST = 40, COMPARE = 32;
/** Time of a row's product relative to counting it for four bits and 64 lines; i8 and i16 weights. */
const PRODUCT = { narrow: 0.4, wide: 0.8 } as const;
/** Time of tables relative to that of the look-up. */
const TABLES = 0.65;
/** Share of look-ups that can clip below which the look-up corrects a product faster: what is left of each tile does not pay for its tables. */
const SPARSE = 0.03;

/** Ones of each byte. */
const ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1;
  return ones;
});

/** What the choice is made from. */
export interface Choosing {
  readonly step: CrossbarStep;
  readonly window: Window;
  readonly made: Planes;
  readonly layout: Pick<Layout, "tileRows">;
  /** Eights of rows of each tile. */
  readonly tileGroups: readonly number[];
  readonly exact: ExactWay | undefined;
  /** Whether some tiles can run as a product and others not; else all or none. */
  readonly mixes: boolean;
  /** Tiles that never clip, and those that therefore always run as a product. */
  readonly never: readonly boolean[];
  readonly always: readonly boolean[];
  /** Whether tables can correct a product. */
  readonly redo: boolean;
}

/** Makes a function of a padded batch of `total` positions, as planes are gathered from and as bytes are, that says which tiles run as a product. */
export function chooser(
  device: CpuDevice,
  { step, window, made, layout, tileGroups, exact, mixes, never, always, redo }: Choosing,
): (source: number, padded: number, total: number) => readonly boolean[] | "look-up" {
  const bits = digitCount(step), size = groupBytes(bits), plain = tileGroups.map((each) => 8 * each + CONVERT);
  if (exact === undefined || never.every(Boolean)) return () => exact === undefined ? always : never;
  const product = PRODUCT[exact.narrow ? "narrow" : "wide"] * 16 / (bits * step.slices);
  /** Mean share of each tile's look-ups that can clip. */
  const shares = (source: number, padded: number, total: number) => {
    const sums = new Float64Array(tileGroups.length), stride = Math.max(1, Math.floor(total * SPREAD / SAMPLES));
    const samples = Math.min(SAMPLES, total), rows = made.fromRows ? window.stage(padded, 0, 0, samples, stride) : undefined;
    const { at, stages } = made.stages(source, rows?.at ?? 0, 0, 0, samples, stride);
    device.pool.chain(rows?.stage === undefined ? stages : [rows.stage, ...stages], samples, samples);
    const view = device.pool.u8(at, samples * made.pitch);
    for (let sample = 0; sample < samples; sample++) {
      tileGroups.forEach((groups, tile) => {
        const share = exact.shares[tile]!, from = sample * made.pitch + made.starts[tile]!, end = from + groups * size;
        for (let bit = 0; bit < bits; bit++) {
          let ones = 0;
          for (let place = from + bit; place < end; place += size) ones += ONES[view[place]!]!;
          sums[tile]! += share[ones]! / (bits * samples);
        }
      });
    }
    return sums;
  };
  return (source, padded, total) => {
    const share = shares(source, padded, total);
    if (!redo) {
      const unsafe = share.reduce((sum, each, tile) => sum + each * plain[tile]!, 0);
      return unsafe < exact.worthwhile(TABLES) * plain.reduce((sum, each) => sum + each) ? "look-up" : always;
    }
    if (share.every((each) => each < SPARSE) && !always.some(Boolean)) return "look-up";
    const saved = plain.map((each, tile) =>
      each - product * layout.tileRows[tile]! - (never[tile]! ? 0 : LIST + share[tile]! * (8 * tileGroups[tile]! + COMPARE))
    );
    const chosen = saved.map((each, tile) => always[tile]! || (mixes && each > 0));
    if (mixes && runsOf(chosen).length <= RUNS) return chosen;
    return saved.reduce((sum, each) => sum + each) > 0 ? saved.map(() => true) : always;
  };
}

/** Runs of tiles that are set, as first and end. */
export function runsOf(tiles: readonly boolean[]): [number, number][] {
  const runs: [number, number][] = [];
  tiles.forEach((each, tile) => {
    if (!each) return;
    const last = runs.at(-1);
    if (last !== undefined && last[1] === tile) last[1]++;
    else runs.push([tile, tile + 1]);
  });
  return runs;
}
