// What a regression check compares with: figures that were accepted, the settings they hold for, and tolerances that go with them.

import { FileError, NumericError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Result } from "../simulate/result.ts";
import { checkTolerances, type Metrics, metricsOf, type MetricsOptions, type Tolerances } from "./gate_metrics.ts";
import { settings } from "./html_configuration.ts";
import { checkFields, each, fields, number, parseJson, READ, text } from "./json_fields.ts";
import { parseResult, RESULT_SCHEMA } from "./json.ts";

/** Name and version of the schema of baseline files. */
export const BASELINE_SCHEMA = "bitline baseline 1";

/** Figures that were accepted; plain data that survives JSON. */
export interface Baseline {
  /** {@linkcode BASELINE_SCHEMA}. */
  readonly schema: typeof BASELINE_SCHEMA;
  /** Network, data and everything else the figures depend on, by path. */
  readonly settings: Readonly<Record<string, string>>;
  /** The figures. */
  readonly metrics: Metrics;
  /** Tolerances of this baseline, before those given to `gate` and after the default ones. */
  readonly tolerances?: Tolerances;
}

/** What {@linkcode baselineOf} takes along. */
export interface BaselineOptions extends MetricsOptions {
  /** Tolerances stored with the figures. */
  readonly tolerances?: Tolerances;
}

/**
 * A result's figures and settings as a baseline, to be stored by `JSON.stringify`.
 *
 * @throws {OptionError} if an option is unknown or a tolerance makes no sense.
 * @throws {NumericError} if a figure is not finite.
 */
export function baselineOf(result: Result, options: BaselineOptions = {}): Baseline {
  checkOptions("make a baseline", "baselineOf", options, ["estimate", "layers", "speed", "tolerances"]);
  const { tolerances, ...rest } = options, metrics = metricsOf(result, rest);
  if (tolerances !== undefined) checkTolerances("make a baseline", "baselineOf.tolerances", tolerances);
  for (const [name, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) throw new NumericError("make a baseline", { where: name, got: value, wanted: "a finite number" });
  }
  return { schema: BASELINE_SCHEMA, settings: settingsOf(result), metrics, ...(tolerances === undefined ? {} : { tolerances }) };
}

/** What the figures of a result depend on. */
export function settingsOf({ network, data, configuration, estimate }: Result): Record<string, string> {
  // The activity is measured, not set.
  const chip = estimate === undefined ? {} : { estimate: { ...estimate.options, activity: undefined } };
  return Object.fromEntries([["network", network], ["data", data], ...settings({ ...configuration, ...chip })]);
}

/**
 * Reads a baseline file; a file of {@linkcode toJson} is one too.
 *
 * @param json Text, or what `JSON.parse` made of it.
 * @throws {FileError} if it is not JSON, of another schema, or a field is missing, unknown or of the wrong type.
 * @throws {OptionError} if a tolerance makes no sense.
 */
export function parseBaseline(json: unknown): Baseline {
  const stored = fields(parseJson(json), "baseline");
  if (stored["schema"] === RESULT_SCHEMA) return baselineOf(parseResult(stored));
  if (stored["schema"] !== BASELINE_SCHEMA) {
    throw new FileError(READ, { where: "baseline.schema", got: stored["schema"], wanted: `"${BASELINE_SCHEMA}" or "${RESULT_SCHEMA}"` });
  }
  checkFields(stored, "baseline", { schema: text, settings: each(text), metrics: each(number), "tolerances?": fields });
  if (stored["tolerances"] !== undefined) checkTolerances(READ, "baseline.tolerances", stored["tolerances"]);
  return stored as unknown as Baseline;
}
