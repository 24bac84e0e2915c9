// Mapping searches: cycles and windows of the published methods, and totals and bounds that go beyond them. Nothing is simulated.
//
// Files {doc, records}. A record {cfg, clean} holds a layer and what each published method makes of it, to be matched exactly; a record
// {I, K, IC, OC, R, C, vw, best: [cycles, how], LB} a plain layer, its VW-SDK cycles (exact), the fewest cycles found (an upper limit) and a
// proved lower bound. What other tools returned (ref_…, flags) and the cycles of single methods of theirs are not compared.

import { FileError } from "../../../lib/errors.ts";
import { bestMapping } from "../../../lib/map/best.ts";
import { lowerBound } from "../../../lib/map/bound.ts";
import type { Mapping, Problem } from "../../../lib/map/placement.ts";
import { im2colMapping } from "../../../lib/map/published/im2col.ts";
import { sdkMapping } from "../../../lib/map/published/sdk.ts";
import { smdMapping } from "../../../lib/map/published/smd.ts";
import { vwSdkMapping } from "../../../lib/map/published/vw_sdk.ts";
import { type Format, type GoldenCase, type GoldenFile, isRecord } from "../format.ts";

/** Mapping searches. */
export const mapping: Format = {
  name: "mapping",
  matches: ({ json }) => isRecord(json) && typeof json["doc"] === "string" && Array.isArray(json["records"]),
  open,
};

/** A record made ready: its name and what is wrong with our results, nothing if all is well. */
interface Check {
  readonly name: string;
  run(): string[];
}

/** Failing records named in full; of the others only the number is given. */
const NAMED = 5;

function open({ path, stem, json }: GoldenFile): GoldenCase {
  const records = (json as { records: unknown[] }).records;
  if (records.length === 0) throw malformed(`${path}: records`, "an empty list", "records");
  const checks = records.map((record, at) => readRecord(record, `${path}: records[${at}]`));
  return {
    name: `${stem}, ${checks.length} records`,
    limit: 0,
    needsBackend: false,
    run() {
      const faults = checks.flatMap(({ name, run }) => {
        const wrong = run();
        return wrong.length === 0 ? [] : [`${name}: ${wrong.join(", ")}`];
      });
      if (faults.length === 0) return Promise.resolve(0);
      const rest = faults.length > NAMED ? `; and ${faults.length - NAMED} more` : "";
      return Promise.reject(new Error(`${faults.length} of ${checks.length} records: ${faults.slice(0, NAMED).join("; ")}${rest}`));
    },
  };
}

function readRecord(record: unknown, where: string): Check {
  const fields = new Fields(record, where);
  if (fields.has("cfg")) return published(fields);
  if (fields.has("best")) return beyond(fields);
  throw malformed(where, fields.names(), "cfg and clean, or I, K, IC, OC, R, C, vw, best and LB");
}

/** A layer with square image and kernel on an array of logical columns. */
interface Numbers {
  readonly image: number;
  readonly kernel: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
  readonly padding: number;
}

function problemOf({ image, kernel, inputs, outputs, rows, columns, stride, padding }: Numbers, where: string): Problem {
  const side = Math.floor((image + 2 * padding - kernel) / stride) + 1;
  if (side < 1) throw malformed(where, `a ${kernel} × ${kernel} kernel on a ${image} × ${image} image`, "at least one output");
  const geometry = {
    kernel: [kernel, kernel],
    stride: [stride, stride],
    padding: [padding, padding],
    dilation: [1, 1],
    groups: 1,
    inputShape: [image, image, inputs],
    outputShape: [side, side, outputs],
  } as const;
  return { geometry, rows, columns };
}

function nameOf(fields: Fields, { image, kernel, inputs, outputs, rows, columns }: Numbers, tag: string | undefined): string {
  const index = /records\[\d+\]/.exec(fields.where)?.[0] ?? fields.where;
  return `${index} ${tag === undefined ? "" : `${tag} `}(${image}², ${kernel} × ${kernel}, ${inputs} → ${outputs} on ${rows} × ${columns})`;
}

function published(fields: Fields): Check {
  fields.only(/^(cfg|clean|flags|ref_\w+|clean_equals_\w+)$/);
  const cfg = fields.inside("cfg"), clean = fields.inside("clean");
  cfg.only(/^(image|kernel|ic|oc|stride|pad|out|rows|cols|cols_logical|cell_bits|weight_bits|tag)$/);
  clean.only(/^(im2col|smd|sdk|vwsdk)$/);
  const numbers: Numbers = {
    image: cfg.integer("image", 1),
    kernel: cfg.integer("kernel", 1),
    inputs: cfg.integer("ic", 1),
    outputs: cfg.integer("oc", 1),
    rows: cfg.integer("rows", 1),
    columns: cfg.integer("cols_logical", 1),
    stride: cfg.integer("stride", 1),
    padding: cfg.integer("pad", 0),
  };
  const problem = problemOf(numbers, cfg.where);
  const cells = cfg.has("cell_bits") || cfg.has("weight_bits")
    ? [cfg.integer("cell_bits", 1), cfg.integer("weight_bits", 1)] as const
    : [1, 1] as const;
  const columns = Math.floor(cfg.integer("cols", 1) * cells[0] / cells[1]);
  if (columns !== numbers.columns) throw malformed(`${cfg.where}.cols_logical`, numbers.columns, String(columns));
  const side = problem.geometry.outputShape[0];
  if (cfg.has("out") && cfg.integer("out", 1) !== side) throw malformed(`${cfg.where}.out`, cfg.integer("out", 1), String(side));
  const smd = clean.inside("smd"), sdk = clean.inside("sdk"), vwSdk = clean.inside("vwsdk");
  const wanted = [
    ["im2col", im2colMapping, { cycles: clean.integer("im2col", 1) }],
    ["smd", smdMapping, smd.all({ cycles: "cycles", dup: "dup" })],
    ["sdk", sdkMapping, sdk.all({ cycles: "cycles", dup: "dup" }, { pw: ["pwRow", "pwCol"] })],
    [
      "vwsdk",
      vwSdkMapping,
      vwSdk.all(
        { cycles: "cycles", pw_row: "pwRow", pw_col: "pwCol", AR: "rowTiles", AC: "columnTiles", ICt: "inputTile", OCt: "outputTile" },
        { out_row: ["outRow"], out_col: ["outCol"] },
        { im2col_fallback: ["fallback", "im2col"] },
      ),
    ],
  ] as const;
  return {
    name: nameOf(fields, numbers, cfg.text("tag")),
    run: () => wanted.flatMap(([method, map, expected]) => differences(method, map(problem), expected)),
  };
}

