// Records through which the host and the analog kernels talk, and the form of their functions.

import { locals } from "../../lib/cpu/wat.ts";

/** Words of the plan, all i32. Addresses are bytes; `rows` counts all tiles, each padded to 16. */
export const ANALOG = {
  blocks: 0,
  lines: 1,
  tiles: 2,
  tileBytes: 3,
  digits: 4,
  rows: 5,
  chunk: 6,
  records: 7,
  passes: 8,
  passEnd: 9,
  squares: 10,
  squareEnd: 11,
  counters: 12,
  steps: 13,
  key: 14,
  top: 15,
  thresholdBytes: 16,
  sums: 17,
  variances: 18,
  states: 19,
  bases: 20,
  scratch: 21,
  positions: 22,
  zeros: 23,
  words: 24,
} as const;

/** Words of a pass: its plane in a position, the plane it is joined with, the binary digits its sums move up, where they go, and −1 if it is its digit's first. */
export const ANALOG_PASS = { plane: 0, other: 1, shift: 2, target: 3, first: 4, words: 5 } as const;

/** Words of a line's record; `factor` is an f64; deviations and codes are addresses. */
export const LINE = {
  weight: 0,
  shift: 1,
  half: 2,
  odd: 3,
  precision: 4,
  noiseHalf: 5,
  deviations: 6,
  levelShift: 7,
  levelRound: 8,
  codes: 9,
  factor: 10,
  words: 12,
} as const;

/** A function of i32 parameters without a result. */
export function routine(
  name: string,
  parameters: readonly string[],
  { integers = [], vectors = [], body }: {
    readonly integers?: readonly string[];
    readonly vectors?: readonly string[];
    readonly body: string;
  },
): string {
  return `(func $${name} ${parameters.map((each) => `(param $${each} i32)`).join("")}
    ${locals("i32", ...integers)}${locals("v128", ...vectors)} ${body})`;
}
