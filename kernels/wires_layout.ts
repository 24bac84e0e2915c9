// What the WebAssembly wire solver and its host agree on, and the shorthand of its text.

import { get } from "../lib/cpu/wat.ts";

/** Words of the header that every array shares. */
export const HEADER = {
  parts: 0,
  rows: 1,
  columns: 2,
  nodes: 3,
  root: 4,
  rootStride: 5,
  panel: 6,
  factors: 7,
  local: 8,
  /** Byte at which the last part's record starts. */
  last: 9,
  words: 16,
} as const;

/**
 * Words at the head of a part's record. Its nodes follow, then for each join the byte at which the conductances start, the number of places, the stride,
 * and the byte of the tape at which the places stand; the last word is the record's length in bytes.
 */
export const PART = {
  words: 0,
  count: 1,
  paddedCount: 2,
  rest: 3,
  paddedRest: 4,
  rowsAt: 5,
  keptAt: 6,
  inverseAt: 7,
  split: 8,
  elements: 9,
  /** Byte of the tape at which the elements stand: places and byte of the value, from the part's first cell, or SHARED + that from the first of all. */
  elementsAt: 10,
  /** Byte of the value of the part's first cell. */
  cellAt: 11,
  joins: 12,
  length: 13,
} as const;

/** Flag of a value that many parts have, such as a segment's. */
export const SHARED = -(2 ** 31);

/** Word `index` of a record. */
export const word = (base: string, index: number): string => `(i32.load offset=${4 * index} ${get(base)})`;
/** Next multiple of 4. */
export const up4 = (value: string): string => `(i32.and (i32.add ${value} (i32.const 3)) (i32.const -4))`;
/** Bytes of so many numbers. */
export const times8 = (value: string): string => `(i32.shl ${value} (i32.const 3))`;
/** Loads a number. */
export const f64 = (address: string, offset = 0): string => `(f64.load offset=${offset} ${address})`;
/** Loads two numbers. */
export const vector = (address: string, offset = 0): string => `(v128.load offset=${offset} ${address})`;
/** A function whose parameters are all i32. */
export function fun(name: string, parameters: readonly string[], declarations: string, body: string): string {
  return `(func $${name} ${parameters.map((parameter) => `(param $${parameter} i32)`).join("")} ${declarations}\n${body})`;
}