/** What a mapping should say, null where it should say nothing. */
type Expected = Readonly<Record<string, number | string | null>>;

function differences(method: string, { cycles, detail }: Mapping, expected: Expected): string[] {
  const got: Readonly<Record<string, number | string>> = { ...detail, cycles };
  return Object.entries(expected).filter(([name, value]) => (got[name] ?? null) !== value).map(([name, value]) =>
    `${method} ${name} ${got[name] ?? "absent"}, wanted ${value ?? "none"}`
  );
}

function beyond(fields: Fields): Check {
  fields.only(/^(I|K|IC|OC|R|C|vw|elem|guillotine|hybrid|sscat|sgath|biclique2|best|LB|LBparts|tag)$/);
  const numbers: Numbers = {
    image: fields.integer("I", 1),
    kernel: fields.integer("K", 1),
    inputs: fields.integer("IC", 1),
    outputs: fields.integer("OC", 1),
    rows: fields.integer("R", 1),
    columns: fields.integer("C", 1),
    stride: 1,
    padding: 0,
  };
  const problem = problemOf(numbers, fields.where);
  const vw = fields.integer("vw", 1), bound = fields.integer("LB", 1), most = fields.first("best");
  if (most < bound) throw malformed(`${fields.where}.best`, most, `at least the bound ${bound}`);
  return {
    name: nameOf(fields, numbers, fields.text("tag")),
    run() {
      const wrong = differences("vw", vwSdkMapping(problem), { cycles: vw });
      const best = bestMapping(problem).cycles, ours = lowerBound(problem).cycles;
      if (!(best <= most)) wrong.push(`best ${best}, wanted at most ${most}`);
      if (!(best >= bound)) wrong.push(`best ${best}, below the proved bound ${bound}`);
      if (!(ours >= bound)) wrong.push(`bound ${ours}, wanted at least ${bound}`);
      if (!(ours <= best)) wrong.push(`bound ${ours} above best ${best}`);
      return wrong;
    },
  };
}

/** An object of a golden file, read field by field; what is missing or of another type is refused with its path. */
class Fields {
  readonly #record: Record<string, unknown>;

  constructor(record: unknown, readonly where: string) {
    if (!isRecord(record)) throw malformed(where, record, "an object");
    this.#record = record;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#record, name);
  }

  names(): string {
    return Object.keys(this.#record).join(", ") || "no fields";
  }

  only(known: RegExp): void {
    const unknown = Object.keys(this.#record).find((name) => !known.test(name));
    if (unknown !== undefined) throw malformed(`${this.where}.${unknown}`, "an unknown field", String(known));
  }

  inside(name: string): Fields {
    return new Fields(this.#record[name], `${this.where}.${name}`);
  }

  integer(name: string, least: number): number {
    return integer(this.#record[name], `${this.where}.${name}`, least);
  }

  /** The number of a [number, how] pair. */
  first(name: string): number {
    const value = this.#record[name];
    return integer(Array.isArray(value) ? value[0] : value, `${this.where}.${name}`, 1);
  }

  text(name: string): string | undefined {
    const value = this.#record[name];
    if (value === undefined || typeof value === "string") return value;
    throw malformed(`${this.where}.${name}`, value, "text");
  }

  /**
   * All fields under our names: numbers that must be there (or null), numbers that may be, each under one or two names, and flags that stand for a text.
   */
  all(
    required: Readonly<Record<string, string>>,
    optional: Readonly<Record<string, readonly string[]>> = {},
    flags: Readonly<Record<string, readonly [name: string, text: string]>> = {},
  ): Expected {
    this.only(new RegExp(`^(${[required, optional, flags].flatMap(Object.keys).join("|")})$`));
    const expected: Record<string, number | string | null> = {};
    for (const [name, ours] of Object.entries(required)) {
      expected[ours] = this.#record[name] === null ? null : this.integer(name, 1);
    }
    for (const [name, ours] of Object.entries(optional)) {
      if (this.has(name)) { for (const each of ours) expected[each] = this.integer(name, 1); }
    }
    for (const [name, [ours, text]] of Object.entries(flags)) {
      const value = this.#record[name];
      if (typeof value !== "boolean") throw malformed(`${this.where}.${name}`, value, "true or false");
      expected[ours] = value ? text : null;
    }
    return expected;
  }
}

function integer(value: unknown, where: string, least: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw malformed(where, value === undefined ? "nothing" : value, `an integer of at least ${least}`);
}

function malformed(where: string, got: unknown, wanted: string): FileError {
  return new FileError("read a golden record", { where, got, wanted });
}
