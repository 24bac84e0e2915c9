// Finds golden files, runs them on backends and says how far off each was.

import { Table } from "@cliffy/table";
import { readNpz } from "../../lib/io/npy.ts";
import { DeviceError } from "../../lib/errors.ts";
import type { Backend, BackendName } from "../../lib/simulate/backend.ts";
import { openBackend } from "../../lib/simulate/choose_backend.ts";
import { type GoldenCase, type GoldenFile, NotCovered } from "./format.ts";
import { formats } from "./formats/registry.ts";

/** One line of the result: a case on a backend, or a file that gave no case. */
export interface Row {
  readonly name: string;
  readonly path: string;
  /** Absent where nothing was run. */
  readonly backend?: BackendName;
  readonly error?: number;
  readonly limit?: number;
  readonly status: "pass" | "fail" | "not covered";
  /** Why it failed or is not covered, beyond the error. */
  readonly reason?: string;
}

/** Every backend there is. */
export const BACKEND_NAMES: readonly BackendName[] = ["reference", "cpu", "webgpu"];

/** Case files below folders, or the files named, in order of path; README files and hidden ones are no cases. */
export async function findFiles(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if ((await Deno.stat(path)).isFile) {
      found.push(path);
      continue;
    }
    const entries = await Array.fromAsync(Deno.readDir(path));
    const below = entries.filter(({ name }) => !name.startsWith(".") && !/^readme(\.|$)/i.test(name)).map(({ name }) =>
      `${path.replace(/\/+$/, "")}/${name}`
    );
    found.push(...await findFiles(below.sort()));
  }
  return found;
}

/** Opens a file: a case, or the row that says why there is none. */
export async function openGolden(path: string): Promise<GoldenCase | Row> {
  const base = path.slice(path.lastIndexOf("/") + 1), dot = base.lastIndexOf(".");
  const stem = dot > 0 ? base.slice(0, dot) : base;
  try {
    const file = await readGolden(path, stem, dot > 0 ? base.slice(dot) : "");
    const format = formats.find((each) => each.matches(file));
    if (format === undefined) return { name: stem, path, status: "fail", reason: "unknown format" };
    return format.open(file);
  } catch (error) {
    if (error instanceof NotCovered) return { name: stem, path, status: "not covered", reason: error.message };
    return { name: stem, path, status: "fail", reason: said(error) };
  }
}

async function readGolden(path: string, stem: string, extension: string): Promise<GoldenFile> {
  if (extension === ".npz") return { path, stem, arrays: await readNpz(path) };
  if (extension === ".json") return { path, stem, json: parseJson(await Deno.readTextFile(path)) };
  return { path, stem };
}

/** JSON, and what Python writes for numbers that are not finite: Infinity stays, NaN becomes null. */
function parseJson(text: string): unknown {
  const number = (token: string) => token === "NaN" ? "null" : token === "Infinity" ? "1e999" : token === "-Infinity" ? "-1e999" : token;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|NaN|-?Infinity/g, number));
  }
}

/** Runs a case on a backend; the row of a case that needs none names none. */
export async function runCase(golden: GoldenCase, path: string, backend: Backend): Promise<Row> {
  const { name, limit, needsBackend = true } = golden;
  const row = { name, path, ...(needsBackend ? { backend: backend.name } : {}), limit };
  try {
    const error = await golden.run(backend);
    return { ...row, error, status: error <= limit ? "pass" : "fail" };
  } catch (error) {
    return { ...row, status: error instanceof NotCovered ? "not covered" : "fail", reason: said(error) };
  }
}

/** Runs every file on every backend, or once if it needs none, handing over rows as they come. */
export async function runGolden(
  files: readonly string[],
  backends: readonly Backend[],
  onRow: (row: Row) => void = () => {},
): Promise<Row[]> {
  const rows: Row[] = [];
  const add = (row: Row) => {
    rows.push(row);
    onRow(row);
  };
  for (const path of files) {
    const opened = await openGolden(path);
    if ("status" in opened) {
      add(opened);
      continue;
    }
    for (const each of opened.parts ?? [opened]) {
      const wanted = each.needsBackend === false ? backends.slice(0, 1) : backends;
      for (const backend of wanted) add(await runCase(each, path, backend));
    }
  }
  return rows;
}

/**
 * Opens backends by name; without a name all that this machine has.
 *
 * @throws {DeviceError} if the one asked for cannot run here.
 * @throws {OptionError} if the name is unknown.
 */
export async function openBackends(only?: string): Promise<{ backends: Backend[]; missing: string[] }> {
  if (only !== undefined) return { backends: [await openBackend(only as BackendName)], missing: [] };
  const backends: Backend[] = [], missing: string[] = [];
  for (const name of BACKEND_NAMES) {
    try {
      backends.push(await openBackend(name));
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      missing.push(`${name}: ${error.message}`);
    }
  }
  return { backends, missing };
}

/** Rows as a text table. */
export function goldenTable(rows: readonly Row[]): string {
  const number = (value: number | undefined) => value === undefined ? "–" : value.toExponential(1);
  return new Table()
    .header(["case", "backend", "error", "limit", "result"])
    .body(rows.map(({ name, backend, error, limit, status, reason }) => [
      name,
      backend ?? "–",
      number(error),
      number(limit),
      reason === undefined ? status : `${status}: ${reason}`,
    ]))
    .toString();
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
