import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { SOBOL_DIMENSIONS, sobolPoint } from "../../lib/sweep/sobol.ts";

Deno.test("sobolPoint() gives the points of scipy.stats.qmc.Sobol without scrambling", () => {
  // scipy 1.17.1: Sobol(16, scramble=False).random(64), times 64.
  const expected: Readonly<Record<number, readonly number[]>> = {
    0: Array(16).fill(0),
    1: Array(16).fill(32),
    2: [48, 16, 16, 16, 48, 48, 16, 48, 48, 48, 48, 48, 16, 16, 48, 16],
    5: [56, 56, 8, 24, 56, 40, 56, 24, 24, 8, 24, 56, 56, 8, 56, 24],
    17: [38, 62, 62, 10, 50, 30, 2, 22, 62, 42, 38, 58, 10, 10, 54, 34],
    42: [63, 21, 1, 47, 29, 31, 63, 39, 51, 39, 5, 9, 49, 19, 59, 43],
    63: [1, 51, 23, 29, 55, 9, 37, 9, 53, 37, 27, 43, 35, 49, 21, 49],
  };
  for (const [index, point] of Object.entries(expected)) assertEquals(sobolPoint(Number(index), 16).map((value) => value * 64), point);
});

Deno.test("sobolPoint() puts one of 2^k points into each of 2^k intervals, along every axis, shifted or not", () => {
  for (const seed of [undefined, 1, 77]) {
    for (const count of [16, 256]) {
      const points = Array.from({ length: count }, (_, index) => sobolPoint(index, SOBOL_DIMENSIONS, seed));
      for (let axis = 0; axis < SOBOL_DIMENSIONS; axis++) {
        assertEquals(new Set(points.map((point) => Math.floor(point[axis]! * count))).size, count);
      }
    }
  }
});

Deno.test("sobolPoint() is a net in its first two axes: every elementary box of area 1/64 holds one of 64 points", () => {
  for (const seed of [undefined, 5]) {
    const points = Array.from({ length: 64 }, (_, index) => sobolPoint(index, 2, seed));
    for (let bits = 0; bits <= 6; bits++) {
      const boxes = points.map(([x, y]) => `${Math.floor(x! * 2 ** bits)} ${Math.floor(y! * 2 ** (6 - bits))}`);
      assertEquals(new Set(boxes).size, 64);
    }
  }
});

Deno.test("sobolPoint() refuses what its table does not hold", () => {
  assertThrows(() => sobolPoint(0, 17), OptionError, "dimensions");
  assertThrows(() => sobolPoint(-1, 2), OptionError, "index");
});
