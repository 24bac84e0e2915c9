// Cells and inputs as bit planes in 32-bit words, so that partial sums are population counts.

import type { CrossbarPlan } from "../lower/crossbar.ts";
import { rowsOf } from "../reference/crossbar.ts";

/** Bit planes of chosen columns: cell = lowest + factor · Σ_p 2^p · bit_p. */
export interface PackedCells {
  /** `[groups][slices][columns][planes][words]`; each tile starts a new word. */
  readonly bits: Int32Array;
  /** Bits per cell level. */
  readonly planes: number;
  /** Smallest cell. */
  readonly lowest: number;
  /** Greatest common divisor of the cells' distances from it; 0 if all are equal. */
  readonly factor: number;
  /** Words of one plane of a column. */
  readonly words: number;
  /** First word of each tile, and the end. */
  readonly starts: readonly number[];
}

/** Bit planes of one position's inputs. */
export interface PackedInputs {
  /** `[digits][bits per digit][words]`. */
  readonly bits: Int32Array;
  /** Σ of the digits, `[tiles][digits]`. */
  readonly sums: Int32Array;
}

/** Packs the cells of some columns of every group. */
export function packCells(plan: CrossbarPlan, columns: readonly number[]): PackedCells {
  const { geometry, cells, slices, tiles } = plan;
  const all = geometry.outputShape[2] / geometry.groups, rows = rowsOf(geometry);
  const starts = wordStarts(tiles);
  const words = starts.at(-1)!;
  const present = new Uint8Array(256);
  for (let index = 0; index < cells.length; index++) present[cells[index]! + 128] = 1;
  const lowest = present.indexOf(1) - 128, highest = present.lastIndexOf(1) - 128;
  let factor = 0;
  for (let value = 1; value <= highest - lowest; value++) if (present[lowest + value + 128] === 1) factor = divisor(factor, value);
  const planes = factor === 0 ? 0 : 32 - Math.clz32((highest - lowest) / factor);
  const levels = Uint8Array.from({ length: 256 }, (_, index) => Math.max(0, index - 128 - lowest) / (factor || 1));
  const bits = new Int32Array(geometry.groups * slices * columns.length * planes * words);
  for (let plane = 0; plane < geometry.groups * slices; plane++) {
    for (let tile = 0; tile + 1 < tiles.length; tile++) {
      for (let word = starts[tile]!; word < starts[tile + 1]!; word++) {
        const first = tiles[tile]! + 32 * (word - starts[tile]!);
        const count = Math.min(32, tiles[tile + 1]! - first);
        for (let index = 0; index < columns.length; index++) {
          const from = (plane * rows + first) * all + columns[index]!;
          for (let bit = 0; bit < planes; bit++) {
            let packed = 0;
            for (let row = 0; row < count; row++) packed |= ((levels[cells[from + row * all]! + 128]! >> bit) & 1) << row;
            bits[((plane * columns.length + index) * planes + bit) * words + word] = packed;
          }
        }
      }
    }
  }
  return { bits, planes, lowest, factor, words, starts };
}

/** Packs the inputs of one position, in array order. */
export function packInputs({ tiles, inputBits, digitBits }: CrossbarPlan, line: Uint8Array, words: number): PackedInputs {
  const digits = Math.ceil(inputBits / digitBits), width = Math.min(digitBits, inputBits);
  const bits = new Int32Array(digits * width * words);
  const sums = new Int32Array((tiles.length - 1) * digits);
  let word = 0;
  for (let tile = 0; tile + 1 < tiles.length; tile++) {
    for (let row = tiles[tile]!; row < tiles[tile + 1]!; row++) {
      const place = (row - tiles[tile]!) & 31;
      if (place === 0 && row > tiles[tile]!) word++;
      for (let digit = 0, rest = line[row]!; rest > 0; digit++, rest >>= digitBits) {
        const value = rest & (2 ** digitBits - 1);
        sums[tile * digits + digit]! += value;
        for (let bit = 0; bit < width; bit++) if ((value >> bit) & 1) bits[(digit * width + bit) * words + word]! |= 1 << place;
      }
    }
    word++;
  }
  return { bits, sums };
}

/** Words whose counts per byte, at most 8 each, fit a byte together. */
const RUN = 31;

/** Number of bits set in both of two runs of `length` words. */
export function popcountAnd(a: Int32Array, aStart: number, b: Int32Array, bStart: number, length: number): number {
  let total = 0;
  for (let begin = 0; begin < length; begin += RUN) {
    const end = Math.min(length, begin + RUN);
    let bytes = 0;
    for (let index = begin; index < end; index++) {
      let word = a[aStart + index]! & b[bStart + index]!;
      word -= (word >>> 1) & 0x55555555;
      word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
      bytes = (bytes + ((word + (word >>> 4)) & 0x0f0f0f0f)) | 0;
    }
    const pairs = (bytes & 0x00ff00ff) + ((bytes >>> 8) & 0x00ff00ff);
    total += (pairs + (pairs >>> 16)) & 0xffff;
  }
  return total;
}

function wordStarts(tiles: readonly number[]): number[] {
  const starts = [0];
  for (let tile = 0; tile + 1 < tiles.length; tile++) starts.push(starts[tile]! + Math.ceil((tiles[tile + 1]! - tiles[tile]!) / 32));
  return starts;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
