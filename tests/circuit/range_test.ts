import { assert, assertEquals, assertThrows } from "@std/assert";
import { chooseRange, conversionError } from "../../lib/circuit/range.ts";
import { NumericError } from "../../lib/errors.ts";
import { normal } from "../../lib/random.ts";

/** Rounded normal draws, most of them near 0, with a few far outliers. */
function bell(spread: number, tail: number): { min: number; histogram: Float64Array } {
  const min = -200;
  const histogram = new Float64Array(401);
  for (let draw = 0; draw < 20000; draw++) {
    const sum = Math.round(normal(1, draw) * (draw % 100 === 0 ? tail : spread));
    histogram[Math.max(0, Math.min(400, sum - min))]!++;
  }
  return { min, histogram };
}

Deno.test("chooseRange() converts without loss where the sums fit the codes", () => {
  const { min, histogram } = bell(4, 4);
  for (const method of ["minmax", "mse"] as const) {
    const range = chooseRange(histogram, { method, levels: 64, min });
    assertEquals(range.step, 1);
    assert(Number.isInteger(range.lo));
    assertEquals(conversionError(histogram, min, 64, range), 0);
  }
});

Deno.test("chooseRange() keeps everything by minmax and the wanted share by percentile", () => {
  const { min, histogram } = bell(20, 60);
  const seen = [...histogram.keys()].filter((index) => histogram[index]! > 0).map((index) => index + min);
  const whole = chooseRange(histogram, { method: "minmax", levels: 16, min });
  assertEquals([whole.lo, Math.round(whole.lo + 15 * whole.step)], [seen[0], seen.at(-1)]);
  const part = chooseRange(histogram, { method: "percentile", levels: 16, min, percentile: 0.98 });
  const inside = histogram.reduce((sum, count, index) => {
    return sum + (index + min >= part.lo - 1e-9 && index + min <= part.lo + 15 * part.step + 1e-9 ? count : 0);
  }, 0);
  const share = inside / histogram.reduce((sum, count) => sum + count, 0);
  assert(share >= 0.98 && share < 0.99, String(share));
});

Deno.test("chooseRange() by mse beats every other method, for every resolution", () => {
  for (const [spread, tail] of [[20, 60], [5, 50], [40, 40]] as const) {
    const { min, histogram } = bell(spread, tail);
    for (let bits = 1; bits <= 8; bits++) {
      const levels = 2 ** bits;
      const error = (method: "minmax" | "percentile" | "mse", percentile?: number) =>
        conversionError(histogram, min, levels, chooseRange(histogram, { method, levels, min, percentile }));
      const least = error("mse");
      for (const other of [error("minmax"), error("percentile", 0.999), error("percentile", 0.98)]) {
        assert(least <= other * 1.001, `${bits} bits: ${least} ${other}`);
      }
    }
  }
});

Deno.test("chooseRange() prefers integer steps where they are exact on what matters", () => {
  const histogram = new Float64Array(101);
  for (let sum = 0; sum < 32; sum++) histogram[sum] = 1000;
  histogram[100] = 0.01;
  assertEquals(chooseRange(histogram, { method: "mse", levels: 32, min: 0 }), { lo: 0, step: 1 });
});

Deno.test("chooseRange() refuses an empty histogram", () => {
  assertThrows(() => chooseRange(new Float64Array(9), { method: "mse", levels: 4, min: 0 }), NumericError, "no partial sums");
});
