// What an exploration gives back: every point with its figures, the front, and what was left out and why.

import { Table } from "@cliffy/table";
import { AXES, type AxisName, type DesignAxes, type DesignConfiguration } from "./axes.ts";
import { type Constraints, type DesignFigures, type FigureName, FIGURES, type Objectives, showFigure } from "./figures.ts";

/** One design. */
export interface DesignPoint {
  /** Hash of everything the point depends on: network, images, options and configuration. */
  readonly key: string;
  /** Its value on every axis. */
  readonly configuration: DesignConfiguration;
  /** Its figures. */
  readonly figures: DesignFigures;
  /** Whether it was judged; or breaks a constraint; or was not simulated because another point is as good in all that can be known before. */
  readonly state: "judged" | "infeasible" | "pruned";
}

/** A combination of values that is no chip. */
export interface RefusedDesign {
  /** Its value on every axis. */
  readonly configuration: DesignConfiguration;
  /** Why. */
  readonly reason: string;
}

/** An explored design space. Plain data but for `table`. */
export interface Exploration {
  /** Tells this object from others. */
  readonly kind: "exploration";
  /** Name of the network. */
  readonly network: string;
  /** Name of the data set; absent if nothing was simulated. */
  readonly data?: string;
  /** Images per simulation; absent if nothing was simulated. */
  readonly images?: number;
  /** Accuracy of the quantised network without arrays, 0 to 1; absent if nothing was simulated. */
  readonly baseline?: number;
  /** Values of every axis. */
  readonly axes: DesignAxes;
  /** What the front is about. */
  readonly objectives: Objectives;
  /** Limits of the front. */
  readonly constraints: Constraints;
  /** All points, the last axis varying fastest. */
  readonly points: readonly DesignPoint[];
  /** Points that no other judged one beats in the objectives, best first in the first objective. */
  readonly front: readonly DesignPoint[];
  /** Combinations that no chip can have. */
  readonly refused: readonly RefusedDesign[];
  /** How much work it was: points read from the file, networks mapped, accuracies simulated. */
  readonly counts: { readonly resumed: number; readonly mapped: number; readonly simulated: number };
  /** Text table of the front for people. */
  table(): string;
}

/** Front as text: axes that vary, objectives in handy units, and a line on the rest. */
export function explorationTable({ network, data, images, baseline, axes, objectives, points, front, refused, counts }: Omit<
  Exploration,
  "table"
>): string {
  const names = Object.keys(objectives) as FigureName[], varied = variedAxes(axes);
  const head = [...varied, ...names.map((name) => `${FIGURES[name].label}${FIGURES[name].unit === "" ? "" : ` ${FIGURES[name].unit}`}`)];
  const rows = front.map(({ configuration, figures }) => [
    ...varied.map((axis) => String(configuration[axis])),
    ...names.map((name) => showFigure(name, figures[name]!)),
  ]);
  const count = (state: DesignPoint["state"]) => points.filter((point) => point.state === state).length;
  const fixed = AXES.filter((axis) => !varied.includes(axis)).map((axis) => `${axis} ${axes[axis][0]}`).join(", ");
  const judged = data === undefined ? "" : `, ${images} images of ${data}, ${showFigure("accuracy", baseline!)} % without arrays`;
  return [
    `${network}${judged}`,
    `all points: ${fixed}`,
    new Table().header(head).body(rows).border().toString(),
    `${front.length} of ${points.length} points on the front; ${count("infeasible")} outside constraints, ${
      count("pruned")
    } pruned, ${refused.length} refused`,
    `${counts.resumed} points read from file, ${counts.mapped} mappings, ${counts.simulated} simulations`,
  ].join("\n");
}

/** Axes with more than one value. */
export function variedAxes(axes: DesignAxes): AxisName[] {
  return AXES.filter((axis) => axes[axis].length > 1);
}
