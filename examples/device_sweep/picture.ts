// Rows of a sweep as a picture and as a Markdown table.

import { barChart, lineChart } from "../../mod.ts";
import type { Sweep, SweepName } from "./points.ts";

/** What was found at a point; shares from 0 to 1. */
export interface Row {
  /** Sweep it belongs to. */
  readonly sweep: SweepName;
  /** Line it is on. */
  readonly series: string;
  /** Value of the parameter. */
  readonly x: number | string;
  /** Mean accuracy over chips. */
  readonly mean: number;
  /** Standard deviation over chips; null of a single one. */
  readonly std: number | null;
  /** Accuracy of each chip. */
  readonly samples: readonly number[];
  /** Accuracy of the quantised network without arrays. */
  readonly baseline: number;
  /** Time it took. */
  readonly seconds: number;
}

/** Lines with the range of all chips behind them; bars where the parameter is a name. */
export async function drawSweep(sweep: Sweep, rows: readonly Row[], what: string): Promise<string> {
  const baseline = 100 * rows[0]!.baseline, rules = [{ axis: "y", value: baseline }] as const;
  const title = `${sweep.title}: ${what} (dotted: ${baseline.toFixed(1)} % without arrays)`;
  if (typeof rows[0]!.x === "string") {
    return await barChart({
      title,
      x: { label: sweep.x.label },
      y: { label: "Accuracy", unit: "%" },
      categories: rows.map(({ x }) => String(x)),
      series: [{
        name: "mean and deviation over chips",
        values: rows.map(({ mean }) => 100 * mean),
        errors: rows.map(({ std }) => 100 * (std ?? 0)),
      }],
      rules,
    });
  }
  return await lineChart({
    title,
    x: sweep.x,
    y: { label: "Accuracy", unit: "%" },
    series: names(rows).map((name) => {
      const own = rows.filter(({ series }) => series === name), at = ({ x }: Row) => sweep.factor * Number(x);
      const band = own.some(({ samples }) => samples.length > 1)
        ? { band: own.map((row) => [at(row), 100 * Math.min(...row.samples), 100 * Math.max(...row.samples)] as const) }
        : {};
      return { name, points: own.map((row) => [at(row), 100 * row.mean] as const), ...band, dashed: name.endsWith(", compensated") };
    }),
    rules,
  });
}

/** One line per value, one column per series. */
export function markdown({ x, factor }: Sweep, rows: readonly Row[]): string {
  const columns = names(rows), lines = [...new Set(rows.map((row) => row.x))];
  const cell = (row: Row | undefined) =>
    row === undefined ? "" : `${(100 * row.mean).toFixed(1)}${row.std === null ? "" : ` ± ${(100 * row.std).toFixed(1)}`} %`;
  const table = [
    [x.unit === undefined ? x.label : `${x.label} (${x.unit})`, ...columns],
    ...lines.map((value) => [
      typeof value === "number" ? String(Number((factor * value).toPrecision(8))) : value,
      ...columns.map((name) => cell(rows.find((row) => row.x === value && row.series === name))),
    ]),
  ];
  const widths = table[0]!.map((_, column) => Math.max(3, ...table.map((line) => [...line[column]!].length)));
  const text = (line: readonly string[]) =>
    `| ${line.map((part, column) => part + " ".repeat(widths[column]! - [...part].length)).join(" | ")} |`;
  return [text(table[0]!), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...table.slice(1).map(text)].join("\n");
}

function names(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(({ series }) => series))];
}
