// What a design is judged by: names, units and natural directions of the figures, and how they come from an estimate.

import type { Estimate } from "../estimate/result.ts";
import { OptionError } from "../errors.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import { checkOptions } from "../options.ts";
import type { Direction } from "./front.ts";

/** One figure, for tables and axes. */
interface FigureKind {
  /** What it is called. */
  readonly label: string;
  /** Unit people read it in. */
  readonly unit: string;
  /** Value in that unit is the figure over this. */
  readonly scale: number;
  /** Which way is better. */
  readonly better: Direction;
}

/** Figures of a point: accuracy, then those of the estimate in its own units, then counts of the mapping. */
export const FIGURES = {
  accuracy: { label: "accuracy", unit: "%", scale: 0.01, better: "max" },
  energyPj: { label: "energy", unit: "µJ", scale: 1e6, better: "min" },
  areaUm2: { label: "area", unit: "mm²", scale: 1e6, better: "min" },
  latencyNs: { label: "latency", unit: "µs", scale: 1e3, better: "min" },
  periodNs: { label: "period", unit: "µs", scale: 1e3, better: "min" },
  clockNs: { label: "clock", unit: "ns", scale: 1, better: "min" },
  dynamicPj: { label: "dynamic energy", unit: "µJ", scale: 1e6, better: "min" },
  leakagePj: { label: "leakage energy", unit: "µJ", scale: 1e6, better: "min" },
  leakageUw: { label: "leakage", unit: "mW", scale: 1e3, better: "min" },
  powerMw: { label: "power", unit: "mW", scale: 1, better: "min" },
  fps: { label: "rate", unit: "images/s", scale: 1, better: "max" },
  tops: { label: "speed", unit: "TOPS", scale: 1, better: "max" },
  topsPerWatt: { label: "efficiency", unit: "TOPS/W", scale: 1, better: "max" },
  topsPerMm2: { label: "density", unit: "TOPS/mm²", scale: 1, better: "max" },
  tiles: { label: "tiles", unit: "", scale: 1, better: "min" },
  arrays: { label: "arrays", unit: "", scale: 1, better: "min" },
  utilisation: { label: "utilisation", unit: "%", scale: 0.01, better: "max" },
  cycles: { label: "cycles", unit: "", scale: 1, better: "min" },
} as const satisfies Readonly<Record<string, FigureKind>>;

/** A name in {@linkcode FIGURES}. */
export type FigureName = keyof typeof FIGURES;

/** Figures of one point; `accuracy` is absent where it was not simulated. */
export type DesignFigures = Readonly<Record<Exclude<FigureName, "accuracy">, number>> & { readonly accuracy?: number };

/** Figures to optimise, each with the way that is better. */
export type Objectives = Readonly<Partial<Record<FigureName, Direction>>>;

/** Limits of a figure, in the units of the estimate; accuracy and utilisation as shares. */
export interface Limits {
  /** Least value allowed. */
  readonly least?: number;
  /** Largest value allowed. */
  readonly most?: number;
}

/** Limits by figure. */
export type Constraints = Readonly<Partial<Record<FigureName, Limits>>>;

const ACTION = "explore designs", NAMES = Object.keys(FIGURES);

/** Figures that follow from hardware alone. */
export function hardwareFigures(mapped: MappedNetwork, { chip, floorplan }: Estimate): DesignFigures {
  const { energyPj, areaUm2, latencyNs, periodNs, clockNs, dynamicPj, leakagePj, leakageUw, powerMw } = chip;
  const { fps, tops, topsPerWatt, topsPerMm2 } = chip, { tiles, arrays, utilisation } = floorplan;
  return {
    ...{ energyPj, areaUm2, latencyNs, periodNs, clockNs, dynamicPj, leakagePj, leakageUw, powerMw },
    ...{ fps, tops, topsPerWatt, topsPerMm2, tiles, arrays, utilisation },
    cycles: Object.values(mapped.layers).reduce((sum, { cycles }) => sum + cycles, 0),
  };
}

/** Refuses objectives that are no figures or have no direction. @throws {OptionError} naming the objective. */
export function checkObjectives(objectives: Objectives): void {
  checkOptions(ACTION, "explore.objectives", objectives, NAMES);
  for (const [name, direction] of Object.entries(objectives)) {
    if (direction === "min" || direction === "max") continue;
    throw new OptionError(ACTION, { where: `explore.objectives.${name}`, got: direction, wanted: '"min" or "max"' });
  }
  if (Object.keys(objectives).length === 0) {
    throw new OptionError(ACTION, { where: "explore.objectives", got: "none", wanted: "at least one figure" });
  }
}

/** Refuses constraints that are no limits of figures. @throws {OptionError} naming the constraint. */
export function checkConstraints(constraints: Constraints): void {
  checkOptions(ACTION, "explore.constraints", constraints, NAMES);
  for (const [name, limits] of Object.entries(constraints)) {
    const where = `explore.constraints.${name}`;
    checkOptions(ACTION, where, limits, ["least", "most"]);
    for (const [end, value] of Object.entries(limits)) {
      if (!Number.isFinite(value)) throw new OptionError(ACTION, { where: `${where}.${end}`, got: value, wanted: "a number" });
    }
  }
}

/** Whether no figure known is outside its limits. */
export function withinLimits(figures: DesignFigures, constraints: Constraints): boolean {
  return Object.entries(constraints).every(([name, { least = -Infinity, most = Infinity }]) => {
    const value = figures[name as FigureName];
    return value === undefined || value >= least && value <= most;
  });
}

/** A figure in the unit people read, four digits. */
export function showFigure(name: FigureName, value: number): string {
  return String(Number((value / FIGURES[name].scale).toPrecision(4)));
}
