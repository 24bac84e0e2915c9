// Results as JSON files of a named version: what one run wrote, another program, a later version or a gate can read and trust.

import { FileError, OptionError } from "../errors.ts";
import type { Json } from "../device/device.ts";
import { type Estimate, estimateTable } from "../estimate/result.ts";
import { checkOptions } from "../options.ts";
import { type Result, result } from "../simulate/result.ts";
import {
  type Check,
  checkFields,
  type Checks,
  each,
  fields,
  flag,
  list,
  number,
  orNull,
  parseJson,
  READ,
  real,
  record,
  shape,
  share,
  text,
} from "./json_fields.ts";

/** Name and version of the schema that {@linkcode toJson} writes and {@linkcode parseResult} reads. */
export const RESULT_SCHEMA = "bitline result 1";

/** What reports and gates use of an {@linkcode Estimate}; an estimate is one. */
export type ReportEstimate = Pick<Estimate, "chip" | "layers" | "floorplan">;

/** A result as plain data, ready for `JSON.stringify`. A number that JSON cannot hold stands as `{ "$number": "Infinity" }`. */
export interface ResultJson {
  /** {@linkcode RESULT_SCHEMA}. */
  readonly schema: typeof RESULT_SCHEMA;
  /** The fields of {@linkcode Result}, less `kind` and `table`. */
  readonly [field: string]: Json;
}

const WRITE = "write a result as JSON";

/**
 * A result as plain data under a versioned schema.
 *
 * @param options.estimate Stored in the result, in place of its own if it has one.
 * @throws {OptionError} if an option is unknown, or the result holds something that is not data.
 *
 * @example
 * ```ts
 * import { dorefa, lenet, pact, parseResult, pipeline, tensor, toJson } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const chip = pipeline()
 *   .quantize({ weights: dorefa({ bits: 2 }), activations: pact({ bits: 2, alpha: 2 }) })
 *   .decompose().map().simulate({ adc: { bits: 6, range: "full" }, backend: "reference" });
 * const images = tensor(new Uint8Array(784), [1, 28, 28, 1]);
 * const result = await chip.run(lenet(), { name: "black", images, labels: Uint8Array.of(0), classes: [] });
 * const text = JSON.stringify(toJson(result));
 * assertEquals(parseResult(text).table(), result.table());
 * ```
 */
export function toJson(result: Result, options: { readonly estimate?: Omit<Estimate, "table"> } = {}): ResultJson {
  checkOptions(WRITE, "toJson", options, ["estimate"]);
  const { kind: _kind, table: _table, ...facts } = result, estimate = options.estimate ?? facts.estimate;
  const stored = estimate === undefined ? undefined : { ...estimate, table: undefined };
  return { schema: RESULT_SCHEMA, ...encode({ ...facts, estimate: stored }, "result") as Record<string, Json> };
}

/**
 * Reads what {@linkcode toJson} made, checking every field that reports and gates rely on.
 *
 * @param json Text, or what `JSON.parse` made of it.
 * @throws {FileError} if it is not JSON, of another schema, or a field is missing, unknown or of the wrong type.
 */
export function parseResult(json: unknown): Result {
  const { schema, ...stored } = fields(parseJson(json), "result");
  if (schema !== RESULT_SCHEMA) {
    const hint = typeof schema === "string" && schema.startsWith("bitline result ")
      ? "It was written by another version of Bitline"
      : undefined;
    throw new FileError(READ, {
      where: "schema",
      got: schema,
      wanted: JSON.stringify(RESULT_SCHEMA),
      ...(hint === undefined ? {} : { hint }),
    });
  }
  const decoded = fields(decode(stored), "result");
  checkFields(decoded, "result", FIELDS);
  const { estimate, ...facts } = decoded as unknown as Omit<Result, "kind" | "table">;
  return result({ ...facts, ...(estimate === undefined ? {} : { estimate: { ...estimate, table: () => estimateTable(estimate) } }) });
}

const SUMMARY = shape(
  { count: number, mean: number, std: orNull(number), min: number, max: number, confidence: share, percentiles: each(number) },
  true,
);

const FIGURES: Checks = {
  areaUm2: number,
  dynamicPj: number,
  leakagePj: number,
  leakageUw: number,
  energyPj: number,
  powerMw: number,
  fps: number,
  topsPerWatt: number,
  topsPerMm2: number,
  latencyNs: number,
  macs: number,
  tops: number,
  components: list(shape({ name: text, category: text, count: number, areaUm2: number, dynamicPj: number, leakageUw: number }, true)),
};

/** Every field of a result; the type sees to it that none is forgotten. */
const FIELDS = {
  network: text,
  data: text,
  images: number,
  accuracy: shape({ "float?": share, quantized: share, crossbar: share }),
  "monteCarlo?": shape({ kind: text, seed: number, draws: number, stopped: text, samples: each(list(number)), summary: each(SUMMARY) }),
  "program?": shape({ device: shape({ model: text }, true), time: number, compensation: text, spareColumns: number, layers: record }, true),
  "writing?": shape({ cells: number, verified: number, failed: number, pulses: number, reads: number, time: number, energy: number }, true),
  logitError: real,
  cycles: number,
  layers: list(shape({
    name: text,
    algorithm: text,
    cycles: number,
    arrays: number,
    utilisation: share,
    tiles: number,
    rows: number,
    columns: number,
    "adc?": shape({ lo: number, step: number, levels: number, lossless: flag }),
    "clipped?": share,
    "sqnr?": orNull(number),
  })),
  converters: each(record),
  configuration: record,
  backend: shape({ name: text, description: text }),
  seconds: real,
  imagesPerSecond: real,
  "estimate?": shape({
    chip: shape({ ...FIGURES, clockNs: number, periodNs: number }, true),
    layers: list(shape({
      ...FIGURES,
      name: text,
      waitsNs: shape({ array: number, accumulation: number, buffer: number, interconnect: number }, true),
      plan: shape(
        { tiles: number, tilesPerSet: number, copies: number, pesPerTile: number, usedArrays: number, utilisation: number },
        true,
      ),
    }, true)),
    floorplan: shape({ grid: list(number), tiles: number, arrays: number, utilisation: number }, true),
  }, true),
} satisfies { [Field in Exclude<keyof Result, "kind" | "table"> as Optional<Result, Field>]: Check };

/** A field's name, with "?" where it may be absent. */
type Optional<Of, Field extends keyof Of & string> = undefined extends Of[Field] ? `${Field}?` : Field;

/** Data that survives JSON: typed arrays as lists, numbers that JSON lacks by name. */
function encode(value: unknown, where: string): Json {
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value) || ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as ArrayLike<unknown>, (entry, index) => encode(entry, `${where}[${index}]`));
  }
  if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    const kept = Object.entries(value).filter(([, field]) => field !== undefined);
    return Object.fromEntries(kept.map(([name, field]) => [name, encode(field, `${where}.${name}`)]));
  }
  throw new OptionError(WRITE, { where, got: String(value), wanted: "plain data" });
}

function decode(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(decode);
  const entries = Object.entries(value), [first] = entries;
  if (entries.length === 1 && first![0] === "$number" && ["Infinity", "-Infinity", "NaN"].includes(first![1])) return Number(first![1]);
  return Object.fromEntries(entries.map(([name, field]) => [name, decode(field)]));
}
