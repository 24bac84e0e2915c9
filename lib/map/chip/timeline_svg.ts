// A timeline as a picture: arrays from top to bottom, cycles from left to right, and above them the share of arrays at work.

import { checkOptions } from "../../options.ts";
import { escapeXml } from "../../report/plot_style.ts";
import { checkInteger } from "./chip.ts";
import { type Timeline, timelineUtilisation } from "./timeline.ts";

/** Size of the picture of {@linkcode timelineSvg}. */
export interface TimelineSvgOptions {
  /** Pixels; default 960, at least 200. */
  readonly width?: number;
  /** Pixels, legend not counted; default 480, at least 200. */
  readonly height?: number;
}

const LEFT = 56, RIGHT = 16, TOP = 28, STRIP = 56, GAP = 14, BOTTOM = 36, LEGEND = 18;

/**
 * Draws a timeline as SVG text: a rectangle per span, one colour per layer (paler for every other image), programming in grey, and a strip with the share of arrays that compute.
 *
 * The same timeline gives the same text.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { timelineSvg } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const span = { array: 0, arrays: 1, start: 0, end: 5, kind: "compute", layer: "a", image: 0 } as const;
 * assert(timelineSvg({ arrays: 1, images: 1, cycles: 5, spans: [span] }).startsWith("<svg"));
 * ```
 */
export function timelineSvg(timeline: Timeline, options: TimelineSvgOptions = {}): string {
  checkOptions("draw the timeline", "timelineSvg", options, ["width", "height"]);
  const { width = 960, height = 480 } = options;
  checkInteger("draw the timeline", "timelineSvg.width", width, 200);
  checkInteger("draw the timeline", "timelineSvg.height", height, 200);
  const { arrays, cycles, images, spans } = timeline;
  const plot = width - LEFT - RIGHT, chart = TOP + STRIP + GAP, rows = height - chart - BOTTOM;
  const x = (cycle: number) => LEFT + cycle / cycles * plot, y = (array: number) => chart + array / arrays * rows;

  const names = [...new Set(spans.filter(({ kind }) => kind === "compute").map(({ layer }) => layer))];
  const colours = new Map(names.map((name, index) => [name, colour(index)]));
  const legend = legendOf([...names.map((name) => [name, colours.get(name)!] as const), ["programming", GREY] as const], width);
  const total = height + 14 + legend.rows * LEGEND;

  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${total}" viewBox="0 0 ${width} ${total}" font-family="sans-serif" font-size="11">`,
    `<title>${escapeXml(`${images} images on ${arrays} arrays: ${cycles} cycles`)}</title>`,
    `<rect width="${width}" height="${total}" fill="#fff"/>`,
    `<text x="${LEFT}" y="18">arrays at work</text>`,
    `<path d="${strip(timeline, Math.min(200, cycles), plot)}" fill="#bbb"/>`,
    `<text x="${LEFT - 6}" y="${TOP + 9}" text-anchor="end">100 %</text>`,
    `<text x="${LEFT - 6}" y="${TOP + STRIP}" text-anchor="end">0</text>`,
    `<rect x="${LEFT}" y="${chart}" width="${plot}" height="${rows}" fill="#f4f4f4"/>`,
  ];
  for (const { array, arrays: count, start, end, kind, layer, image } of spans) {
    const fill = kind === "program" ? GREY : colours.get(layer)!;
    const shade = image % 2 === 1 ? ' fill-opacity="0.75"' : "";
    parts.push(
      `<rect x="${round(x(start))}" y="${round(y(array))}" width="${round(x(end) - x(start))}" height="${
        round(y(array + count) - y(array))
      }" fill="${fill}"${shade}/>`,
    );
  }
  for (const tick of ticks(arrays)) parts.push(`<text x="${LEFT - 6}" y="${round(y(tick) + 4)}" text-anchor="end">${tick}</text>`);
  for (const tick of ticks(cycles)) {
    parts.push(`<path d="M${round(x(tick))} ${chart + rows}v5" stroke="#333"/>`);
    parts.push(`<text x="${round(x(tick))}" y="${chart + rows + 16}" text-anchor="middle">${tick}</text>`);
  }
  parts.push(`<text x="${LEFT + plot}" y="${chart + rows + 30}" text-anchor="end">cycles</text>`);
  parts.push(
    `<text x="14" y="${round(chart + rows / 2)}" text-anchor="middle" transform="rotate(-90 14 ${round(chart + rows / 2)})">array</text>`,
  );
  for (const { text, fill, column, row } of legend.entries) {
    const at = height + 14 + row * LEGEND;
    parts.push(
      `<rect x="${column}" y="${at - 9}" width="10" height="10" fill="${fill}"/><text x="${column + 14}" y="${at}">${
        escapeXml(text)
      }</text>`,
    );
  }
  parts.push("</svg>");
  return parts.join("\n") + "\n";
}

const GREY = "#666";

/** Hues a golden angle apart: neighbours differ however many there are. */
function colour(index: number): string {
  return `hsl(${Math.round(index * 137.508) % 360}, ${index % 2 === 0 ? "65%, 48%" : "55%, 62%"})`;
}

/** The utilisation as a filled step curve. */
function strip(timeline: Timeline, bins: number, plot: number): string {
  const steps = [...timelineUtilisation(timeline, bins)].map((share, bin) =>
    `V${round(TOP + STRIP * (1 - share))}H${round(LEFT + (bin + 1) / bins * plot)}`
  );
  return `M${LEFT} ${TOP + STRIP}${steps.join("")}V${TOP + STRIP}Z`;
}

/** About five round numbers from 0 to `end`. */
function ticks(end: number): number[] {
  const rough = end / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!);
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
}

/** Places legend entries in rows, at about 7 pixels a letter. */
function legendOf(entries: readonly (readonly [text: string, fill: string])[], width: number) {
  let column = LEFT, row = 0;
  const placed = entries.map(([text, fill]) => {
    const wide = 14 + 7 * text.length + 14;
    if (column > LEFT && column + wide > width) {
      column = LEFT;
      row++;
    }
    const entry = { text, fill, column, row };
    column += wide;
    return entry;
  });
  return { entries: placed, rows: row + 1 };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
