// A matrix as colours: conductances, voltages along wires, errors by row and column, accuracy over two parameters.

import { NumericError, OptionError, ShapeError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Tensor, TypedArray } from "../tensor.ts";
import { type Axis, type AxisOptions, checkAxis, layoutAxis } from "./plot_axis.ts";
import { CHART_OPTIONS, type ChartOptions, checkChart, drawChart } from "./plot_frame.ts";
import { loadPlot, type PlotLibrary } from "./plot_library.ts";
import { checkText, escapeXml, fitText, textWidth } from "./plot_style.ts";

/** An axis of a heat map. */
export interface HeatmapAxis {
  /** What it counts. */
  readonly label: string;
  /** A name for each row or column; by default they are numbered from 0. */
  readonly names?: readonly string[];
}

/** A heat map. */
export interface Heatmap extends ChartOptions {
  /** Columns, left to right. */
  readonly x: HeatmapAxis;
  /** Rows, downwards. */
  readonly y: HeatmapAxis;
  /** What the colours show; `domain` widens their range. Logarithmic only for values above 0. */
  readonly colour: AxisOptions;
  /** Values, [rows, columns]. */
  readonly values: Tensor<TypedArray>;
  /** Colours: "sequential" from dark to light, or "diverging" from red through white at 0 to blue; default diverging where signs differ. */
  readonly colours?: "sequential" | "diverging";
}

const ACTION = "draw a heat map", STEPS = 256, BAR = 16, FINE = 512;

/**
 * Draws a matrix as a standalone SVG document, the cells as one embedded PNG: a map of a million cells is no larger than its pixels.
 *
 * @throws {OptionError} if an option is unknown or malformed.
 * @throws {ShapeError} if the values are not a matrix with at least one cell, or a list of names has another length than its axis.
 * @throws {NumericError} if a value is not finite, or not above 0 for logarithmic colours.
 *
 * @example
 * ```ts
 * import { heatmap, tensor } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const svg = await heatmap({
 *   x: { label: "Bit line" },
 *   y: { label: "Word line" },
 *   colour: { label: "Conductance", unit: "µS" },
 *   values: tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
 * });
 * assert(svg.includes("data:image/png;base64,"));
 * ```
 */
