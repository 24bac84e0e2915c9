// `deno task golden DIR…`: runs golden case files and prints one row per case and backend; exit status 1 if any fails, 2 on wrong usage.

import { parseArgs } from "@std/cli";
import { BACKEND_NAMES, findFiles, goldenTable, openBackends, runGolden } from "./runner.ts";

const USAGE = `usage: deno task golden [--backend ${BACKEND_NAMES.join("|")}] [--json] DIR…

Runs every case file (.json, .npz) below the folders, or the files named, and compares the results with those stored in it.
  --backend NAME  run on this backend only (default: all that this machine has)
  --json          print one JSON object instead of a table`;

async function main(args: readonly string[]): Promise<number> {
  const wrong: string[] = [];
  const { _: paths, backend, json, help } = parseArgs(args, {
    boolean: ["json", "help"],
    string: ["backend", "_"],
    unknown: (argument: string, key?: string) => {
      if (key !== undefined) wrong.push(argument);
    },
  });
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const unknownBackend = backend !== undefined && !BACKEND_NAMES.some((name) => name === backend);
  if (wrong.length > 0 || paths.length === 0 || unknownBackend) {
    const fault = wrong.length > 0 ? `unknown option ${wrong[0]}` : unknownBackend ? `unknown backend "${backend}"` : "no folder given";
    console.error(`${fault}\n\n${USAGE}`);
    return 2;
  }
  let files: string[];
  try {
    files = await findFiles(paths.map(String));
  } catch (error) {
    console.error(`Cannot list golden cases: ${error instanceof Error ? error.message : error}`);
    return 2;
  }
  if (files.length === 0) {
    console.error(`No case files in ${paths.join(", ")}`);
    return 1;
  }
  const { backends, missing } = await openBackends(backend);
  for (const each of missing) console.error(`Left out ${each}`);
  try {
    const rows = await runGolden(files, backends);
    const count = (status: string) => rows.filter((row) => row.status === status).length;
    const [passed, failed, notCovered] = [count("pass"), count("fail"), count("not covered")];
    if (json) console.log(JSON.stringify({ cases: rows, passed, failed, notCovered }, null, 2));
    else console.log(`${goldenTable(rows)}\n\n${passed} passed, ${failed} failed, ${notCovered} not covered`);
    return failed > 0 ? 1 : 0;
  } finally {
    for (const each of backends) await each[Symbol.asyncDispose]();
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(2);
  }
}
