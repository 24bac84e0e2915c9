import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { FileError, NumericError, OptionError } from "../../lib/errors.ts";
import { uniform } from "../../lib/random.ts";
import { gate, gateMessage } from "../../lib/report/gate.ts";
import { baselineOf, parseBaseline } from "../../lib/report/gate_baseline.ts";
import { DEFAULT_TOLERANCES, fits, metricsOf, type Tolerance, toleranceOf } from "../../lib/report/gate_metrics.ts";
import { toJson } from "../../lib/report/json.ts";
import { githubAnnotations, junitXml } from "../../lib/report/junit.ts";
import type { Result } from "../../lib/simulate/result.ts";
import { byHand, simulated } from "./result.ts";

const finite: Result = { ...byHand, imagesPerSecond: 10 };
const statuses = (report: ReturnType<typeof gate>) => Object.fromEntries(report.rows.map(({ metric, status }) => [metric, status]));

Deno.test("gate() goes by direction and by the larger of both tolerances", () => {
  const cases: [Tolerance, number, number, string][] = [
    [{ direction: "higher" }, 10, 10, "same"],
    [{ direction: "higher" }, 10, 11, "better"],
    [{ direction: "higher" }, 10, 9.999, "worse"],
    [{ direction: "higher", absolute: 1 }, 10, 9, "within"],
    [{ direction: "higher", absolute: 1 }, 10, 8.9, "worse"],
    [{ direction: "higher", absolute: 1, relative: 0.2 }, 10, 8, "within"],
    [{ direction: "lower" }, 10, 9, "better"],
    [{ direction: "lower", relative: 0.1 }, 10, 11, "within"],
    [{ direction: "lower", relative: 0.1 }, -10, -9, "within"],
    [{ direction: "lower", relative: 0.1 }, -10, -8.9, "worse"],
    [{ direction: "lower", relative: 0.1 }, 0, 1e-9, "worse"],
    [{ direction: "equal" }, 10, 10 + 1e-12, "worse"],
    [{ direction: "equal", absolute: 2 }, 10, 8, "within"],
    [{ direction: "equal", absolute: 2 }, 10, 12.1, "worse"],
    [{ direction: "lower", absolute: 1e9 }, 10, NaN, "worse"],
    [{ direction: "lower" }, 10, -Infinity, "worse"],
    [{ direction: "higher" }, 10, Infinity, "worse"],
    [{ direction: "higher", absolute: 0.005 }, 0.912, 0.907, "within"],
  ];
  for (const [tolerance, before, now, wanted] of cases) {
    const { passed, rows: [row] } = gate({ m: now }, { m: before }, { m: tolerance });
    assertEquals(
      [row!.status, row!.passed, passed],
      [wanted, wanted !== "worse", wanted !== "worse"],
      `${JSON.stringify(tolerance)} ${before} ${now}`,
    );
  }
});

Deno.test("gate() passes a change of exactly the tolerance and fails one beyond it, on many figures", () => {
  for (let run = 0; run < 200; run++) {
    const before = 1000 * uniform(1, run), absolute = uniform(2, run) * before;
    const status = (now: number) => gate({ m: now }, { m: before }, { m: { direction: "lower", absolute } }).rows[0]!.status;
    assertEquals([status(before + absolute), status(before + absolute * 1.001)], ["within", "worse"]);
  }
});

Deno.test("gate() fails loudly where a metric is missing or new", () => {
  const missing = gate({ a: 1 }, { a: 1, b: 2 });
  assertEquals([missing.passed, statuses(missing)], [false, { a: "same", b: "missing" }]);
  assertStringIncludes(missing.table(), "MISSING");
  assertEquals(gate({ a: 1 }, { a: 1, toString: 2 }).passed, false);
  const now = { a: 1, c: 3 }, before = { a: 1 };
  assertEquals([gate(now, before).passed, gate(now, before, {}, { added: "accept" }).passed], [false, true]);
  assertEquals(gate(now, before, { c: { direction: "lower" } }).passed, true);
  assertStringIncludes(gateMessage(gate(now, before).rows[1]!), "c is new: 3");
});

Deno.test("gate() knows every metric of a real result and passes the same result", async () => {
  const { result } = await simulated(), before = baselineOf(result), same = gate(result, before);
  assert(same.passed && same.rows.every(({ status }) => status === "same"));
  for (
    const name of ["accuracy.crossbar", "cycles", "arrays", "energyPj", "areaUm2", "fps", "layers.conv2.clipped", "layers.fc1.energyPj"]
  ) {
    assert(name in before.metrics, name);
  }
  for (const metric of Object.keys(metricsOf(finite, { speed: true })).concat(Object.keys(before.metrics))) {
    assert(metric === "draws" || toleranceOf(metric, [DEFAULT_TOLERANCES]) !== DEFAULT_TOLERANCES["*"], metric);
  }
  const worse: Result = {
    ...result,
    cycles: result.cycles + 1,
    accuracy: { ...result.accuracy, crossbar: result.accuracy.crossbar - 0.01 },
  };
  const failed = gate(worse, before).rows.filter(({ passed }) => !passed).map(({ metric }) => metric);
  assertEquals(failed, ["accuracy.crossbar", "cycles"]);
  const { estimate: _estimate, ...without } = result;
  assertEquals(statuses(gate(without as Result, before))["energyPj"], "missing");
});

