// What surrounds the marks of every chart: white ground, title, legend above the plot, axes with their labels.

import { OptionError } from "../errors.ts";
import type { Axis } from "./plot_axis.ts";
import { type Drawing, type DrawnScale, loadPlot, type Mark } from "./plot_library.ts";
import { dropUnprintable, escapeXml, fitText, FONT, type SYMBOLS, TEXT, textWidth, wrapText } from "./plot_style.ts";

/** What all charts can be told. */
export interface ChartOptions {
  /** Line above the chart; none by default. */
  readonly title?: string;
  /** Width of the picture in pixels, 240 to 4000; default 640. */
  readonly width?: number;
  /** Height of the picture in pixels, 160 to 4000; default 400. */
  readonly height?: number;
}

/** One entry of a legend. */
export interface LegendEntry {
  /** Name of the series. */
  readonly name: string;
  /** Its colour. */
  readonly colour: string;
  /** How it is drawn: a line, a symbol, both, or (with neither) a filled box. */
  readonly line?: "solid" | "dashed";
  /** Symbol at its points. */
  readonly symbol?: typeof SYMBOLS[number];
}

/** Edges of the plot inside the picture, in pixels. */
export interface Box {
  /** Left edge. */
  readonly left: number;
  /** Right edge. */
  readonly right: number;
  /** Upper edge. */
  readonly top: number;
  /** Lower edge. */
  readonly bottom: number;
}

/** A chart before it is drawn. */
export interface Chart extends ChartOptions {
  /** Axes, once the size of the plot is known. */
  readonly axes: (width: number, height: number) => { readonly x: Axis; readonly y: Axis };
  /** Entries above the plot; none for no legend. */
  readonly legend: readonly LegendEntry[];
  /** Marks below the axes, once those are known. */
  readonly marks: (axes: { readonly x: Axis; readonly y: Axis }) => readonly Mark[];
  /** Pixels free inside the plot, left and right; default 0. */
  readonly inset?: number;
  /** Whether rows are counted from the top. */
  readonly reverse?: boolean;
  /** Whether lines are drawn across the plot at the ticks of the vertical axis (default) or of both axes or of none. */
  readonly grid?: "y" | "both" | "none";
  /** Pixels kept free to the right of the plot for `beside`; default 0. */
  readonly aside?: number;
  /** SVG drawn before the marks, given the box of the plot. */
  readonly below?: (box: Box) => string;
  /** SVG drawn to the right of the plot, given its box. */
  readonly beside?: (box: Box) => string;
}

const TITLE = 15, ROW = 19;

/** Names of {@linkcode ChartOptions}. */
export const CHART_OPTIONS = ["title", "width", "height"] as const;

/** Refuses a size no chart fits in. */
export function checkChart(action: string, where: string, { title, width = 640, height = 400 }: ChartOptions): void {
  if (title !== undefined && typeof title !== "string") {
    throw new OptionError(action, { where: `${where}.title`, got: title, wanted: "a text" });
  }
  for (const [name, value, least] of [["width", width, 240], ["height", height, 160]] as const) {
    if (Number.isFinite(value) && value >= least && value <= 4000) continue;
    throw new OptionError(action, { where: `${where}.${name}`, got: value, wanted: `${least} to 4000 pixels` });
  }
}

/** Draws a chart as a standalone SVG document: all colours and fonts are attributes, no ids, no scripts, no references. */
export async function drawChart(chart: Chart): Promise<string> {
  const { width = 640, height = 400, title = "", inset = 0, aside = 0, reverse = false, grid = "y" } = chart;
  const titles = wrapText(title, width - 24, TITLE, 2);
  const legend = placeLegend(chart.legend, width);
  const top = 14 + 20 * titles.length + ROW * legend.rows + (legend.rows > 0 ? 6 : 0);
  const first = chart.axes(width - 90 - aside, height - top - 50);
  // The left margin depends on the ticks, and they on the room that is left.
  const scaled = first.x.type === "log", beside = 38 + longest(first.y);
  const turned = scaled ? 0 : slant(first.x, width - beside - aside - 20);
  const left = Math.ceil(turned > 0 ? Math.max(beside, drop(90 - turned) * textWidth(first.x.ticks[0]!.text)) : beside);
  const bottom = Math.ceil(42 + drop(turned) * 0.95 * longest(first.x));
  const { x, y } = chart.axes(width - left - aside - 20, height - top - bottom);
  const overhang = turned > 0 ? 0 : textWidth(x.ticks.at(-1)?.text ?? "") / 2 - inset;
  const right = Math.ceil(aside + Math.max(16, overhang + 4));
  const margin = { top, right, bottom: bottom + 6, left };
  const scale = ({ type, domain }: Axis): DrawnScale => ({ type, domain });
  const drawing: Drawing = {
    width,
    height,
    margin,
    inset,
    x: scale(x),
    y: { ...scale(y), reverse },
    marks: [...gridMarks(x, y, grid), ...chart.marks({ x, y }), ...axisMarks(x, y, turned)],
  };
  const content = (await loadPlot()).draw(drawing);
  const box: Box = { left, right: width - right, top, bottom: height - margin.bottom };
  const middle = (box.left + box.right) / 2, centre = (box.top + box.bottom) / 2;
  const xLabel = fitText(x.label, width - 24), yLabel = fitText(y.label, height - 24);
  return dropUnprintable([
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
    `font-family="${FONT}" font-size="${TEXT}" fill="#333" text-anchor="middle">`,
    ...(title === "" ? [] : [`<title>${escapeXml(title)}</title>`]),
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...titles.map((line, index) =>
      `<text x="12" y="${24 + 20 * index}" font-size="${TITLE}" font-weight="bold" text-anchor="start">${escapeXml(line)}</text>`
    ),
    ...legend.entries.map(({ entry, text, column, row }) => legendSvg(entry, text, 12 + column, 20 + 20 * titles.length + ROW * row)),
    ...(chart.below === undefined ? [] : [chart.below(box)]),
    content,
    `<text x="${round(middle)}" y="${height - 10}">${escapeXml(xLabel)}</text>`,
    `<text transform="translate(18,${round(centre)}) rotate(-90)">${escapeXml(yLabel)}</text>`,
    ...(chart.beside === undefined ? [] : [chart.beside(box)]),
    "</svg>\n",
  ].join("\n"));
}

