// The frame of an HTML report: one file, no network, readable without script; every text that goes in is escaped here.

import { dropUnprintable, escapeXml } from "./plot_style.ts";

/** A cell of a table: what it shows, and what it is sorted by where that is not the text. */
export type Cell = string | number | { readonly text: string; readonly by: number };

/** A table of a report. */
export interface HtmlTable {
  /** Line above the table. */
  readonly caption: string;
  /** Names of the columns; one that starts with "#" is aligned to the right. */
  readonly columns: readonly string[];
  /** Rows of as many cells. */
  readonly rows: readonly (readonly Cell[])[];
  /** Whether a click on a column's name sorts by it; default true. */
  readonly sortable?: boolean;
}

/** A table as HTML. */
export function htmlTable({ caption, columns, rows, sortable = true }: HtmlTable): string {
  const right = columns.map((name) => name.startsWith("#") ? ' class="right"' : "");
  const head = columns.map((name, index) => `<th scope="col"${right[index]}>${escapeXml(name.replace(/^#/, ""))}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell, index) => tableCell(cell, index, right[index] ?? "")).join("")}</tr>`);
  return `<div class="scroll"><table${sortable && rows.length > 1 ? ' class="sortable"' : ""}><caption>${escapeXml(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body.join("\n")}
</tbody></table></div>`;
}

function tableCell(cell: Cell, index: number, right: string): string {
  const shown = typeof cell === "object" ? cell.text : String(cell), by = typeof cell === "object" ? cell.by : undefined;
  const order = by === undefined ? "" : ` data-by="${Number.isNaN(by) ? "" : by}"`;
  return index === 0 ? `<th scope="row"${order}${right}>${escapeXml(shown)}</th>` : `<td${order}${right}>${escapeXml(shown)}</td>`;
}

/** A figure of the summary. */
export interface Tile {
  /** What it is. */
  readonly name: string;
  /** Its value with the unit. */
  readonly value: string;
  /** What puts it in relation. */
  readonly note?: string;
}

/** Figures side by side. */
export function htmlTiles(tiles: readonly Tile[]): string {
  const one = ({ name, value, note }: Tile) =>
    `<div class="tile"><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}${
      note === undefined ? "" : `<small>${escapeXml(note)}</small>`
    }</dd></div>`;
  return `<dl class="tiles">\n${tiles.map(one).join("\n")}\n</dl>`;
}

/** Pictures side by side, each an SVG document. */
export function htmlPictures(pictures: readonly string[]): string {
  return pictures.length === 0
    ? ""
    : `<div class="pictures">\n${pictures.map((svg) => `<figure>${svg.trim()}</figure>`).join("\n")}\n</div>`;
}

/** What opens at a click. */
export function htmlDetails(summary: string, content: string): string {
  return `<details><summary>${escapeXml(summary)}</summary>\n${content}\n</details>`;
}

/** A paragraph. */
export function htmlText(text: string): string {
  return `<p>${escapeXml(text)}</p>`;
}

/** A part of a report with its heading. */
export interface Section {
  /** Name in the address, letters only. */
  readonly id: string;
  /** Heading. */
  readonly title: string;
  /** HTML; a section without any is left out. */
  readonly content: string;
}

/** A whole document. `data` is embedded as JSON under the id "result". */
export function htmlPage(title: string, lead: string, sections: readonly Section[], data: unknown): string {
  const shown = sections.filter(({ content }) => content !== "");
  const json = JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (symbol) => `\\u${symbol.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return dropUnprintable(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="${POLICY}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="generator" content="Bitline"/>
<title>${escapeXml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>${escapeXml(title)}</h1>
<p>${escapeXml(lead)}</p>
<nav>${shown.map(({ id, title }) => `<a href="#${id}">${escapeXml(title)}</a>`).join(" ")}</nav></header>
<main>
${shown.map(({ id, title, content }) => `<section id="${id}"><h2>${escapeXml(title)}</h2>\n${content}\n</section>`).join("\n")}
</main>
<script type="application/json" id="result">${json}</script>
<script>${SCRIPT}</script>
</body>
</html>
`);
}

/** Nothing is loaded from anywhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

const STYLE = `
:root { color-scheme: light; --line: #d5d9de; --soft: #f4f6f8; --text: #1d2329; --mute: #5b6670; --mark: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--text); background: #fff; font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; }
header, main { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 28px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 12px; padding-bottom: 4px; border-bottom: 2px solid var(--line); }
header p, p { color: var(--mute); margin: 6px 0 10px; max-width: 80em; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; }
nav a { color: var(--mark); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 12px; margin: 20px 0 8px; }
.tile { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.tile dt { color: var(--mute); font-size: 13px; }
.tile dd { margin: 0; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile small { display: block; font-size: 12px; font-weight: 400; color: var(--mute); }
.scroll { overflow-x: auto; margin: 0 0 16px; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--mute); padding: 4px 0 6px; }
th, td { text-align: left; padding: 4px 12px 4px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
.wrap td { white-space: normal; overflow-wrap: anywhere; }
tbody th { font-weight: 500; }
thead th { background: var(--soft); border-bottom: 2px solid var(--line); }
tbody tr:hover { background: var(--soft); }
.right { text-align: right; }
.sortable button { all: unset; cursor: pointer; font-weight: 600; }
.sortable button:hover, .sortable button:focus-visible { color: var(--mark); text-decoration: underline; }
th[aria-sort=ascending] button::after { content: " ▲"; font-size: 10px; }
th[aria-sort=descending] button::after { content: " ▼"; font-size: 10px; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 520px), 1fr)); gap: 16px; margin: 8px 0 16px; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; padding: 8px; overflow: hidden; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
details { margin: 8px 0; }
summary { cursor: pointer; color: var(--mark); padding: 4px 0; }
@media print { nav { display: none; } section, figure, .tile { break-inside: avoid; } header, main { max-width: none; padding: 0; } }
`;

const SCRIPT = `
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.by ?? row.cells[column].textContent;
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        const [u, v] = [Number(x), Number(y)], by = Number.isNaN(u) || Number.isNaN(v) ? x.localeCompare(y, "en", { numeric: true }) : u - v;
        return down ? -by : by;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
`;
