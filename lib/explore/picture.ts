// An explored design space as a picture: two figures, one colour per value of an axis, and the front in these two.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { type FrontDirection, scatterChart } from "../report/plot_scatter.ts";
import { AXES, type AxisName } from "./axes.ts";
import { type FigureName, FIGURES, showFigure } from "./figures.ts";
import { type Exploration, variedAxes } from "./result.ts";

/** What {@linkcode explorationSvg} shows. */
export interface ExplorationSvgOptions {
  /** Figure along the picture; default "energyPj". */
  readonly x?: FigureName;
  /** Figure up the picture; default "accuracy". */
  readonly y?: FigureName;
  /** Axis whose values have a colour each; default "adcBits" if it has several values, else the first axis that has. */
  readonly colour?: AxisName;
  /** Width in pixels; default 640. */
  readonly width?: number;
  /** Height in pixels; default 400. */
  readonly height?: number;
}

const ACTION = "draw the exploration";

/**
 * Draws judged points as SVG text, with the front of the two figures shown. A range of more than a decade is drawn logarithmically.
 *
 * @throws {OptionError} if an option is unknown, or no point has both figures.
 *
 * @example
 * ```ts
 * import { dorefa, explorationSvg, explore, type Network, pact } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const network: Network = {
 *   kind: "network",
 *   name: "one layer",
 *   input: [1, 1, 200],
 *   encoding: { zero: 0, scale: 1 },
 *   layers: [{ op: "linear", name: "fc", inputs: ["input"], features: 40, bias: false }],
 *   parameters: { "fc.weight": { shape: [40, 200], data: new Float32Array(8000).map((_, i) => (i * 7919 % 31) / 31 - 0.5) } },
 * };
 * const weights = dorefa({ bits: 4 }), activations = pact({ bits: 4 });
 * const found = await explore(network, undefined, {
 *   columnsPerAdc: [1, 2, 4, 8, 16],
 *   quantize: { weights, activations, last: weights, digital: [] },
 *   objectives: { areaUm2: "min", latencyNs: "min" },
 * });
 * const svg = await explorationSvg(found, { x: "areaUm2", y: "latencyNs" });
 * assert(svg.includes("Pareto front"));
 * ```
 */
export async function explorationSvg(
  { network, axes, points, objectives }: Pick<Exploration, "network" | "axes" | "points" | "objectives">,
  options: ExplorationSvgOptions = {},
): Promise<string> {
  checkOptions(ACTION, "explorationSvg", options, ["x", "y", "colour", "width", "height"]);
  const { x = "energyPj", y = "accuracy", width, height } = options, varied = variedAxes(axes);
  const colour = options.colour ?? (varied.includes("adcBits") || varied.length === 0 ? "adcBits" : varied[0]!);
  for (const [where, name, known] of [["x", x, Object.keys(FIGURES)], ["y", y, Object.keys(FIGURES)], ["colour", colour, AXES]] as const) {
    if (known.some((each) => each === name)) continue;
    throw new OptionError(ACTION, { where: `explorationSvg.${where}`, got: name, wanted: `one of ${known.join(", ")}` });
  }
  const shown = points.filter(({ state, figures }) => state === "judged" && figures[x] !== undefined && figures[y] !== undefined);
  if (shown.length === 0) throw new OptionError(ACTION, { where: "points", got: `none with ${x} and ${y}`, wanted: "at least one" });
  const value = (name: FigureName, index: number) => shown[index]!.figures[name]! / FIGURES[name].scale;
  const axis = (name: FigureName) => {
    const values = shown.map((_, index) => value(name, index)), least = Math.min(...values), { label, unit } = FIGURES[name];
    const log = least > 0 && Math.max(...values) > 10 * least;
    return {
      label: label[0]!.toUpperCase() + label.slice(1),
      ...(unit === "" ? {} : { unit }),
      scale: log ? "log" as const : "linear" as const,
    };
  };
  const groups = axes[colour].flatMap((each) => {
    const members = [...shown.keys()].filter((index) => shown[index]!.configuration[colour] === each);
    return members.length === 0 ? [] : [{ name: `${colour} ${each}`, members }];
  });
  const title = (index: number) => {
    const { configuration, figures } = shown[index]!;
    const place = varied.map((axis) => `${axis} ${configuration[axis]}`);
    return [...place, ...[x, y].map((name) => `${FIGURES[name].label} ${showFigure(name, figures[name]!)} ${FIGURES[name].unit}`)].join(
      ", ",
    );
  };
  const front: FrontDirection = { x: objectives[x] ?? FIGURES[x].better, y: objectives[y] ?? FIGURES[y].better };
  return await scatterChart({
    title: `${network}: ${FIGURES[y].label} against ${FIGURES[x].label}, ${shown.length} designs`,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    x: axis(x),
    y: axis(y),
    series: groups.map(({ name, members }) => ({
      name,
      points: members.map((index) => [value(x, index), value(y, index)] as const),
      titles: members.map(title),
    })),
    front,
  });
}