function gridMarks(x: Axis, y: Axis, grid: "y" | "both" | "none"): Mark[] {
  const options = { stroke: "#ddd", strokeOpacity: 1 };
  if (grid === "none") return [];
  const across: Mark = { kind: "gridY", data: y.ticks.map(({ at }) => at), options };
  return grid === "y" ? [across] : [across, { kind: "gridX", data: x.ticks.map(({ at }) => at), options }];
}

function axisMarks(x: Axis, y: Axis, turned: number): Mark[] {
  const axis = (kind: "axisX" | "axisY", { ticks, minor }: Axis, more: Readonly<Record<string, unknown>> = {}): Mark[] => {
    const texts = new Map(ticks.map(({ at, text }) => [at, text]));
    return [
      { kind, data: minor, options: { label: null, text: null, tickSize: 3, stroke: "#333" } },
      {
        kind,
        data: ticks.map(({ at }) => at),
        options: { label: null, text: (at: number) => texts.get(at) ?? "", tickSize: 5, fontSize: TEXT, fontVariant: null, ...more },
      },
    ];
  };
  return [
    { kind: "frame", data: undefined, options: { stroke: "#333", anchor: "bottom" } },
    { kind: "frame", data: undefined, options: { stroke: "#333", anchor: "left" } },
    ...axis("axisX", x, turned > 0 ? { tickRotate: -turned } : {}),
    ...axis("axisY", y),
  ];
}

/** Degrees by which the texts of a horizontal axis are turned: none where they stand side by side, else as few as keep their lines apart. */
function slant({ ticks, domain }: Axis, room: number): number {
  if (ticks.length < 2) return 0;
  const gaps = ticks.slice(1).map(({ at }, index) => (at - ticks[index]!.at) * room / (domain[1] - domain[0]));
  if (gaps.every((gap, index) => gap >= (textWidth(ticks[index]!.text) + textWidth(ticks[index + 1]!.text)) / 2 + 6)) return 0;
  return Math.min(...gaps) >= 26 ? 35 : 65;
}

/** Part of a text's width that it takes up downwards, once turned. */
function drop(degrees: number): number {
  return Math.sin(degrees * Math.PI / 180);
}

function longest({ ticks }: Pick<Axis, "ticks">): number {
  return Math.max(0, ...ticks.map(({ text }) => textWidth(text)));
}

/** Entries in rows, from the left. */
function placeLegend(entries: readonly LegendEntry[], width: number) {
  let column = 0, row = 0;
  const placed = entries.map((entry) => {
    const text = fitText(entry.name, width - 70), wide = 34 + textWidth(text) + 16;
    if (column > 0 && column + wide > width - 12) [column, row] = [0, row + 1];
    const place = { entry, text, column: round(column), row };
    column += wide;
    return place;
  });
  return { entries: placed, rows: entries.length === 0 ? 0 : row + 1 };
}

function legendSvg({ colour, line, symbol }: LegendEntry, text: string, x: number, y: number): string {
  const parts: string[] = [];
  if (line !== undefined) {
    parts.push(
      `<line x1="${x}" x2="${x + 28}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2"${
        line === "dashed" ? ' stroke-dasharray="6 4"' : ""
      }/>`,
    );
  }
  if (symbol !== undefined) parts.push(`<path transform="translate(${x + 14},${y})" d="${OUTLINES[symbol]}" fill="${colour}"/>`);
  if (line === undefined && symbol === undefined) parts.push(`<rect x="${x + 14}" y="${y - 6}" width="12" height="12" fill="${colour}"/>`);
  return `${parts.join("")}<text x="${x + 34}" y="${y}" dy="0.32em" text-anchor="start">${escapeXml(text)}</text>`;
}

/** Outlines of the symbols in a legend, about the origin. */
const OUTLINES: Readonly<Record<typeof SYMBOLS[number], string>> = {
  circle: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
  square: "M-3.5,-3.5h7v7h-7Z",
  triangle: "M0,-5.5L4.8,2.7H-4.8Z",
  diamond: "M0,-6.6L3.8,0L0,6.6L-3.8,0Z",
  cross: "M-4.7,-1.6h3.1v-3.1h3.2v3.1h3.1v3.2h-3.1v3.1h-3.2v-3.1h-3.1Z",
  star: "M0,-6.7L1.5,-2.1L6.3,-2.1L2.4,0.8L3.9,5.4L0,2.6L-3.9,5.4L-2.4,0.8L-6.3,-2.1L-1.5,-2.1Z",
};

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
