// What clipping takes from an exact product, by tables of subset sums: only the tiles and bits that can clip are counted, listed beforehand.

import { add, get, int, kernel, locals, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";
import { SLICE } from "./crossbar_lookup.ts";
import { buildTables, plan, slice, startSlice, sumRows, TABLE_LOCALS, TABLE_REGISTERS, TILE, tile } from "./subset_tables.ts";

/** What is fixed when the kernel's text is made. */
export interface ExcessOptions {
  /** Vectors of 16 columns held in registers, 1 … 4: all columns of a block for the first slice abreast, then for the next. */
  readonly vectors: number;
  /** Slices counted side by side. */
  readonly abreast: number;
  /** "clip8": counts of ones against the upper end; "signed": sums of cells that fit a signed byte against both. */
  readonly adc: "clip8" | "signed";
  /** Bits of the input codes, 1 … 8. */
  readonly inputBits: number;
}

/** Bytes a thread needs to list the bits of `positions`. */
export function listBytes(positions: number, inputBits: number): number {
  return 4 * (positions * inputBits + 1);
}

/** Places of an entry that hold the bit; the rest are the position. */
const BITS = 3;

/**
 * Subtracts Σ 2^bit · weight · (t − clamp(t, low, high)) from `out`. Range: positions of a block, many at a time.
 *
 * For each tile the bits whose count of ones is above the tile's limit are listed without a branch, then counted two by two whatever positions they
 * are of; what they exceed the ends by is mostly nothing, so only then it is weighted and taken off. Tiles above whose limit no bit lies need no tables.
 * Parameters: those of `crossbarSubset`, with `listBytes` (see {@linkcode listBytes}) in place of `sumBytes`; limits as in `crossbarLookup`.
 */
export function crossbarExcess({ vectors, abreast, adc, inputBits }: ExcessOptions): string {
  const across = vectors / abreast;
  const position = (e: string) => add(get("begin"), `(i32.shr_u ${get(e)} ${int(BITS)})`);
  const bit = (e: string) => `(i32.and ${get(e)} ${int(2 ** BITS - 1)})`;
  const note = (b: number) => `
    (i32.store ${get("next")} ${add(get("entry"), int(b))})
    ${
    set(
      "next",
      add(get("next"), `(i32.shl (i32.gt_s (i32.load16_u offset=${2 * b} ${get("count")}) ${get("limit")}) ${int(2)})`),
    )
  }`;
  const collect = `
    ${set("next", get("list"))}${set("entry", int(0))}
    ${set("count", add(get("counts"), mul(get("begin"), get("countPitch")), tile("counts")))}
    ${
    loop(
      "m",
      get("begin"),
      get("end"),
      `${repeat(inputBits, note)}${set("entry", add(get("entry"), int(2 ** BITS)))}${set("count", add(get("count"), get("countPitch")))}`,
    )
  }`;
  const excess = (i: number) => {
    const c = get(`c${i}`);
    return set(
      `c${i}`,
      adc === "clip8"
        ? `(i8x16.sub_sat_u ${c} ${get("high")})`
        : `(i8x16.sub ${c} (i8x16.min_s (i8x16.max_s ${c} ${get("low")}) ${get("high")}))`,
    ) + set("look", `(v128.or ${get("look")} ${get(`c${i}`)})`);
  };
  /** Takes the excess of source p off the sums of its position. */
  const take = (p: number) => {
    const part = (column: number, half: "low" | "high", side: "low" | "high", offset: number) => {
      const terms = Array.from({ length: abreast }, (_, s) => {
        const codes = `(i16x8.extend_${half}_i8x16_${adc === "clip8" ? "u" : "s"} ${get(`c${p * vectors + s * across + column}`)})`;
        return `(i32x4.mul (i32x4.extend_${side}_i16x8_s ${codes}) (i32x4.splat ${slice(SLICE.weight + s)}))`;
      });
      const sum = `(i32x4.shl ${terms.reduce((total, term) => `(i32x4.add ${total} ${term})`)} ${bit(`e${p}`)})`;
      return `(v128.store offset=${offset} ${get("o")} (i32x4.sub (v128.load offset=${offset} ${get("o")}) ${sum}))`;
    };
    return set("o", add(get("out"), mul(position(`e${p}`), get("outPitch")), mul(get("block"), int(across * 64)))) +
      repeat(
        across,
        (column) =>
          (["low", "high"] as const).map((half, index) =>
            (["low", "high"] as const).map((side, quarter) => part(column, half, side, column * 64 + index * 32 + quarter * 16)).join("")
          ).join(""),
      );
  };
  const entries = (count: 1 | 2) =>
    repeat(count, (p) =>
      set(`e${p}`, `(i32.load offset=${4 * p} ${get("at")})`) +
      set(`a${p}`, add(get("planes"), mul(position(`e${p}`), get("planePitch")), tile("planes"), bit(`e${p}`)))) +
    sumRows(vectors, inputBits, Array.from({ length: count }, (_, p) => ({ at: `a${p}`, offset: 0 }))) +
    set("look", ZERO) + repeat(count * vectors, excess) +
    `(if (v128.any_true ${get("look")}) (then ${repeat(count, take)}))`;
  const redo = `${buildTables(vectors, adc === "clip8" ? "ones" : "cells")}
    ${set("pairs", add(get("list"), `(i32.and (i32.sub ${get("next")} ${get("list")}) ${int(-8)})`))}
    ${loop("at", get("list"), get("pairs"), entries(2), 8)}
    (if (i32.lt_u ${get("pairs")} ${get("next")}) (then ${set("at", get("pairs"))}${entries(1)}))`;
  const limit = add(slice(SLICE.limits), mul(get("block"), plan("limitBytes")), `(i32.shl ${tile("number")} ${int(2)})`);
  const oneTile = `${set("limit", `(i32.load ${limit})`)}
    (if (i32.lt_s ${get("limit")} (i32.shl ${tile("groups")} ${int(BITS)})) (then ${collect}
      (if (i32.ne ${get("next")} ${get("list")}) (then ${redo}))))`;
  const oneSlice = `${startSlice()}${loop("tile", get("tiles"), get("tileEnd"), oneTile, TILE.words * 4)}`;
  const scalars = ["block", "slice", "tile", "m", "at", "pairs", "o", "count", "limit", "entry", "next", "list", "table", "sliceEnd"];
  return kernel(
    ["planes", "planePitch", "counts", "countPitch", "blockBytes", "out", "outPitch", "plan", "tiles", "tileEnd", "slices"].concat(
      ["work", "workBytes", "listBytes"],
    ),
    locals("i32", ...scalars, "e0", "e1", "a0", "a1", ...TABLE_LOCALS) +
      locals("v128", ...TABLE_REGISTERS, "look", "low", "high", ...Array.from({ length: 2 * vectors }, (_, i) => `c${i}`)),
    `${set("list", add(get("work"), mul(get("thread"), get("workBytes"))))}${set("table", add(get("list"), get("listBytes")))}
    ${set("sliceEnd", add(get("slices"), mul(plan("slices"), int(SLICE.words * 4))))}
    ${set("low", `(i8x16.splat ${plan("low")})`)}${set("high", `(i8x16.splat ${plan("high")})`)}
    ${loop("block", int(0), plan("blocks"), loop("slice", get("slices"), get("sliceEnd"), oneSlice, SLICE.words * 4))}`,
  );
}
