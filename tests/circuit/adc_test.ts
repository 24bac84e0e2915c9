import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { adcCode, adcTable, checkAdc, type CheckedAdc, type ResolvedAdc } from "../../lib/circuit/adc.ts";
import { resolveAdc } from "../../lib/circuit/resolve_adc.ts";
import { NumericError, OptionError } from "../../lib/errors.ts";

Deno.test("checkAdc() fills in defaults and refuses what it does not know", () => {
  const defaults = { kind: "uniform", amplifierGain: "infinite", splitArray: false, perSlice: false, noise: 0, columns: {} };
  assertEquals(checkAdc({ bits: 6 }), { bits: 6, range: "mse", percentile: 0.9999, ...defaults } as CheckedAdc);
  for (const bits of [0, 25, 2.5, NaN, "6" as unknown as number]) assertThrows(() => checkAdc({ bits }), OptionError, "simulate.adc.bits");
  for (const range of ["max", [1, 1], [2, 1], [0, Infinity], [0, 1, 2], null]) {
    assertThrows(() => checkAdc({ bits: 6, range: range as never }), OptionError, "simulate.adc.range");
  }
  assertThrows(() => checkAdc({ bits: 6, percentile: 0 }), OptionError, "simulate.adc.percentile");
  assertThrows(() => checkAdc({ bits: 6, rangee: "full" } as never), OptionError, "simulate.adc.rangee");
  assertThrows(() => checkAdc(6 as never, "chip.adc"), OptionError, "chip.adc");
});

Deno.test("resolveAdc() covers the full scale, without loss where codes suffice", () => {
  for (const [low, high, unit] of [[0, 128, 1], [-64, 64, 0.5], [-7, 3, 1]] as const) {
    for (let bits = 1; bits <= 9; bits++) {
      const adc = resolveAdc({ bits, range: "full" }, { fullScale: [low, high], unit }) as ResolvedAdc;
      const { codes } = adcTable(adc, low, high);
      codes.forEach((code, index) => {
        const value = adc.lo + adc.step * code;
        assert(Math.abs(value - (index + low) * unit) <= adc.step / 2 + 1e-9);
      });
      if (2 ** bits > high - low) {
        assertEquals(adc.step, unit);
        assertEquals([...codes], Array.from(codes, (_, index) => index));
      } else {
        assertAlmostEquals(adc.lo + adc.step * (adc.levels - 1), high * unit);
      }
    }
  }
});

Deno.test("resolveAdc() handles fixed and dynamic ranges and asks for images where it needs them", () => {
  const sums = { fullScale: [0, 128], unit: 1 } as const;
  assertEquals(resolveAdc({ bits: 3, range: [-7, 7] }, sums), { levels: 8, lo: -7, step: 2, unit: 1 });
  assertEquals(resolveAdc({ bits: 3, range: "dynamic" }, sums), { dynamic: true, levels: 8, unit: 1 });
  for (const range of ["minmax", "percentile", "mse"] as const) {
    assertThrows(() => resolveAdc({ bits: 3, range }, sums), OptionError, "simulate.calibration");
  }
  const observed = { min: -2, histogram: Float64Array.of(0, 1, 5, 2, 0) };
  assertEquals(resolveAdc({ bits: 2, range: "minmax" }, { ...sums, unit: 0.5, observed }), { levels: 4, lo: -0.5, step: 0.5, unit: 0.5 });
});

Deno.test("adcTable() rounds half to even, clamps, and shifts by an offset", () => {
  const adc = { levels: 8, lo: -4, step: 2, unit: 1 };
  assertEquals(
    [...adcTable(adc, -7, 14).codes],
    [0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 4, 5, 6, 6, 6, 7, 7, 7, 7, 7].map((_, index) => adcCode(adc, index - 7)),
  );
  assertEquals([-5, -3, -1, 1, 3].map((v) => adcCode(adc, v)), [0, 0, 2, 2, 4]);
  assertEquals(adcTable(adc, 0, 0, -2).codes[0], 0);
  assertThrows(() => adcTable({ ...adc, step: 0 }, 0, 1), NumericError);
  assertThrows(() => adcTable(adc, 0, 2 ** 25), NumericError);
});
