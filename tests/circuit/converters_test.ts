import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { adcCode, adcLimits, type AdcOptions, adcTable, checkAdc, needsImages, type ResolvedAdc } from "../../lib/circuit/adc.ts";
import { capacitorThresholds } from "../../lib/circuit/capacitor_array.ts";
import { columnErrors } from "../../lib/circuit/column_errors.ts";
import { lloydMax } from "../../lib/circuit/lloyd_max.ts";
import { resolveAdc } from "../../lib/circuit/resolve_adc.ts";
import { NumericError, OptionError } from "../../lib/errors.ts";
import { hash } from "../../lib/random.ts";

const value = (adc: ResolvedAdc, v: number) => adc.lo + adc.step * adcCode(adc, v);

/** Squared error of a histogram under thresholds and values. */
function errorOf(histogram: Float64Array, min: number, thresholds: readonly number[], values: readonly number[]): number {
  return histogram.reduce((sum, count, index) => {
    const v = index + min, code = thresholds.filter((threshold) => v >= threshold).length;
    return sum + count * (values[code]! - v) ** 2;
  }, 0);
}

/** Least squared error of cutting a histogram into runs, tried one by one. */
function leastError(histogram: Float64Array, levels: number): number {
  const cost = (from: number, to: number) => {
    let mass = 0, moment = 0, square = 0;
    for (let at = from; at < to; at++) {
      mass += histogram[at]!;
      moment += histogram[at]! * at;
      square += histogram[at]! * at * at;
    }
    return mass === 0 ? 0 : square - moment * moment / mass;
  };
  const best = (from: number, left: number): number => {
    if (left === 1) return cost(from, histogram.length);
    let least = cost(from, histogram.length);
    for (let to = from + 1; to < histogram.length; to++) least = Math.min(least, cost(from, to) + best(to, left - 1));
    return least;
  };
  return best(0, levels);
}

Deno.test("lloydMax() finds the least squared error there is", () => {
  for (let round = 0; round < 40; round++) {
    const histogram = Float64Array.from(
      { length: 5 + hash(round) % 8 },
      (_, index) => hash(round, index) % 4 === 0 ? 0 : hash(round, index) % 50,
    );
    if (histogram.every((count) => count === 0)) continue;
    const levels = 1 + hash(round, 99) % 4, { thresholds, values } = lloydMax(histogram, -3, levels);
    assertEquals(thresholds.length, values.length - 1);
    assertAlmostEquals(errorOf(histogram, -3, thresholds, values), leastError(histogram, levels), 1e-6);
  }
  assertThrows(() => lloydMax(new Float64Array(4), 0, 2), NumericError, "no partial sums");
});

Deno.test("lloydMax() handles more sums than it searches one by one", () => {
  const histogram = Float64Array.from({ length: 5000 }, (_, index) => Math.exp(-(((index - 2500) / 400) ** 2)));
  const { thresholds, values } = lloydMax(histogram, 0, 16), uniform = Array.from({ length: 16 }, (_, code) => 1500 + code * 2000 / 15);
  const between = (list: readonly number[]) => list.slice(1).map((each, at) => (each + list[at]!) / 2);
  assert(errorOf(histogram, 0, thresholds, values) < 0.9 * errorOf(histogram, 0, between(uniform), uniform));
});

Deno.test("capacitorThresholds() are those of an ideal converter at infinite gain, and bend at finite gain", () => {
  for (const kind of ["ramp", "sar"] as const) {
    const ideal = capacitorThresholds({ kind, bits: 5, gain: Infinity, split: false });
    ideal.forEach((threshold, at) => assertAlmostEquals(threshold, at + 0.5, 1e-12));
    const real = capacitorThresholds({ kind, bits: 5, gain: 40, split: false });
    assert(real.every((threshold, at) => at === 0 || threshold > real[at - 1]!));
    assert(Math.abs(real[0]! - 0.5) > 0.1, "the outermost code is furthest from mid-scale");
  }
  const [split] = capacitorThresholds({ kind: "sar", bits: 5, gain: 40, split: true });
  const [plain] = capacitorThresholds({ kind: "sar", bits: 5, gain: 40, split: false });
  assert(split! !== plain!);
});