export async function heatmap(map: Heatmap): Promise<string> {
  check(map);
  const { values: { data, shape }, colour } = map, [rows, columns] = [shape[0]!, shape[1]!];
  const log = colour.scale === "log";
  let least = Infinity, most = -Infinity;
  for (let index = 0; index < data.length; index++) {
    const value = data[index]!;
    if (!Number.isFinite(value) || (log && value <= 0)) {
      const where = `map.values[${Math.floor(index / columns)}, ${index % columns}]`;
      throw new NumericError(ACTION, { where, got: value, wanted: log ? "a number above 0" : "a finite number" });
    }
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const diverging = (map.colours ?? (least < 0 && most > 0 ? "diverging" : "sequential")) === "diverging";
  const reach = Math.max(Math.abs(least), Math.abs(most));
  const ends = diverging ? [-reach, reach] : [least, most];
  const bar = (height: number) => layoutAxis(colour, ends, { length: height, along: false, nice: false });
  const { domain: [lo, hi] } = bar(200);
  const library = await loadPlot(), ramp = library.ramp(diverging ? "RdBu" : "viridis", STEPS);
  const scale = log ? Math.log : (value: number) => value, [start, span] = [scale(lo), scale(hi) - scale(lo)];
  const pixels = new Uint8Array(3 * data.length);
  for (let index = 0; index < data.length; index++) {
    const step = Math.round((STEPS - 1) * (scale(data[index]!) - start) / span);
    pixels.set(ramp[Math.min(STEPS - 1, Math.max(0, step))]!, 3 * index);
  }
  const strip = Uint8Array.from({ length: 3 * STEPS }, (_, index) => ramp[STEPS - 1 - Math.floor(index / 3)]![index % 3]!);
  const texts = bar(200).ticks.map(({ text }) => textWidth(text));
  return await drawChart({
    ...map,
    legend: [],
    grid: "none",
    reverse: true,
    aside: 14 + BAR + 8 + Math.max(...texts) + 24,
    axes: (width, height) => ({ x: cellAxis(map.x, columns, width, true), y: cellAxis(map.y, rows, height, false) }),
    marks: () => [],
    below: ({ left, right, top, bottom }) => picture(library, pixels, columns, rows, left, top, right - left, bottom - top),
    beside: ({ right, top, bottom }) =>
      colourBar(picture(library, strip, 1, STEPS, right + 14, top, BAR, bottom - top), bar(bottom - top), right + 14, top, bottom),
  });
}

/** A PNG stretched over a box, its cells sharp: small ones are drawn as several pixels, for viewers that smooth whatever they stretch. */
function picture(
  library: PlotLibrary,
  pixels: Uint8Array,
  columns: number,
  rows: number,
  x: number,
  y: number,
  width: number,
  height: number,
): string {
  const factor = Math.max(1, Math.floor(FINE / Math.max(columns, rows))), wide = columns * factor, high = rows * factor;
  const fine = new Uint8Array(3 * wide * high);
  for (let row = 0, at = 0; row < high; row++) {
    const start = Math.floor(row / factor) * columns;
    for (let column = 0; column < wide; column++, at += 3) {
      const cell = 3 * (start + Math.floor(column / factor));
      fine[at] = pixels[cell]!;
      fine[at + 1] = pixels[cell + 1]!;
      fine[at + 2] = pixels[cell + 2]!;
    }
  }
  const png = library.png(fine, wide, high);
  return `<image x="${x}" y="${y}" width="${width}" height="${height}" preserveAspectRatio="none" image-rendering="pixelated" ` +
    `style="image-rendering:pixelated" href="data:image/png;base64,${png.toBase64()}"/>`;
}

/** The colours with their values, and what they show. */
function colourBar(strip: string, axis: Axis, x: number, top: number, bottom: number): string {
  const scale = axis.type === "log" ? Math.log : (value: number) => value, [lo, hi] = axis.domain;
  const place = (value: number) => round(bottom - (bottom - top) * (scale(value) - scale(lo)) / (scale(hi) - scale(lo)));
  const parts = axis.ticks.map(({ at, text }) =>
    `<path d="M${x + BAR},${place(at)}h5" stroke="#333"/><text x="${x + BAR + 8}" y="${
      place(at)
    }" dy="0.32em" text-anchor="start">${text}</text>`
  );
  const widest = Math.max(0, ...axis.ticks.map(({ text }) => textWidth(text)));
  const label = `translate(${round(x + BAR + 8 + widest + 14)},${round((top + bottom) / 2)}) rotate(-90)`;
  return [
    strip,
    `<rect x="${x}" y="${top}" width="${BAR}" height="${bottom - top}" fill="none" stroke="#333"/>`,
    ...parts,
    `<text transform="${label}">${escapeXml(fitText(axis.label, bottom - top + 40))}</text>`,
  ].join("\n");
}

/** Cell i from i − ½ to i + ½: numbered where they have no names; of names that do not fit every so many is shown. */
function cellAxis({ label, names }: HeatmapAxis, count: number, length: number, along: boolean): Axis {
  const domain = [-0.5, count - 0.5] as const;
  if (names === undefined) {
    const numbers = layoutAxis({ label }, [0, Math.max(1, count - 1)], { length, along, nice: false }).ticks.filter(({ at }) =>
      at <= count - 1
    );
    return { label, type: "linear", domain, ticks: numbers, minor: [] };
  }
  const every = Math.max(1, Math.ceil(16 * count / length));
  const ticks = names.map((name, at) => ({ at, text: fitText(name, 150) })).filter(({ at }) => at % every === 0);
  return { label, type: "linear", domain, ticks, minor: [] };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function check(map: Heatmap): void {
  checkOptions(ACTION, "map", map, [...CHART_OPTIONS, "x", "y", "colour", "values", "colours"]);
  checkChart(ACTION, "map", map);
  checkAxis(ACTION, "map.colour", map.colour);
  const shape = map.values?.shape;
  if (
    !Array.isArray(shape) || shape.length !== 2 || !shape.every((extent) => extent >= 1) || map.values.data.length !== shape[0]! * shape[1]!
  ) {
    throw new ShapeError(ACTION, { where: "map.values", got: shape, wanted: "a matrix [rows, columns] with at least one cell" });
  }
  for (const [name, axis, count] of [["x", map.x, shape[1]!], ["y", map.y, shape[0]!]] as const) {
    checkOptions(ACTION, `map.${name}`, axis, ["label", "names"]);
    checkText(ACTION, `map.${name}.label`, axis.label);
    if (axis.names === undefined) continue;
    if (!Array.isArray(axis.names) || axis.names.length !== count) {
      throw new ShapeError(ACTION, { where: `map.${name}.names`, got: axis.names, wanted: `${count} names` });
    }
    axis.names.forEach((text, index) => checkText(ACTION, `map.${name}.names[${index}]`, text));
  }
  const { colours } = map;
  if (colours !== undefined && colours !== "sequential" && colours !== "diverging") {
    throw new OptionError(ACTION, { where: "map.colours", got: colours, wanted: '"sequential" or "diverging"' });
  }
  if (colours === "diverging" && map.colour.scale === "log") {
    throw new OptionError(ACTION, { where: "map.colours", got: colours, wanted: '"sequential" with a logarithmic scale' });
  }
}