Deno.test("gate() refuses to compare other settings, unless told to", () => {
  const before = baselineOf(finite), other = { ...finite, configuration: { ...finite.configuration, rows: 256 }, data: "others" };
  const report = gate(other, before), different = report.rows.filter(({ status }) => status === "different");
  assertEquals(different.map(({ metric, baseline, value }) => [metric, baseline, value]), [
    ["settings.data", byHand.data, "others"],
    ["settings.rows", "128", "256"],
  ]);
  assertEquals([report.passed, gate(other, before, {}, { settings: "ignore" }).passed], [false, true]);
});

Deno.test("toleranceOf() takes the most specific name of the last table", () => {
  const tables = [DEFAULT_TOLERANCES, { "layers.*.cycles": { direction: "lower", absolute: 1 } }, { "*": { direction: "equal" } }] as const;
  assertEquals(toleranceOf("layers.a.cycles", tables.slice(0, 2)).absolute, 1);
  assertEquals(toleranceOf("layers.a.cycles", tables).direction, "equal");
  assertEquals(toleranceOf("accuracy.std", tables.slice(0, 1)).direction, "lower");
  assertEquals(toleranceOf("accuracy.crossbar", tables.slice(0, 1)).direction, "higher");
  assertEquals(toleranceOf("something", [{}]).direction, "equal");
});

Deno.test("fits() reads * as any letters, like a regular expression does", () => {
  const letters = (key: number, run: number, length: number, from: string) =>
    Array.from({ length: Math.floor(length * uniform(key, run)) }, (_, at) => from[Math.floor(from.length * uniform(key, run, at))]).join(
      "",
    );
  let hits = 0;
  for (let run = 0; run < 2000; run++) {
    const name = letters(5, run, 7, "ab.*"), metric = letters(6, run, 9, "ab.");
    const wanted = new RegExp(`^${name.replaceAll(".", "\\.").replaceAll("*", ".*")}$`).test(metric);
    hits += Number(wanted);
    assertEquals(fits(name, metric), wanted, `${name} ${metric}`);
  }
  assert(hits > 50);
});

Deno.test("baselineOf() and parseBaseline() keep figures, settings and tolerances; stored results are baselines too", () => {
  const tolerances = { cycles: { direction: "lower", relative: 0.5 } } as const, before = baselineOf(finite, { tolerances });
  assertEquals(parseBaseline(JSON.stringify(before)), before);
  assertEquals(before.metrics["layers.conv2.noise"], 0);
  assertEquals(before.metrics["accuracy.worst"], 0.5);
  const slower = { ...finite, cycles: 1500 };
  assertEquals([gate(slower, before).passed, gate(slower, baselineOf(finite)).passed], [true, false]);
  assertEquals(gate(slower, before, { cycles: { direction: "lower" } }).passed, false);
  assertEquals(parseBaseline(JSON.stringify(toJson(finite))), baselineOf(finite));
  assertThrows(() => baselineOf({ ...finite, logitError: NaN }), NumericError, "logitError");
});

Deno.test("gate() and parseBaseline() say what is wrong", () => {
  const file = baselineOf(finite);
  assertThrows(() => gate({ a: 1 }, {}), OptionError, "no metrics");
  assertThrows(() => gate({ a: 1 }, { a: NaN }), NumericError, "baseline.a");
  assertThrows(() => gate({ a: 1 }, { a: 1 }, { a: { direction: "up" as "higher" } }), OptionError, 'tolerances["a"].direction');
  assertThrows(() => gate({ a: 1 }, { a: 1 }, { a: { direction: "lower", absolute: -1 } }), OptionError, 'tolerances["a"].absolute');
  assertThrows(() => gate({ a: 1 }, { a: 1 }, {}, { added: "no" as "fail" }), OptionError, "gate.added");
  assertThrows(() => gate({ a: 1 }, { a: 1 }, {}, { strict: true } as never), OptionError, "gate.strict");
  assertThrows(() => parseBaseline("{}"), FileError, "baseline.schema");
  assertThrows(() => parseBaseline({ ...file, metrics: { a: "1" } }), FileError, "baseline.metrics.a");
  assertThrows(() => parseBaseline({ ...file, metrics: undefined }), FileError, "baseline.metrics");
  assertThrows(() => parseBaseline({ ...file, notes: 1 }), FileError, "baseline.notes");
  assertThrows(() => parseBaseline({ ...file, tolerances: { a: { absolute: 1 } } }), OptionError, "direction");
});

const hostile = gate({ 'a"<b>,:\n%': 3, c: 1 }, { 'a"<b>,:\n%': 1, c: 2, gone: 1 }, { "*": { direction: "lower" } });

Deno.test("junitXml() is well-formed and has one case a metric", () => {
  const xml = junitXml(hostile, { suite: "chips & <more>" });
  assertStringIncludes(xml, '<testsuite name="chips &amp; &lt;more&gt;" tests="3" failures="2" errors="0" skipped="0">');
  assertEquals([xml.match(/<testcase /g)!.length, xml.match(/<failure /g)!.length], [3, 2]);
  assertEquals(xml.replace(/<\/?[\w?][\w-]*(?: [\w-]+="[^"<]*")*[ ]*[/?]?>/g, "").match(/[<>]|&(?!amp;|lt;|gt;|quot;|#10;)/), null);
  assertStringIncludes(xml, "gone is missing; the baseline has 1");
});

Deno.test("githubAnnotations() escapes what would end a command", () => {
  const lines = githubAnnotations(hostile, { file: "a,b.json" });
  assertEquals(lines.length, 3);
  for (const line of lines) assertEquals(line.match(/\n/), null);
  assertStringIncludes(lines[0]!, '::error file=a%2Cb.json,title=a"<b>%2C%3A%0A%25 worse::');
  assertStringIncludes(lines[2]!, "::notice file=a%2Cb.json,title=1 better or new::c went from 2 to 1");
});