Deno.test("resolveAdc() of an ideal ramp or SAR converts as the uniform converter does", () => {
  const sums = { fullScale: [-20, 70], unit: 0.5 } as const;
  const uniform = resolveAdc({ bits: 5, range: [-10, 30] }, sums) as ResolvedAdc;
  for (const kind of ["ramp", "sar"] as const) {
    const adc = resolveAdc({ bits: 5, range: [-10, 30], kind }, sums) as ResolvedAdc;
    for (let d = -20; d <= 70; d++) {
      const steps = (d * 0.5 + 10) / uniform.step;
      if (Math.abs(steps - Math.floor(steps) - 0.5) < 1e-9) continue; // halves go to the even code or to the lower one
      assertEquals(adcCode(adc, d * 0.5), adcCode(uniform, d * 0.5));
    }
  }
});

Deno.test("resolveAdc() makes sign-magnitude codes symmetric about an exact zero", () => {
  const adc = resolveAdc({ bits: 4, range: [-3, 10.5], kind: "signMagnitude" }, { fullScale: [-64, 64], unit: 1 }) as ResolvedAdc;
  assertEquals([adc.levels, adc.lo, adc.step], [15, -10.5, 1.5]);
  assertEquals(value(adc, 0), 0);
  for (let d = -64; d <= 64; d++) assertEquals(value(adc, d), -value(adc, -d));
  const exact = resolveAdc({ bits: 4, range: "full", kind: "signMagnitude" }, { fullScale: [-7, 7], unit: 1 }) as ResolvedAdc;
  for (let d = -7; d <= 7; d++) assertEquals(value(exact, d), d);
});

Deno.test("resolveAdc() with a granular range gives neighbouring sums a code each", () => {
  const unsigned = resolveAdc({ bits: 4, range: "granular" }, { fullScale: [0, 128], unit: 1 }) as ResolvedAdc;
  assertEquals([0, 7, 15, 16, 99].map((d) => value(unsigned, d)), [0, 7, 15, 15, 15]);
  const signed = resolveAdc({ bits: 4, range: "granular" }, { fullScale: [-128, 128], unit: 0.5 }) as ResolvedAdc;
  assertEquals([-9, -4, 0, 3.5, 9].map((v) => value(signed, v)), [-4, -4, 0, 3.5, 3.5]);
});

Deno.test("resolveAdc() takes thresholds and values as they are given", () => {
  const sums = { fullScale: [0, 40], unit: 1 } as const;
  const adc = resolveAdc({ bits: 2, kind: "thresholds", thresholds: [2, 6, 20], values: [0, 4, 10, 30] }, sums) as ResolvedAdc;
  assertEquals([0, 1, 2, 5, 6, 19, 20, 40].map((v) => value(adc, v)), [0, 0, 4, 4, 10, 10, 30, 30]);
  const { codes } = adcTable(adc, 0, 40);
  assertEquals(adc.lo + adc.step * codes[19]!, 10);
  const own = resolveAdc({ bits: 2, kind: "thresholds", thresholds: [2, 6, 20] }, sums) as ResolvedAdc;
  assertAlmostEquals(value(own, 3), 4, 0.01);
  assertAlmostEquals(value(own, 7), 13, 0.01);
});

Deno.test("resolveAdc() by Lloyd and Max beats the best uniform converter", () => {
  const histogram = Float64Array.from({ length: 60 }, (_, sum) => 1000 * Math.exp(-sum / 6)), observed = { min: 0, histogram };
  const sums = { fullScale: [0, 59], unit: 1, observed } as const;
  const error = (adc: ResolvedAdc) => histogram.reduce((sum, count, d) => sum + count * (value(adc, d) - d) ** 2, 0);
  const best = resolveAdc({ bits: 3, kind: "lloydMax" }, sums) as ResolvedAdc, uniform = resolveAdc({ bits: 3 }, sums) as ResolvedAdc;
  assert(error(best) < 0.8 * error(uniform), `${error(best)} ${error(uniform)}`);
  assert(needsImages(checkAdc({ bits: 3, kind: "lloydMax", range: "full" })));
  assertThrows(() => resolveAdc({ bits: 3, kind: "lloydMax" }, { fullScale: [0, 59], unit: 1 }), OptionError, "simulate.calibration");
});

Deno.test("resolveAdc() chooses a range for each slice where asked", () => {
  const near = { min: 0, histogram: Float64Array.of(1, 1, 1, 1, 0, 0, 0, 0) },
    far = { min: 0, histogram: Float64Array.of(0, 0, 0, 0, 1, 1, 1, 1) };
  const observed = { min: 0, histogram: Float64Array.from(near.histogram, (count, at) => count + far.histogram[at]!), slices: [near, far] };
  const sums = { fullScale: [0, 7], unit: 1, observed } as const;
  const adc = resolveAdc({ bits: 2, perSlice: true }, sums) as ResolvedAdc;
  assertEquals(adc.slices?.map(({ lo, step }) => [lo, step]), [[0, 1], [4, 1]]);
  assertEquals((resolveAdc({ bits: 2 }, sums) as ResolvedAdc).slices, undefined);
});

