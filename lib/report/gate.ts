// The regression check: figures against a baseline, metric by metric; a figure that is gone fails as loudly as one that got worse.

import { Table } from "@cliffy/table";
import { NumericError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Result } from "../simulate/result.ts";
import { type Baseline, settingsOf } from "./gate_baseline.ts";
import {
  checkTolerances,
  DEFAULT_TOLERANCES,
  fits,
  type Metrics,
  metricsOf,
  type MetricsOptions,
  type Tolerance,
  toleranceOf,
  type Tolerances,
} from "./gate_metrics.ts";

/** What became of a metric: equal to the baseline, better, worse but within its tolerance; or, failing, worse, gone, new, another setting. */
export type GateStatus = "same" | "better" | "within" | "worse" | "missing" | "new" | "different";

/** One metric, or one setting that differs. */
export interface GateRow {
  /** Name of the metric, or of a setting after "settings.". */
  readonly metric: string;
  /** What was accepted; absent if new. */
  readonly baseline?: number | string;
  /** What is; absent if missing. */
  readonly value?: number | string;
  /** How it may move; of metrics only. */
  readonly tolerance?: Tolerance;
  /** Largest change for the worse that is let pass, in the metric's unit; of metrics that are in both. */
  readonly allowed?: number;
  /** What became of it. */
  readonly status: GateStatus;
  /** Whether it lets the gate pass. */
  readonly passed: boolean;
}

/** Result of a regression check. */
export interface GateReport {
  /** Whether every row passed. */
  readonly passed: boolean;
  /** Settings that differ, then all metrics in the order of the baseline, then new ones. */
  readonly rows: readonly GateRow[];
  /** Text table for people: all rows that changed, or every row with `all`. */
  table(all?: boolean): string;
}

/** How strict the check is, and what it takes of a result. */
export interface GateOptions extends MetricsOptions {
  /** A metric that neither the baseline has nor a tolerance of the baseline or of yours names: "fail" (default) or "accept". */
  readonly added?: "fail" | "accept";
  /** Network, data or configuration other than the baseline's, which makes figures incomparable: "fail" (default) or "ignore". */
  readonly settings?: "fail" | "ignore";
}

const ACTION = "compare with the baseline";

/**
 * Compares a result, or figures of your own, with a baseline, each metric by its direction and tolerance. A metric of the baseline that is missing, or is no
 * finite number, always fails.
 *
 * @param result A result, or figures by name.
 * @param baseline From `baselineOf` or `parseBaseline`, or figures by name.
 * @param tolerances By name; they go before those of the baseline, and both before {@linkcode DEFAULT_TOLERANCES}.
 * @throws {OptionError} if an option is unknown, a tolerance makes no sense, or the baseline has no metrics.
 * @throws {NumericError} if a figure of the baseline is not finite.
 *
 * @example
 * ```ts
 * import { gate } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const baseline = { "accuracy.crossbar": 0.912, cycles: 57437, energyPj: 1.3e6 };
 * const now = { "accuracy.crossbar": 0.91, cycles: 57440, energyPj: 1.1e6 };
 * const { passed, rows } = gate(now, baseline);
 * assertEquals(passed, false);
 * assertEquals(rows.map(({ status }) => status), ["within", "worse", "better"]);
 * assertEquals(gate(now, baseline, { cycles: { direction: "lower", relative: 0.01 } }).passed, true);
 * ```
 */
export function gate(
  result: Result | Metrics,
  baseline: Baseline | Metrics,
  tolerances: Tolerances = {},
  options: GateOptions = {},
): GateReport {
  checkOptions(ACTION, "gate", options, ["added", "settings", "estimate", "layers", "speed"]);
  const { added = "fail", settings = "fail", ...rest } = options;
  check("gate.added", added, ["fail", "accept"]);
  check("gate.settings", settings, ["fail", "ignore"]);
  checkTolerances(ACTION, "tolerances", tolerances);
  const before = isBaseline(baseline) ? baseline : { settings: undefined, metrics: baseline };
  const own = isBaseline(baseline) ? baseline.tolerances ?? {} : {}, tables = [DEFAULT_TOLERANCES, own, tolerances];
  const now = isResult(result) ? metricsOf(result, rest) : result, old = Object.entries(before.metrics);
  if (old.length === 0) throw new OptionError(ACTION, { where: "baseline", got: "no metrics", wanted: "at least one" });
  const wrong = old.find(([, value]) => !Number.isFinite(value));
  if (wrong !== undefined) throw new NumericError(ACTION, { where: `baseline.${wrong[0]}`, got: wrong[1], wanted: "a finite number" });

  const rows = [
    ...settings === "fail" && before.settings !== undefined && isResult(result) ? changed(settingsOf(result), before.settings) : [],
    ...old.map(([metric, value]) =>
      compare(metric, value, Object.hasOwn(now, metric) ? now[metric] : undefined, toleranceOf(metric, tables))
    ),
    ...Object.entries(now).filter(([metric]) => !Object.hasOwn(before.metrics, metric)).map(([metric, value]): GateRow => {
      const listed = [own, tolerances].some((table) => Object.keys(table).some((name) => fits(name, metric)));
      return { metric, value, tolerance: toleranceOf(metric, tables), status: "new", passed: listed || added === "accept" };
    }),
  ];
  const passed = rows.every((row) => row.passed);
  return { passed, rows, table: (all = false) => gateTable(rows, passed, all) };
}

