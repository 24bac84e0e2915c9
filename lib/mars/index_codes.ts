// Which groups of a layer are stored, in few bits: a bitmap, or runs of pruned groups per column block.

import { FileError } from "../errors.ts";
import type { IndexKind } from "./accelerator.ts";

/** Encoded places of the kept groups of one layer. */
export interface IndexCodes {
  /** What the bits are. */
  readonly kind: "bitmap" | "runLength";
  /** Bits used; the last byte of `data` may have more. */
  readonly bits: number;
  /** Bits of a run, for "runLength". */
  readonly runBits?: number;
  /** Low bits first. */
  readonly data: Uint8Array;
}

/** Widest run tried. */
const WIDEST = 8;

/**
 * Encodes which groups are kept.
 *
 * A bitmap is a bit a group, in order. Run lengths stand per column block: first the number of kept groups in ⌈log₂(rowBlocks + 1)⌉ bits, then for each the
 * number of pruned groups before it in r bits, where 2^r − 1 means that many pruned groups and no kept one, with another run to follow. r is the best of 1 … 8
 * and counted as 4 bits of the layer.
 *
 * @param kept `[column blocks][row blocks]`, 1 for a kept group, else 0.
 * @param rowBlocks Row blocks of a column block.
 * @param kind Default "auto": the shorter one, the bitmap if both are equal.
 *
 * @example
 * ```ts
 * import { decodeIndex, encodeIndex } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const kept = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
 * const codes = encodeIndex(kept, 16);
 * assertEquals([codes.kind, codes.runBits, codes.bits], ["runLength", 3, 4 + 5 + 3]);
 * assertEquals(decodeIndex(codes, 16, 16), kept);
 * ```
 */
export function encodeIndex(kept: Uint8Array, rowBlocks: number, kind: IndexKind = "auto"): IndexCodes {
  const bitmap = () => {
    const writer = bitWriter();
    for (const bit of kept) writer.put(bit, 1);
    return { kind: "bitmap", ...writer.end() } as const;
  };
  if (kind === "bitmap") return bitmap();
  let [best, runBits] = [Infinity, 1];
  for (let bits = 1; bits <= WIDEST; bits++) {
    const length = runLength(kept, rowBlocks, bits);
    if (length < best) [best, runBits] = [length, bits];
  }
  if (kind === "auto" && kept.length <= best) return bitmap();
  const writer = bitWriter();
  runLength(kept, rowBlocks, runBits, writer.put);
  return { kind: "runLength", runBits, ...writer.end() };
}

/** Bits of the run-length code, written where there is something to write to. */
function runLength(kept: Uint8Array, rowBlocks: number, runBits: number, put?: (value: number, bits: number) => void): number {
  const full = 2 ** runBits - 1, countBits = bitsFor(rowBlocks);
  let bits = 4;
  put?.(runBits, 4);
  for (let start = 0; start < kept.length; start += rowBlocks) {
    let count = 0;
    for (let at = start; at < start + rowBlocks; at++) count += kept[at]!;
    put?.(count, countBits);
    bits += countBits;
    for (let at = start, run = 0; at < start + rowBlocks && count > 0; at++) {
      if (kept[at] === 0) {
        run++;
        continue;
      }
      for (; run >= full; run -= full) {
        put?.(full, runBits);
        bits += runBits;
      }
      put?.(run, runBits);
      bits += runBits;
      run = 0;
      count--;
    }
  }
  return bits;
}

/**
 * Decodes what {@linkcode encodeIndex} made: `[column blocks][row blocks]`, 1 for a kept group.
 *
 * @param groups Groups of the layer.
 * @param rowBlocks Row blocks of a column block.
 * @throws {FileError} if the bits are no such code.
 */
export function decodeIndex({ kind, data, bits }: IndexCodes, groups: number, rowBlocks: number): Uint8Array {
  const kept = new Uint8Array(groups);
  let at = 0;
  const broken = () => new FileError("decode an index", { got: `${kind} codes of ${bits} bits`, wanted: `those of ${groups} groups` });
  const take = (count: number): number => {
    if (at + count > bits || at + count > 8 * data.length) throw broken();
    let value = 0;
    for (let bit = 0; bit < count; bit++, at++) value |= (data[at >> 3]! >> (at & 7) & 1) << bit;
    return value;
  };
  if (kind === "bitmap") {
    for (let group = 0; group < groups; group++) kept[group] = take(1);
  } else {
    const runBits = take(4), full = 2 ** runBits - 1, countBits = bitsFor(rowBlocks);
    for (let start = 0; start < groups; start += rowBlocks) {
      let place = start;
      for (let count = take(countBits); count > 0;) {
        const run = take(runBits);
        place += run;
        if (run === full) continue;
        if (place >= Math.min(start + rowBlocks, groups)) throw broken();
        kept[place++] = 1;
        count--;
      }
    }
  }
  if (at !== bits) throw broken();
  return kept;
}

function bitsFor(largest: number): number {
  return Math.ceil(Math.log2(largest + 1));
}

function bitWriter(): {
  readonly put: (value: number, count: number) => void;
  readonly end: () => { readonly bits: number; readonly data: Uint8Array };
} {
  const bytes: number[] = [];
  let bits = 0;
  return {
    put(value, count) {
      for (let bit = 0; bit < count; bit++, bits++) {
        if ((bits & 7) === 0) bytes.push(0);
        bytes[bits >> 3]! |= (value >> bit & 1) << (bits & 7);
      }
    },
    end: () => ({ bits, data: Uint8Array.from(bytes) }),
  };
}