Deno.test("resolveAdc() states noise and column errors in cell-level sums", () => {
  const sums = { fullScale: [0, 100], unit: 1 } as const;
  const adc = resolveAdc({ bits: 4, range: [0, 30], noise: 0.5, columns: { gain: 0.01 } }, sums) as ResolvedAdc;
  assertEquals(adc.noise, 1);
  assertEquals(adc.columns, { gain: 0.01, step: 2 });
  assertEquals((resolveAdc({ bits: 4, range: [0, 30] }, sums) as ResolvedAdc).columns, undefined);
});

Deno.test("adcLimits() are where every kind of converter starts to clip", () => {
  const sums = { fullScale: [0, 100], unit: 1 } as const;
  assertEquals(adcLimits(resolveAdc({ bits: 4, range: [0, 30] }, sums) as ResolvedAdc), [-1, 31]);
  const own: AdcOptions = { bits: 1, kind: "thresholds", thresholds: [5], values: [3, 9] };
  assertEquals(adcLimits(resolveAdc(own, sums) as ResolvedAdc), [1, 13]);
});

Deno.test("columnErrors() have the deviations asked for, and are the same for the same counters", () => {
  const columns = Array.from({ length: 4000 }, (_, column) => columnErrors({ gain: 0.02, offset: 0.7, inl: 1.5 }, [3, 1, 2], column, 33));
  const deviation = (values: readonly number[]) => {
    const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
    return Math.sqrt(values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / values.length);
  };
  assertAlmostEquals(deviation(columns.map(({ gain }) => gain)), 0.02, 0.001);
  assertAlmostEquals(deviation(columns.map(({ offset }) => offset)), 0.7, 0.03);
  assertAlmostEquals(deviation(columns.map(({ inl }) => inl![16]!)), 1.5, 0.07);
  assertEquals(columns.map(({ inl }) => inl![0]!).every((first) => first === 0), true);
  assertEquals(columnErrors({ inl: 1 }, [3, 1, 2], 7, 33), columnErrors({ inl: 1 }, [3, 1, 2], 7, 33));
});

Deno.test("checkAdc() takes what it gave, so that a printed configuration runs again", () => {
  const own = { kind: "thresholds", thresholds: [1, 2, 3] } as const;
  for (const options of [{ bits: 4 }, { bits: 4, kind: "sar", splitArray: true }, { bits: 2, ...own }] as const) {
    const checked = checkAdc(options);
    assertEquals(checkAdc(JSON.parse(JSON.stringify(checked))), checked);
  }
});

Deno.test("checkAdc() refuses options that do not belong together, by name", () => {
  const refused: readonly [AdcOptions, string][] = [
    [{ bits: 4, kind: "flash" as never }, "adc.kind"],
    [{ bits: 4, kind: "sar", range: "dynamic" }, "adc.kind"],
    [{ bits: 4, amplifierGain: 40 }, "adc.amplifierGain"],
    [{ bits: 4, kind: "ramp", amplifierGain: NaN }, "adc.amplifierGain"],
    [{ bits: 4, kind: "ramp", splitArray: true }, "adc.splitArray"],
    [{ bits: 17, kind: "sar" }, "adc.bits"],
    [{ bits: 1, kind: "signMagnitude" }, "adc.bits"],
    [{ bits: 4, perSlice: 1 as never }, "adc.perSlice"],
    [{ bits: 4, noise: -1 }, "adc.noise"],
    [{ bits: 4, columns: { gian: 1 } as never }, "adc.columns.gian"],
    [{ bits: 4, columns: { inl: -1 } }, "adc.columns.inl"],
    [{ bits: 2, kind: "thresholds" }, "adc.thresholds"],
    [{ bits: 2, kind: "thresholds", thresholds: [1, 3, 2] }, "adc.thresholds"],
    [{ bits: 2, kind: "thresholds", thresholds: [1, 2, 3], values: [1, 2, 3] }, "adc.values"],
    [{ bits: 2, kind: "thresholds", thresholds: [1, 2, 3], range: "full" }, "adc.range"],
    [{ bits: 2, thresholds: [1, 2, 3] }, "adc.thresholds"],
  ];
  for (const [options, where] of refused) assertThrows(() => checkAdc(options, "adc"), OptionError, where);
});