function compare(metric: string, baseline: number, value: number | undefined, tolerance: Tolerance): GateRow {
  if (value === undefined) return { metric, baseline, tolerance, status: "missing", passed: false };
  const { direction, absolute = 0, relative = 0 } = tolerance, allowed = Math.max(absolute, relative * Math.abs(baseline));
  const change = value - baseline, worse = direction === "equal" ? Math.abs(change) : direction === "higher" ? -change : change;
  // A change of exactly the tolerance passes, whatever the subtraction rounds to.
  const slack = 4 * Number.EPSILON * Math.max(Math.abs(value), Math.abs(baseline));
  const status = !Number.isFinite(value)
    ? "worse"
    : value === baseline
    ? "same"
    : worse < 0
    ? "better"
    : worse <= allowed + (allowed > 0 ? slack : 0)
    ? "within"
    : "worse";
  return { metric, baseline, value, tolerance, allowed, status, passed: status !== "worse" };
}

/** Settings that are not what they were. */
function changed(now: Readonly<Record<string, string>>, before: Readonly<Record<string, string>>): GateRow[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => now[name] !== before[name]);
  return names.map((name) => ({
    metric: `settings.${name}`,
    ...(before[name] === undefined ? {} : { baseline: before[name] }),
    ...(now[name] === undefined ? {} : { value: now[name] }),
    status: "different" as const,
    passed: false,
  }));
}

/** What a row says in words. */
export function gateMessage({ metric, baseline, value, tolerance, allowed, status }: GateRow): string {
  const figure = (shown: number | string | undefined) => shown === undefined ? "nothing" : short(shown);
  if (status === "missing") return `${metric} is missing; the baseline has ${figure(baseline)}`;
  if (status === "new") return `${metric} is new: ${figure(value)}; the baseline does not have it`;
  if (status === "different") return `${metric} is ${figure(value)}; the baseline holds for ${figure(baseline)}`;
  const may = tolerance!.direction === "equal"
    ? `may change by ${short(allowed!)}`
    : `${tolerance!.direction} is better, tolerance ${short(allowed!)}`;
  return `${metric} went from ${figure(baseline)} to ${figure(value)} (${may}): ${status === "within" ? "within tolerance" : status}`;
}

function gateTable(rows: readonly GateRow[], passed: boolean, all: boolean): string {
  const shown = rows.filter(({ status }) => all || status !== "same"), failed = rows.filter((row) => !row.passed).length;
  const head = passed ? `passed: ${rows.length} checks` : `FAILED: ${failed} of ${rows.length} checks`;
  const same = rows.length - rows.filter(({ status }) => status !== "same").length;
  const text = `${head}, ${same} the same`;
  if (shown.length === 0) return text;
  const body = shown.map(({ metric, baseline, value, tolerance, allowed, status, passed }) => [
    metric,
    baseline === undefined ? "" : short(baseline),
    value === undefined ? "" : short(value),
    typeof baseline === "number" && typeof value === "number" ? changeOf(baseline, value) : "",
    allowed === undefined ? "" : `${tolerance!.direction}, ${short(allowed)}`,
    passed ? status : status.toUpperCase(),
  ]);
  return `${new Table().header(["metric", "baseline", "now", "change", "tolerance", ""]).body(body).border().toString()}\n${text}`;
}

function changeOf(baseline: number, value: number): string {
  const change = value - baseline, percent = 100 * change / Math.abs(baseline);
  const share = Math.abs(percent) < 1000 ? ` (${sign(percent, 3)} %)` : "";
  return change === 0 ? "" : `${sign(change, 4)}${share}`;
}

function sign(value: number, digits: number): string {
  return `${value < 0 ? "−" : "+"}${Number(Math.abs(value).toPrecision(digits))}`;
}

function short(value: number | string): string {
  return typeof value === "string" ? value.length > 60 ? `${value.slice(0, 59)}…` : value : String(Number(value.toPrecision(7)));
}

function check(where: string, got: unknown, known: readonly string[]): void {
  if (!known.includes(got as string)) throw new OptionError(ACTION, { where, got, wanted: known.join(" or ") });
}

function isBaseline(baseline: Baseline | Metrics): baseline is Baseline {
  return typeof baseline["schema"] === "string";
}

function isResult(result: Result | Metrics): result is Result {
  return (result as { readonly kind?: unknown }).kind === "result";
}
