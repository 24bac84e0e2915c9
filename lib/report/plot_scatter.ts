// Points of several groups, with the front of those that no other beats: design-space exploration.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { type AxisOptions, checkAxis, layoutAxis } from "./plot_axis.ts";
import { CHART_OPTIONS, type ChartOptions, checkChart, drawChart } from "./plot_frame.ts";
import type { Mark } from "./plot_library.ts";
import { checkList, checkText, checkTuples, colourOf, symbolOf } from "./plot_style.ts";

/** Which way is better on each axis. */
export interface FrontDirection {
  /** Horizontal axis. */
  readonly x: "min" | "max";
  /** Vertical axis. */
  readonly y: "min" | "max";
}

/** One group of points. */
export interface ScatterSeries {
  /** Its name in the legend. */
  readonly name: string;
  /** Points, at least one. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** What each point says when pointed at; default none. */
  readonly titles?: readonly string[];
}

/** A scatter chart. */
export interface ScatterChart extends ChartOptions {
  /** Horizontal axis. */
  readonly x: AxisOptions;
  /** Vertical axis. */
  readonly y: AxisOptions;
  /** Groups, at least one. */
  readonly series: readonly ScatterSeries[];
  /** Draw the Pareto front over all groups, better in these directions. */
  readonly front?: FrontDirection;
}

const ACTION = "draw a scatter chart";

/**
 * Draws points as a standalone SVG document.
 *
 * @throws {OptionError} if an option is unknown or malformed, or a series is empty.
 * @throws {NumericError} if a value is not finite, or not above 0 on a logarithmic axis.
 *
 * @example
 * ```ts
 * import { scatterChart } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const svg = await scatterChart({
 *   x: { label: "Energy", unit: "µJ", scale: "log" },
 *   y: { label: "Accuracy", unit: "%" },
 *   series: [{ name: "6 bits", points: [[1, 88], [10, 91], [20, 90]] }],
 *   front: { x: "min", y: "max" },
 * });
 * assert(svg.includes("Pareto front"));
 * ```
 */
export async function scatterChart(chart: ScatterChart): Promise<string> {
  check(chart);
  const { x, y, series, front } = chart;
  const points = series.flatMap((group) => group.points);
  const xs = points.map(([at]) => at), ys = points.map(([, at]) => at);
  const best = front === undefined ? [] : paretoFront(points, front).map((index) => points[index]!);
  return await drawChart({
    ...chart,
    inset: 12,
    grid: "both",
    legend: [
      ...(series.length === 1 && series[0]!.name === y.label && front === undefined
        ? []
        : series.map(({ name }, index) => ({ name, colour: colourOf(index), symbol: symbolOf(index) }))),
      ...(front === undefined ? [] : [{ name: "Pareto front", colour: FRONT, line: "solid" as const }]),
    ],
    axes: (width, height) => ({
      x: layoutAxis(x, xs, { length: width, along: true, nice: false }),
      y: layoutAxis(y, ys, { length: height, along: false, nice: true }),
    }),
    marks: () => [
      ...(front === undefined ? [] : [frontMark(best, front)]),
      ...series.map((group, index) => pointsMark(group, index)),
    ],
  });
}

const FRONT = "#888";

/**
 * Indices of the points that no other beats, by ascending x: a point is beaten by one that is at least as good on both axes and better on one. Of
 * equal points the first is kept.
 *
 * @throws {NumericError} if a value is not finite.
 * @throws {OptionError} if a direction is neither "min" nor "max", or there are no points.
 *
 * @example
 * ```ts
 * import { paretoFront } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(paretoFront([[2, 90], [1, 80], [3, 85]], { x: "min", y: "max" }), [1, 0]);
 * ```
 */
export function paretoFront(points: readonly (readonly [x: number, y: number])[], direction: FrontDirection): readonly number[] {
  const action = "find a Pareto front";
  checkTuples(action, "points", points, [false, false]);
  checkDirection(action, "direction", direction);
  const sign = (way: "min" | "max") => way === "min" ? 1 : -1, [right, up] = [sign(direction.x), sign(direction.y)];
  const order = [...points.keys()].sort((a, b) => {
    const [ax, ay] = points[a]!, [bx, by] = points[b]!;
    return right * (ax - bx) || up * (ay - by) || a - b;
  });
  let least = Infinity;
  const kept = order.filter((index) => {
    const cost = up * points[index]![1];
    if (cost >= least) return false;
    least = cost;
    return true;
  });
  return direction.x === "min" ? kept : kept.reverse();
}

/** A staircase through the points of the front: what is reached without mixing two designs. */
function frontMark(best: readonly (readonly [number, number])[], direction: FrontDirection): Mark {
  const curve = direction.x === "min" ? "step-after" : "step-before";
  return {
    kind: "line",
    data: best,
    options: { x: (point: readonly number[]) => point[0], y: (point: readonly number[]) => point[1], stroke: FRONT, strokeWidth: 2, curve },
  };
}

function pointsMark({ points, titles }: ScatterSeries, index: number): Mark {
  return {
    kind: "dot",
    data: points,
    options: {
      x: (point: readonly number[]) => point[0],
      y: (point: readonly number[]) => point[1],
      fill: colourOf(index),
      fillOpacity: 0.85,
      symbol: symbolOf(index),
      r: 4,
      ...(titles === undefined ? {} : { title: (_point: unknown, place: number) => titles[place] }),
    },
  };
}

function check(chart: ScatterChart): void {
  checkOptions(ACTION, "chart", chart, [...CHART_OPTIONS, "x", "y", "series", "front"]);
  checkChart(ACTION, "chart", chart);
  checkAxis(ACTION, "chart.x", chart.x);
  checkAxis(ACTION, "chart.y", chart.y);
  checkList(ACTION, "chart.series", chart.series);
  chart.series.forEach((series, index) => {
    const where = `chart.series[${index}]`;
    checkOptions(ACTION, where, series, ["name", "points", "titles"]);
    checkText(ACTION, `${where}.name`, series.name);
    checkTuples(ACTION, `${where}.points`, series.points, [chart.x.scale === "log", chart.y.scale === "log"]);
    const { titles, points } = series;
    if (titles === undefined) return;
    if (!Array.isArray(titles) || titles.length !== points.length || !titles.every((title) => typeof title === "string")) {
      throw new OptionError(ACTION, { where: `${where}.titles`, got: titles, wanted: `${points.length} texts, one per point` });
    }
  });
  if (chart.front !== undefined) checkDirection(ACTION, "chart.front", chart.front);
}

function checkDirection(action: string, where: string, direction: FrontDirection): void {
  checkOptions(action, where, direction, ["x", "y"]);
  for (const name of ["x", "y"] as const) {
    if (direction[name] === "min" || direction[name] === "max") continue;
    throw new OptionError(action, { where: `${where}.${name}`, got: direction[name], wanted: '"min" or "max"' });
  }
}
