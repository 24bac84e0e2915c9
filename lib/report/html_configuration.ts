// Configuration in a report: everything a run depends on, flattened to a line per setting.

import type { Result } from "../simulate/result.ts";
import { type Cell, htmlTable } from "./html_page.ts";

/** Everything the run depends on. */
export function configurationSection({ network, data, images, backend, configuration, seconds, imagesPerSecond }: Result): string {
  const facts: Cell[][] = [
    ["network", network],
    ["data", `${images} images of ${data}`],
    ...settings(configuration).map(([name, value]) => [name, value]),
    ["backend", `${backend.name} (${backend.description})`],
    ["time", `${seconds.toFixed(2)} s of simulation, ${imagesPerSecond.toPrecision(4)} images/s through the arrays`],
  ];
  return `<div class="wrap">${
    htmlTable({ caption: "What the run depends on", columns: ["setting", "value"], rows: facts, sortable: false })
  }</div>`;
}

/** Plain data as path and value, a line each; a list or an object of plain values is one line. */
export function settings(value: unknown, path = ""): [path: string, value: string][] {
  if (value === undefined) return [];
  if (isPlain(value)) return [[path, shown(value)]];
  const entries = Object.entries(value as object).filter(([, field]) => field !== undefined), last = path === "" ? "" : `${path}.`;
  if (Array.isArray(value) && value.every(isPlain)) return [[path, value.length === 0 ? "none" : value.map(shown).join(", ")]];
  if (path !== "" && entries.length > 2 && entries.every(([, field]) => isPlain(field))) {
    const values = new Set(entries.map(([, field]) => field));
    const same = values.size === 1 ? `${shown([...values][0])}: ${entries.map(([name]) => name).join(", ")}` : undefined;
    return [[path, same ?? entries.map(([name, field]) => `${name} ${shown(field)}`).join(", ")]];
  }
  return entries.flatMap(([name, field]) => settings(field, last + name));
}

function isPlain(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function shown(value: unknown): string {
  return typeof value === "boolean" ? value ? "yes" : "no" : String(value);
}
