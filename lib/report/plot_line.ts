// Lines with error bands: accuracy against σ, time, bits; learning curves.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { type AxisOptions, checkAxis, layoutAxis } from "./plot_axis.ts";
import { CHART_OPTIONS, type ChartOptions, checkChart, drawChart } from "./plot_frame.ts";
import type { Mark } from "./plot_library.ts";
import { checkRules, type Rule, ruleLine, ruleTexts } from "./plot_rules.ts";
import { checkList, checkText, checkTuples, colourOf, symbolOf } from "./plot_style.ts";

/** One line. */
export interface LineSeries {
  /** Its name in the legend. */
  readonly name: string;
  /** Points in the order they are joined, at least one. Up to 40 get a symbol each. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Error band: lower and upper y at ascending x. */
  readonly band?: readonly (readonly [x: number, lo: number, hi: number])[];
  /** Whether the line is dashed; default false. */
  readonly dashed?: boolean;
}

/** A line chart. */
export interface LineChart extends ChartOptions {
  /** Horizontal axis. */
  readonly x: AxisOptions;
  /** Vertical axis. */
  readonly y: AxisOptions;
  /** Lines, at least one. */
  readonly series: readonly LineSeries[];
  /** Dashed grey lines at single values: a baseline, a limit. */
  readonly rules?: readonly Rule[];
}

const ACTION = "draw a line chart";

/**
 * Draws lines, with error bands, as a standalone SVG document.
 *
 * @throws {OptionError} if an option is unknown or malformed, or a series is empty.
 * @throws {NumericError} if a value is not finite, or not above 0 on a logarithmic axis.
 *
 * @example
 * ```ts
 * import { lineChart } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const svg = await lineChart({
 *   title: "Accuracy against programming error",
 *   x: { label: "σ", scale: "log" },
 *   y: { label: "Accuracy", unit: "%" },
 *   series: [{ name: "VGG7", points: [[0.01, 91], [0.1, 84]], band: [[0.01, 90.8, 91.2], [0.1, 82, 86]] }],
 *   rules: [{ axis: "y", value: 91.3, label: "software" }],
 * });
 * assert(svg.startsWith("<svg") && svg.includes("Accuracy (%)"));
 * ```
 */
export async function lineChart(chart: LineChart): Promise<string> {
  check(chart);
  const { x, y, series, rules = [] } = chart;
  const xs = [...series.flatMap(({ points, band = [] }) => [...points, ...band].map(([at]) => at)), ...valuesOf(rules, "x")];
  const ys = [
    ...series.flatMap(({ points, band = [] }) => [...points.map(([, at]) => at), ...band.flatMap(([, lo, hi]) => [lo, hi])]),
    ...valuesOf(rules, "y"),
  ];
  const marks = [
    ...series.flatMap(({ band }, index) => band === undefined ? [] : [bandMark(band, colourOf(index))]),
    ...series.flatMap(({ points, dashed }, index) => lineMarks(points, dashed ?? false, index)),
  ];
  const lone = series.length === 1 && series[0]!.name === y.label;
  return await drawChart({
    ...chart,
    inset: 10,
    grid: "both",
    legend: lone ? [] : series.map(({ name, points, dashed }, index) => ({
      name,
      colour: colourOf(index),
      line: dashed ? "dashed" : "solid",
      ...(points.length <= 40 ? { symbol: symbolOf(index) } : {}),
    })),
    axes: (width, height) => ({
      x: layoutAxis(x, xs, { length: width, along: true, nice: false }),
      y: layoutAxis(y, ys, { length: height, along: false, nice: true }),
    }),
    marks: (axes) => [...rules.map(ruleLine), ...marks, ...ruleTexts(rules, axes)],
  });
}

function bandMark(band: NonNullable<LineSeries["band"]>, colour: string): Mark {
  return {
    kind: "areaY",
    data: band,
    options: { x: column(0), y1: column(1), y2: column(2), fill: colour, fillOpacity: 0.18 },
  };
}

function lineMarks(points: LineSeries["points"], dashed: boolean, index: number): Mark[] {
  const stroke = colourOf(index), channels = { x: column(0), y: column(1) };
  const line: Mark = {
    kind: "line",
    data: points,
    options: { ...channels, stroke, strokeWidth: 2, ...(dashed ? { strokeDasharray: "6 4" } : {}) },
  };
  if (points.length > 40) return [line];
  return [line, { kind: "dot", data: points, options: { ...channels, fill: stroke, symbol: symbolOf(index), r: 3.5 } }];
}

function column(place: number): (tuple: readonly number[]) => number {
  return (tuple) => tuple[place]!;
}

function valuesOf(rules: readonly Rule[], axis: "x" | "y"): number[] {
  return rules.filter((rule) => rule.axis === axis).map(({ value }) => value);
}

function check(chart: LineChart): void {
  checkOptions(ACTION, "chart", chart, [...CHART_OPTIONS, "x", "y", "series", "rules"]);
  checkChart(ACTION, "chart", chart);
  checkAxis(ACTION, "chart.x", chart.x);
  checkAxis(ACTION, "chart.y", chart.y);
  checkList(ACTION, "chart.series", chart.series);
  const log = [chart.x.scale === "log", chart.y.scale === "log"] as const;
  chart.series.forEach((series, index) => {
    const where = `chart.series[${index}]`;
    checkOptions(ACTION, where, series, ["name", "points", "band", "dashed"]);
    checkText(ACTION, `${where}.name`, series.name);
    checkTuples(ACTION, `${where}.points`, series.points, log);
    if (series.band === undefined) return;
    checkTuples(ACTION, `${where}.band`, series.band, [log[0], log[1], log[1]]);
    series.band.forEach(([x, lo, hi], place) => {
      const before = series.band![place - 1]?.[0] ?? -Infinity;
      if (lo <= hi && x > before) return;
      throw new OptionError(ACTION, { where: `${where}.band[${place}]`, got: [x, lo, hi], wanted: "ascending x, and lo up to hi" });
    });
  });
  checkRules(ACTION, chart.rules ?? [], log);
}
