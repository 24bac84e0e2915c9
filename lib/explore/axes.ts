// The axes of a design space and their points: every combination of the values listed, one by default.

import { ADC_RANGES } from "../circuit/adc.ts";
import type { Scheme } from "../decompose/sliced.ts";
import { OptionError } from "../errors.ts";
import { entryOf, type Library } from "../estimate/library.ts";
import { type Algorithm, ALGORITHMS } from "../map/mapped.ts";

/** One design: a value on every axis. */
export interface DesignConfiguration {
  /** How signed weights become cells. */
  readonly scheme: Scheme;
  /** Bits per cell. */
  readonly cellBits: number;
  /** Word lines of an array. */
  readonly rows: number;
  /** Physical columns of an array. */
  readonly columns: number;
  /** How layers are laid over arrays. */
  readonly algorithm: Algorithm;
  /** Input bits on a word line at once. */
  readonly digitBits: number;
  /** How the range of converters is chosen. */
  readonly adcRange: (typeof ADC_RANGES)[number];
  /** Resolution of converters. */
  readonly adcBits: number;
  /** Circuit of converters, a component of category "adc". */
  readonly adcType: string;
  /** Columns that share a converter. */
  readonly columnsPerAdc: number;
  /** Cell, a name of the library. */
  readonly cell: string;
  /** Technology node, a name of the library. */
  readonly node: string;
  /** Layers work on different images at once, or one after the other. */
  readonly schedule: "pipelined" | "layer-by-layer";
  /** Most copies of a layer. */
  readonly speedUp: number;
}

/** Name of an axis. */
export type AxisName = keyof DesignConfiguration;

/** Values of every axis. */
export type DesignAxes = { readonly [Axis in AxisName]: readonly DesignConfiguration[Axis][] };

/** Lists of values by axis, nodes also as numbers (nm); an axis left out has one value, its default. */
export type DesignLists = Partial<Omit<DesignAxes, "node">> & { readonly node?: readonly (string | number)[] };

/** Values of axes left out. */
const DEFAULTS: DesignConfiguration = {
  scheme: "offset",
  cellBits: 1,
  rows: 128,
  columns: 128,
  algorithm: "im2col",
  digitBits: 1,
  adcRange: "mse",
  adcBits: 6,
  adcType: "flash",
  columnsPerAdc: 8,
  cell: "SRAM",
  node: "22",
  schedule: "pipelined",
  speedUp: 8,
};

/** Axes in the order in which they vary, the last one fastest: those that ask for new arrays before those that only cost time to count. */
export const AXES = Object.keys(DEFAULTS) as readonly AxisName[];

/** Axes that change what a simulation computes; the others share it. */
export const SIMULATED = ["scheme", "cellBits", "rows", "columns", "algorithm", "digitBits", "adcRange", "adcBits"] as const;

/** Axes that decide how a network lies in arrays. */
export const MAPPED = ["scheme", "cellBits", "rows", "columns", "algorithm"] as const;

const ACTION = "explore designs";

/**
 * Checks lists and fills in defaults.
 *
 * @throws {OptionError} if a list is empty, names a value twice, or holds one that no design can have.
 */
export function designAxes(lists: DesignLists, library: Library): DesignAxes {
  const integer = (most: number) => (value: unknown, where: string) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return;
    throw new OptionError(ACTION, { where, got: value, wanted: `an integer from 1 to ${most}` });
  };
  const choice = (known: readonly string[]) => (value: unknown, where: string) => {
    if (!known.includes(value as string)) throw new OptionError(ACTION, { where, got: value, wanted: `one of ${known.join(", ")}` });
  };
  const converters = Object.entries(library.components).filter(([, { category }]) => category === "adc").map(([name]) => name);
  const checks: Readonly<Record<AxisName, (value: unknown, where: string) => void>> = {
    scheme: choice(["offset", "balanced", "pairs", "twosComplement"]),
    cellBits: integer(8),
    rows: integer(65536),
    columns: integer(65536),
    algorithm: choice(ALGORITHMS),
    digitBits: integer(8),
    adcRange: choice(ADC_RANGES),
    adcBits: integer(14),
    adcType: choice(converters),
    columnsPerAdc: integer(4096),
    cell: (value) => void entryOf(library, "cells", String(value)),
    node: (value) => void entryOf(library, "technology", String(value)),
    schedule: choice(["pipelined", "layer-by-layer"]),
    speedUp: integer(65536),
  };
  return Object.fromEntries(AXES.map((axis) => {
    const given: unknown = lists[axis] ?? [DEFAULTS[axis]], where = `explore.${axis}`;
    const values = axis === "node" && Array.isArray(given) ? given.map(String) : given;
    if (!Array.isArray(values) || values.length === 0 || new Set(values).size < values.length) {
      throw new OptionError(ACTION, { where, got: given, wanted: "a list of distinct values" });
    }
    values.forEach((value, at) => checks[axis](value, `${where}[${at}]`));
    return [axis, values];
  })) as unknown as DesignAxes;
}

/** Every combination of the values of all axes, the last axis varying fastest. */
export function configurations(axes: DesignAxes): DesignConfiguration[] {
  return AXES.reduce<Partial<DesignConfiguration>[]>(
    (points, axis) => points.flatMap((point) => axes[axis].map((value) => ({ ...point, [axis]: value }))),
    [{}],
  ) as DesignConfiguration[];
}

/** The part of a configuration on some axes. */
export function partOf<const Axes extends readonly AxisName[]>(
  configuration: DesignConfiguration,
  axes: Axes,
): Pick<DesignConfiguration, Axes[number]> {
  return Object.fromEntries(axes.map((axis) => [axis, configuration[axis]])) as Pick<DesignConfiguration, Axes[number]>;
}
