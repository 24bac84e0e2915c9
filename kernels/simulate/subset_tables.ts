// Tables of subset sums, 8 rows × up to 64 columns: what crossbar_subset.ts and crossbar_excess.ts have in common.

import { add, get, int, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";
import { PLAN, SLICE } from "./crossbar_lookup.ts";
import { GROUP_ROWS, groupBytes } from "./subset_planes.ts";

/** Bytes of planes that a turn of the main loop takes; the rest go one by one. */
const TURN = 8;

/** Words of the record of a tile to be visited: bytes of eight rows, offset of its planes, of its counts, of its weights, its number among all tiles. */
export const TILE = { groups: 0, planes: 1, counts: 2, weights: 3, number: 4, words: 5 } as const;

/** Bytes of the tables of `groups` × eight rows. */
export function subsetBytes(groups: number, vectors: number): number {
  return groups * 256 * 16 * vectors;
}

/** What an entry sums: ones, ones times the distance of the two cells there are, or the cells themselves, in signed bytes. */
export type Entry = "ones" | "distances" | "cells";

/** Word of the plan. */
export const plan = (word: keyof typeof PLAN): string => `(i32.load offset=${PLAN[word] * 4} ${get("plan")})`;
/** Word of the record of slices abreast. */
export const slice = (word: number): string => `(i32.load offset=${word * 4} ${get("slice")})`;
/** Word of the tile's record. */
export const tile = (word: keyof typeof TILE): string => `(i32.load offset=${TILE[word] * 4} ${get("tile")})`;

/** Locals that the parts below use, besides `c0` …: counts of each position counted, times `vectors`. */
export const TABLE_LOCALS = ["w", "t", "u", "last", "stop"] as const;
/** Vectors that the parts below use, besides the counts. */
export const TABLE_REGISTERS = ["distance", "lowest"] as const;

/** Sets what {@linkcode buildTables} needs of a slice. */
export function startSlice(): string {
  return set("distance", `(i16x8.splat ${slice(SLICE.distance)})`) + set("lowest", `(i8x16.splat ${slice(SLICE.least)})`);
}

/** The tables of the tile's groups at `table`: each row doubles the entries there are. */
export function buildTables(vectors: number, kind: Entry): string {
  const all = (body: (vector: number) => string) => repeat(vectors, body), entry = vectors * 16;
  const row = (r: number) => (q: number) => {
    const nibbles = `(v128.load offset=${((r >> 2) * vectors + q) * 16} ${get("w")})`;
    const bit = (r & 3) === 0 ? nibbles : `(i8x16.shr_u ${nibbles} ${int(r & 3)})`;
    const one = `(v128.and ${bit} (v128.const i32x4 0x01010101 0x01010101 0x01010101 0x01010101))`;
    const scaled = kind === "ones" ? one : `(i16x8.mul ${one} ${get("distance")})`;
    return set(`c${q}`, kind === "cells" ? `(i8x16.add ${scaled} ${get("lowest")})` : scaled);
  };
  const sum = (r: number) => (q: number) =>
    `(v128.store offset=${(entry << r) + q * 16} ${get("u")} (i8x16.add (v128.load offset=${q * 16} ${get("u")}) ${get(`c${q}`)}))`;
  const group = all((q) => `(v128.store offset=${q * 16} ${get("t")} ${ZERO})`) +
    repeat(GROUP_ROWS, (r) => all(row(r)) + loop("u", get("t"), add(get("t"), int(entry << r)), all(sum(r)), entry));
  return `${set("t", get("table"))}
    ${set("w", add(slice(SLICE.weights), mul(get("block"), get("blockBytes")), tile("weights")))}
    ${set("last", add(get("w"), mul(tile("groups"), int(2 * entry))))}
    ${loop("w", get("w"), get("last"), `${group}${set("t", add(get("t"), int(256 * entry)))}`, 2 * entry)}`;
}

/**
 * c = table sums of the planes that `sources` point at, `vectors` for each. A source is a local and the offset of its first byte; sources that share
 * a local must stand together.
 */
export function sumRows(vectors: number, inputBits: number, sources: readonly { readonly at: string; readonly offset: number }[]): string {
  const entry = vectors * 16, shift = Math.log2(entry), bytes = groupBytes(inputBits);
  const scaled = (byte: string) => Number.isInteger(shift) ? `(i32.shl ${byte} ${int(shift)})` : mul(byte, int(entry));
  const places = [...new Set(sources.map(({ at }) => at))], [lead] = places;
  const turn = (count: number) =>
    sources.map(({ at, offset }, source) =>
      repeat(count, (g) =>
        set("u", add(get("t"), scaled(`(i32.load8_u offset=${g * bytes + offset} ${get(at)})`))) +
        repeat(vectors, (q) => {
          const c = `c${source * vectors + q}`;
          return set(c, `(i8x16.add ${get(c)} (v128.load offset=${g * 256 * entry + q * 16} ${get("u")}))`);
        }))
    ).join("") + places.map((at) => set(at, add(get(at), int(count * bytes)))).join("") + set("t", add(get("t"), int(count * 256 * entry)));
  return `${repeat(sources.length * vectors, (i) => set(`c${i}`, ZERO))}${set("t", get("table"))}
    ${set("last", add(get(lead!), mul(`(i32.and ${tile("groups")} ${int(-TURN)})`, int(bytes))))}
    ${set("stop", add(get(lead!), mul(tile("groups"), int(bytes))))}
    (block $short (loop $long (br_if $short (i32.ge_u ${get(lead!)} ${get("last")}))${turn(TURN)}(br $long)))
    (block $done (loop $one (br_if $done (i32.ge_u ${get(lead!)} ${get("stop")}))${turn(1)}(br $one)))`;
}
