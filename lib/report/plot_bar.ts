// Bars by category, side by side or stacked: energy, area and latency broken down; cycles by layer and method.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { type Axis, type AxisOptions, checkAxis, layoutAxis } from "./plot_axis.ts";
import { CHART_OPTIONS, type ChartOptions, checkChart, drawChart } from "./plot_frame.ts";
import type { Mark } from "./plot_library.ts";
import { checkRules, type Rule, ruleLine, ruleTexts } from "./plot_rules.ts";
import { checkList, checkNumber, checkText, colourOf, fitText } from "./plot_style.ts";

/** One series of bars. */
export interface BarSeries {
  /** Its name in the legend. */
  readonly name: string;
  /** One value per category. */
  readonly values: readonly number[];
  /** Half-length of an error line per bar, 0 or above; not in stacks. */
  readonly errors?: readonly number[];
}

/** A bar chart. */
export interface BarChart extends ChartOptions {
  /** What the categories are. */
  readonly x: { readonly label: string };
  /** Vertical axis; logarithmic only for bars side by side. */
  readonly y: AxisOptions;
  /** Names of the categories, left to right. */
  readonly categories: readonly string[];
  /** Series, at least one. */
  readonly series: readonly BarSeries[];
  /** Whether the series stand on each other (negative values below 0); default false, side by side. */
  readonly stacked?: boolean;
  /** Dashed grey lines at single values of the vertical axis. */
  readonly rules?: readonly Rule[];
}

/** A bar: its left and right, its lower and upper end, and what it says when pointed at. */
interface Bar {
  readonly left: number;
  readonly right: number;
  readonly from: number;
  readonly to: number;
  readonly series: number;
  readonly text: string;
}

const ACTION = "draw a bar chart", GROUP = 0.8;

/**
 * Draws bars as a standalone SVG document.
 *
 * @throws {OptionError} if an option is unknown or malformed, a list is empty, or a series has not one value per category.
 * @throws {NumericError} if a value is not finite, or not above 0 on a logarithmic axis.
 *
 * @example
 * ```ts
 * import { barChart } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const svg = await barChart({
 *   x: { label: "Layer" },
 *   y: { label: "Energy", unit: "pJ" },
 *   categories: ["conv1", "conv2"],
 *   series: [{ name: "ADC", values: [5, 7] }, { name: "array", values: [2, 3] }],
 *   stacked: true,
 * });
 * assert(svg.includes("Energy (pJ)") && svg.includes("conv2"));
 * ```
 */
export async function barChart(chart: BarChart): Promise<string> {
  check(chart);
  const { x, y, categories, series, stacked = false, rules = [] } = chart;
  const bars = stacked ? stackedBars(chart) : groupedBars(chart);
  const errors = series.flatMap((one, index) =>
    (one.errors ?? []).map((error, category) => {
      const { left, right, to } = bars.find((bar) => bar.series === index && Math.round((bar.left + bar.right) / 2) === category)!;
      return { at: (left + right) / 2, lo: to - error, hi: to + error };
    })
  );
  const log = y.scale === "log";
  const values = [
    ...bars.flatMap(({ from, to }) => log ? [to] : [from, to]),
    ...errors.flatMap(({ lo, hi }) => [lo, hi]),
    ...rules.map(({ value }) => value),
  ];
  const laid = (height: number) => {
    const axis = layoutAxis(y, values, { length: height, along: false, nice: true, zero: !log });
    // A bar that ends where the axis starts would not be seen.
    const floor = Math.min(...values) <= axis.domain[0] * (1 + 1e-9) ? axis.domain[0] / 2 : axis.domain[0];
    return log ? { ...axis, domain: [floor, axis.domain[1]] as const } : axis;
  };
  return await drawChart({
    ...chart,
    legend: series.length === 1 && series[0]!.name === y.label ? [] : series.map(({ name }, index) => ({ name, colour: colourOf(index) })),
    axes: (width, height) => ({ x: categoryAxis(x.label, categories, width), y: laid(height) }),
    marks: (axes) => [
      ...bars.map((bar) => barMark(bar, log ? axes.y.domain[0] : undefined)),
      ...errors.flatMap(errorMarks),
      ...(axes.y.domain[0] < 0 ? [{ kind: "ruleY", data: [0], options: { stroke: "#333" } } as const] : []),
      ...rules.map(ruleLine),
      ...ruleTexts(rules, axes),
    ],
  });
}

/** Categories at 0, 1, 2 … with half a place on each side; where they are narrower than a line of text, only every so many is named. */
function categoryAxis(label: string, categories: readonly string[], width: number): Axis {
  const every = Math.ceil(16 * categories.length / width);
  return {
    label,
    type: "linear",
    domain: [-0.5, categories.length - 0.5],
    ticks: categories.map((name, at) => ({ at, text: fitText(name, 170) })).filter(({ at }) => at % every === 0),
    minor: [],
  };
}

