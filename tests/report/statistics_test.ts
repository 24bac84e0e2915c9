import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { NumericError, OptionError } from "../../lib/errors.ts";
import { confidenceInterval, histogram, mean, percentile, standardDeviation, summarise } from "../../lib/report/statistics.ts";
import { studentT } from "../../lib/report/student_t.ts";
import { normal } from "../../lib/random.ts";

const SAMPLES = [0.912, 0.907, 0.921, 0.899, 0.915, 0.918, 0.904];

/** Confidence, degrees of freedom, critical value (SciPy's t.ppf). */
const CRITICAL = [
  [0.95, 1, 12.706204736174694],
  [0.95, 2, 4.302652729749462],
  [0.95, 4, 2.7764451051977934],
  [0.9, 9, 1.833112932656237],
  [0.99, 29, 2.756385903670605],
  [0.999, 3, 12.923978636687961],
  [0.95, 99, 1.9842169515864174],
  [0.95, 999, 1.9623414611334493],
  [0.6827, 7, 1.0767385673224845],
  [0.95, 1e6, 1.959966356814107],
  [1e-6, 5, 1.3171527619238325e-06],
  [0.5, 2.5, 0.7850136829922992],
] as const;

Deno.test("studentT() agrees with published critical values", () => {
  for (const [confidence, freedom, wanted] of CRITICAL) {
    assertAlmostEquals(studentT(confidence, freedom) / wanted, 1, 1e-9, `${confidence}, ${freedom}`);
  }
});

Deno.test("studentT() refuses probabilities and degrees of freedom out of range", () => {
  for (const confidence of [0, 1, -1, NaN]) assertThrows(() => studentT(confidence, 3), OptionError, "confidence");
  for (const freedom of [0, NaN, Infinity]) assertThrows(() => studentT(0.9, freedom), OptionError, "freedom");
});

Deno.test("summarise() agrees with NumPy and SciPy", () => {
  const summary = summarise(SAMPLES, { percentiles: [0, 5, 33, 50, 95, 100] });
  assertEquals(summary.count, 7);
  assertAlmostEquals(summary.mean, 0.9108571428571429, 1e-15);
  assertAlmostEquals(summary.std!, 0.007904188160474836, 1e-15);
  assertAlmostEquals(summary.interval![0], 0.9035469880430219, 1e-12);
  assertAlmostEquals(summary.interval![1], 0.9181672976712639, 1e-12);
  assertAlmostEquals(summary.halfWidth!, (0.9181672976712639 - 0.9035469880430219) / 2, 1e-12);
  const percentiles = { 0: 0.899, 5: 0.9005, 33: 0.90694, 50: 0.912, 95: 0.9201, 100: 0.921 };
  for (const [percent, wanted] of Object.entries(percentiles)) assertAlmostEquals(summary.percentiles[Number(percent)]!, wanted, 1e-12);
  assertEquals([summary.min, summary.max], [0.899, 0.921]);
  const wide = confidenceInterval(SAMPLES, 0.99);
  assertAlmostEquals(wide[0], 0.89978119306949, 1e-12);
  assertAlmostEquals(wide[1], 0.9219330926447958, 1e-12);
});

Deno.test("summarise() keeps its digits beside a large offset and is exact for equal samples", () => {
  assertAlmostEquals(standardDeviation([1e9 + 1, 1e9 + 2, 1e9 + 3]), 1, 1e-12);
  assertEquals(summarise([0.1, 0.1, 0.1]).std, 0);
  assertEquals(mean([0.1, 0.1, 0.1]), 0.1);
});

Deno.test("summarise() of one sample has no spread, of frozen data survives JSON", () => {
  const summary = summarise([3], { percentiles: [50] });
  assertEquals([summary.std, summary.interval, summary.halfWidth, summary.percentiles[50]], [null, null, null, 3]);
  assertEquals(JSON.parse(JSON.stringify(summarise(SAMPLES))), summarise(SAMPLES));
  assert(Object.isFrozen(summary) && Object.isFrozen(summary.percentiles));
});

Deno.test("summarise() gives intervals that cover the true mean as often as stated", () => {
  let covered = 0;
  for (let run = 0; run < 2000; run++) {
    const [lo, hi] = summarise(Float64Array.from({ length: 5 }, (_, draw) => normal(7, run, draw)), { confidence: 0.8 }).interval!;
    if (lo <= 0 && hi >= 0) covered++;
  }
  assertAlmostEquals(covered / 2000, 0.8, 4 * Math.sqrt(0.16 / 2000));
});

Deno.test("summarise() refuses empty and non-finite samples and bad options", () => {
  assertThrows(() => summarise([]), NumericError, "0 samples");
  assertThrows(() => summarise([1, NaN]), NumericError, "samples[1]");
  assertThrows(() => mean([Infinity]), NumericError, "samples[0]");
  assertThrows(() => standardDeviation([1]), NumericError, "at least 2");
  assertThrows(() => confidenceInterval([1]), NumericError, "at least 2");
  assertThrows(() => confidenceInterval([1, 2], 1), OptionError, "confidence");
  assertThrows(() => percentile([1], 101), OptionError, "percent");
  assertThrows(() => summarise([1], { confidence: 95 }), OptionError, "summary.confidence");
  assertThrows(() => summarise([1], { percentiles: [-1] }), OptionError, "summary.percentiles[0]");
  assertThrows(() => summarise([1], { percentile: [5] } as never), OptionError, "summary.percentile");
});

Deno.test("percentile() leaves its samples as they were", () => {
  const samples = [3, 1, 2];
  assertEquals(percentile(samples, 25), 1.5);
  assertEquals(samples, [3, 1, 2]);
});

Deno.test("histogram() counts as NumPy does", () => {
  const { counts, edges } = histogram(SAMPLES, { bins: 4 });
  assertEquals(counts, [2, 1, 2, 2]);
  [0.899, 0.9045, 0.91, 0.9155, 0.921].forEach((edge, index) => assertAlmostEquals(edges[index]!, edge, 1e-12));
});

Deno.test("histogram() counts every sample once, borders into the upper bin, outsiders apart", () => {
  const tenths = Array.from({ length: 11 }, (_, index) => index / 10);
  assertEquals(histogram(tenths, { bins: 10, range: [0, 1] }).counts, [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
  assertEquals(histogram([-1, 0, 1, 2, 3], { bins: 2, range: [0, 2] }), { edges: [0, 1, 2], counts: [1, 2], below: 1, above: 1 });
  assertEquals(histogram([5, 5, 5], { bins: 3 }), { edges: [4.5, 4.5 + 1 / 3, 4.5 + 2 / 3, 5.5], counts: [0, 3, 0], below: 0, above: 0 });
  for (let run = 0; run < 50; run++) {
    const samples = Float64Array.from({ length: 100 }, (_, draw) => Math.round(20 * normal(3, run, draw)) / 20);
    const { counts, edges } = histogram(samples, { bins: 1 + run });
    counts.forEach((count, bin) => {
      const inside = samples.filter((value) =>
        value >= edges[bin]! && (bin === counts.length - 1 ? value <= edges[bin + 1]! : value < edges[bin + 1]!)
      );
      assertEquals(count, inside.length);
    });
  }
});

Deno.test("histogram() refuses bad bins and ranges", () => {
  assertThrows(() => histogram([], {}), NumericError);
  assertThrows(() => histogram([1], { bins: 0 }), OptionError, "histogram.bins");
  assertThrows(() => histogram([1], { range: [1, 1] }), OptionError, "histogram.range");
});
