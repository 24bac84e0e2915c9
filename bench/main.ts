/**
 * The benchmark suite: each row is the best of several calls, and its limit is measured in turn with it.
 *
 *     deno task bench --json --only kernel
 */

import { Table } from "@cliffy/table";
import { describeAdapter, requestAdapter } from "@gpu/webgpu";
import type { OptionValues } from "../lib/cli/options.ts";
import { runCommand } from "../lib/cli/run.ts";
import { OptionError } from "../lib/errors.ts";
import { measure, type Row } from "./measure.ts";
import { scalingBenchmarks } from "./scaling.ts";
import { BENCHMARKS, openMachine } from "./suite.ts";

/** Options of the suite. */
export const command = {
  title: "Measures Bitline on this machine: kernels, layers, networks, training, mapping, start-up and memory.",
  usage: "deno task bench [options]",
  options: {
    only: { type: "string", help: "rows whose group or name contains this text" },
    scaling: { type: "boolean", help: "the scaling table instead: cost over batch, threads, width, rows and bits" },
    seconds: { type: "number", default: 2, least: 0, help: "time for each row" },
    threads: { type: "number", integer: true, least: 1, help: "threads; default all cores" },
    list: { type: "boolean", help: "only name the rows" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

/** Name of the processor where the system tells it. */
function processor(): string {
  try {
    const name = /^model name\s*:\s*(.+)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1];
    if (name !== undefined) return name;
  } catch {
    // Not Linux.
  }
  return Deno.build.target;
}

async function adapter(): Promise<string> {
  const found = await requestAdapter();
  if (found === undefined) return "none";
  const { description, device, fallback } = describeAdapter(found);
  return `${description || device || "unnamed"}${fallback ? " (software)" : ""}`;
}

function table(rows: readonly Row[]): string {
  const number = (value: number) => value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  const head = ["what", "value", "unit", "limit", "share", "of"];
  return new Table().header(head).body(
    rows.map(({ name, value, unit, limit, share, against }) => [
      name,
      number(value),
      unit,
      limit === undefined ? "" : number(limit),
      share === undefined ? "" : `${(100 * share).toFixed(0)} %`,
      against ?? "",
    ]),
  ).border(true).toString();
}

async function main(options: OptionValues<typeof command.options>): Promise<void> {
  const all = options.scaling ? scalingBenchmarks : BENCHMARKS, { only } = options;
  const chosen = only === undefined ? all : all.filter(({ group, name }) => `${group}: ${name}`.toLowerCase().includes(only.toLowerCase()));
  if (chosen.length === 0) {
    throw new OptionError("run benchmarks", { where: "--only", got: only, wanted: "part of a name that --list shows" });
  }
  if (options.list) return chosen.forEach(({ group, name }) => console.log(`${group}: ${name}`));
  const date = new Date().toISOString(), rows: Row[] = [];
  await using machine = await openMachine({
    seconds: options.seconds,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  for (const benchmark of chosen) {
    if (Deno.stderr.isTerminal()) console.error(`${rows.length + 1} of ${chosen.length}: ${benchmark.name}`);
    rows.push(await measure(benchmark, machine));
  }
  const about = {
    machine: processor(),
    cores: navigator.hardwareConcurrency,
    threads: machine.threads,
    adapter: await adapter(),
    deno: Deno.version.deno,
    date,
  };
  if (options.json) return console.log(JSON.stringify({ ...about, rows }));
  console.log(Object.entries(about).map(([name, value]) => `${name}: ${value}`).join(", "));
  console.log(table(rows));
}

if (import.meta.main) await runCommand(command, main);