function groupedBars({ series, categories }: BarChart): Bar[] {
  const width = GROUP / series.length;
  return series.flatMap(({ name, values }, index) =>
    values.map((value, category) => {
      const left = category - GROUP / 2 + index * width;
      return { left, right: left + width, from: 0, to: value, series: index, text: `${categories[category]}, ${name}: ${value}` };
    })
  );
}

function stackedBars({ series, categories }: BarChart): Bar[] {
  const above = categories.map(() => 0), below = categories.map(() => 0);
  return series.flatMap(({ name, values }, index) =>
    values.map((value, category) => {
      const ends = value < 0 ? below : above, from = ends[category]!, to = from + value;
      ends[category] = to;
      const [left, right] = [category - GROUP / 2, category + GROUP / 2];
      return { left, right, from, to, series: index, text: `${categories[category]}, ${name}: ${value}` };
    })
  );
}

function barMark({ left, right, from, to, series, text }: Bar, floor: number | undefined): Mark {
  const options = {
    x1: left,
    x2: right,
    y1: floor ?? from,
    y2: to,
    fill: colourOf(series),
    insetLeft: 0.5,
    insetRight: 0.5,
    title: () => text,
  };
  return { kind: "rect", data: [series], options };
}

function errorMarks({ at, lo, hi }: { readonly at: number; readonly lo: number; readonly hi: number }): Mark[] {
  const cap = (y: number): Mark => ({ kind: "dot", data: [y], options: { x: at, y, symbol: HYPHEN, r: 3, stroke: "#000" } });
  return [{ kind: "ruleX", data: [at], options: { x: at, y1: lo, y2: hi, stroke: "#000", strokeWidth: 1.2 } }, cap(lo), cap(hi)];
}

/** A short horizontal stroke as a symbol. */
const HYPHEN = {
  draw(context: { moveTo(x: number, y: number): void; lineTo(x: number, y: number): void }, size: number) {
    const half = Math.sqrt(size) / 2;
    context.moveTo(-half, 0);
    context.lineTo(half, 0);
  },
};

function check(chart: BarChart): void {
  checkOptions(ACTION, "chart", chart, [...CHART_OPTIONS, "x", "y", "categories", "series", "stacked", "rules"]);
  checkChart(ACTION, "chart", chart);
  checkOptions(ACTION, "chart.x", chart.x, ["label"]);
  checkText(ACTION, "chart.x.label", chart.x.label);
  checkAxis(ACTION, "chart.y", chart.y);
  checkList(ACTION, "chart.categories", chart.categories);
  chart.categories.forEach((name, index) => checkText(ACTION, `chart.categories[${index}]`, name));
  checkList(ACTION, "chart.series", chart.series);
  const log = chart.y.scale === "log", count = chart.categories.length;
  if (chart.stacked !== undefined && typeof chart.stacked !== "boolean") {
    throw new OptionError(ACTION, { where: "chart.stacked", got: chart.stacked, wanted: "true or false" });
  }
  if (chart.stacked && log) {
    throw new OptionError(ACTION, { where: "chart.y.scale", got: "log", wanted: '"linear" for stacked bars, whose lengths add up' });
  }
  chart.series.forEach((series, index) => {
    const where = `chart.series[${index}]`;
    checkOptions(ACTION, where, series, ["name", "values", "errors"]);
    checkText(ACTION, `${where}.name`, series.name);
    for (const [name, list] of [["values", series.values], ["errors", series.errors]] as const) {
      if (name === "errors" && list === undefined) continue;
      if (!Array.isArray(list) || list.length !== count) {
        const got = Array.isArray(list) ? `${list.length} numbers` : list;
        throw new OptionError(ACTION, { where: `${where}.${name}`, got, wanted: `${count} numbers, one per category` });
      }
      list.forEach((value, place) => {
        checkNumber(ACTION, `${where}.${name}[${place}]`, value, log && name === "values");
        if (name === "values") return;
        if (value < 0) throw new OptionError(ACTION, { where: `${where}.errors[${place}]`, got: value, wanted: "a number of at least 0" });
        checkNumber(ACTION, `${where}.values[${place}] - errors[${place}]`, series.values[place]! - value, log);
      });
    }
    if (chart.stacked && series.errors !== undefined) {
      throw new OptionError(ACTION, { where: `${where}.errors`, got: "errors of a stacked bar", wanted: "none, or bars side by side" });
    }
  });
  checkRules(ACTION, chart.rules ?? [], [false, log]);
  const across = (chart.rules ?? []).findIndex(({ axis }) => axis === "x");
  if (across >= 0) {
    throw new OptionError(ACTION, { where: `chart.rules[${across}].axis`, got: "x", wanted: '"y": categories are no numbers' });
  }
}
