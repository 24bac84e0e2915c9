// How a chip is built and run, with every default in one place.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { defaultLibrary, entryOf, type Library } from "./library.ts";
import type { RowLayout } from "./work.ts";

/** What a simulation says about the data, for all layers or for one. */
export interface LayerActivity {
  /** Share of ones among the input bits: one number, or one per bit, least significant first, 0 to 1. */
  readonly inputOnes?: number | readonly number[];
  /** Mean level of the cells over the highest, 0 to 1. */
  readonly cellShare?: number;
  /** Mean current of a column while it is converted, µA; replaces what the two shares give. */
  readonly columnCurrentUa?: number;
}

/** Activity of all layers, and of single ones by name. */
export interface Activity extends LayerActivity {
  /** Layers that differ. */
  readonly layers?: Readonly<Record<string, LayerActivity>>;
}

/** Sizes of the hierarchy, in arrays. */
export interface HierarchyOptions {
  /**
   * Arrays down and across a processing element; default the power of two that fills arrays best, the largest where several do alike: at least 2, at most what the
   * channels of the widest layer by kernel position need, or 4 without such a layer.
   */
  readonly pe?: number;
  /** Processing elements down and across a tile of layers that are not laid out by kernel position; default 2. */
  readonly tile?: number;
}

/** How {@linkcode estimate} builds and runs the chip. */
export interface EstimateOptions {
  /** Parts; default {@linkcode defaultLibrary}. */
  readonly library?: Library;
  /** Technology node, a name of the library or nm; default 22. */
  readonly node?: string | number;
  /** Cell, a name of the library; default "SRAM". */
  readonly cell?: string;
  /** Resistance of the highest level, Ω; default that of the cell. */
  readonly onResistanceOhm?: number;
  /** Resistance of the lowest level, Ω; default that of the cell. */
  readonly offResistanceOhm?: number;
  /** Size of a cell `[height, width]` in F; default that of the cell. */
  readonly cellSizeF?: readonly [height: number, width: number];
  /** Converter: a component of category "adc" and its bits; default `{ type: "flash", bits: 5 }`. */
  readonly adc?: { readonly type?: string; readonly bits?: number };
  /** Columns that share a converter; default 8. */
  readonly columnsPerAdc?: number;
  /** Word lines active at once; default all rows of an array. */
  readonly rowsInParallel?: number;
  /** Input bits on a word line at once; default 1. */
  readonly digitBits?: number;
  /** Layers work on different images at the same time, or one after the other; default "pipelined". */
  readonly schedule?: "pipelined" | "layer-by-layer";
  /** Component of category "interconnect"; default "xy-bus". */
  readonly interconnect?: string;
  /** Inputs leave the buffers, and sums pass the adder trees, a whole vector at once or bit by bit; default "vector". */
  readonly buffers?: "vector" | "bit";
  /** Temperature, K; default 300. */
  readonly temperatureK?: number;
  /** How rows lie; default "placed", as mapped. */
  readonly layout?: RowLayout;
  /** Most copies of a layer, over those that fill its tiles, in a pipelined schedule; 1 for none; default 8. */
  readonly speedUp?: number;
  /** Sizes of the hierarchy. */
  readonly hierarchy?: HierarchyOptions;
  /** What a simulation says about the data; default a quarter of the input bits ones, cells as programmed or at half their range. */
  readonly activity?: Activity;
}

/** Options with defaults filled in, plain data but for the library. */
export interface ResolvedEstimate extends Required<Omit<EstimateOptions, "node" | "adc" | "hierarchy" | "rowsInParallel">> {
  /** Name of the node. */
  readonly node: string;
  /** Converter. */
  readonly adc: { readonly type: string; readonly bits: number };
  /** Word lines active at once. */
  readonly rowsInParallel: number;
  /** Sizes of the hierarchy. */
  readonly hierarchy: { readonly pe?: number; readonly tile: number };
}

/** Share of ones among input bits where no simulation says otherwise: half the inputs zero, the bits of the others fair coins. */
export const DEFAULT_INPUT_ONES = 0.25;

const ACTION = "estimate the chip",
  NAMES = [
    ...[
      "library",
      "node",
      "cell",
      "onResistanceOhm",
      "offResistanceOhm",
      "cellSizeF",
      "adc",
      "columnsPerAdc",
      "rowsInParallel",
      "digitBits",
    ],
    ...["schedule", "interconnect", "buffers", "temperatureK", "layout", "speedUp", "hierarchy", "activity"],
  ];

/**
 * Checks options and fills in defaults.
 *
 * @param rows Word lines of an array.
 * @throws {OptionError} if an option is unknown or out of range, or names an entry that the library has not.
 */
export function resolveEstimate(options: EstimateOptions, rows: number): ResolvedEstimate {
  checkOptions(ACTION, "estimate", options, NAMES);
  const { library = defaultLibrary, cell = "SRAM", interconnect = "xy-bus", adc = {}, hierarchy = {}, activity = {} } = options;
  checkOptions(ACTION, "estimate.adc", adc, ["type", "bits"]);
  checkOptions(ACTION, "estimate.hierarchy", hierarchy, ["pe", "tile"]);
  checkActivity(activity);
  const node = String(options.node ?? 22), { type = "flash", bits = 5 } = adc;
  entryOf(library, "technology", node);
  const kind = entryOf(library, "cells", cell);
  category(library, type, "adc", "estimate.adc.type");
  category(library, interconnect, "interconnect", "estimate.interconnect");
  const integer = (where: string, value: number, most: number) => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new OptionError(ACTION, { where: `estimate.${where}`, got: value, wanted: `an integer from 1 to ${most}` });
  };
  const positive = (where: string, value: number) => {
    if (Number.isFinite(value) && value > 0) return value;
    throw new OptionError(ACTION, { where: `estimate.${where}`, got: value, wanted: "a positive number" });
  };
  const choice = <Choice extends string>(where: string, value: Choice, known: readonly Choice[]) => {
    if (known.includes(value)) return value;
    throw new OptionError(ACTION, { where: `estimate.${where}`, got: value, wanted: `one of ${known.join(", ")}` });
  };
  const { onResistanceOhm = kind.onResistanceOhm, offResistanceOhm = kind.offResistanceOhm } = options;
  const { cellSizeF = [kind.heightF, kind.widthF] } = options;
  if (!Array.isArray(cellSizeF) || cellSizeF.length !== 2) {
    throw new OptionError(ACTION, { where: "estimate.cellSizeF", got: cellSizeF, wanted: "[height, width] in F" });
  }
  if (offResistanceOhm <= onResistanceOhm) {
    throw new OptionError(ACTION, { where: "estimate.offResistanceOhm", got: offResistanceOhm, wanted: `more than ${onResistanceOhm} Ω` });
  }
  return {
    library,
    node,
    cell,
    onResistanceOhm: positive("onResistanceOhm", onResistanceOhm),
    offResistanceOhm: positive("offResistanceOhm", offResistanceOhm),
    cellSizeF: [positive("cellSizeF[0]", cellSizeF[0]), positive("cellSizeF[1]", cellSizeF[1])],
    adc: { type, bits: integer("adc.bits", bits, 14) },
    columnsPerAdc: integer("columnsPerAdc", options.columnsPerAdc ?? 8, 4096),
    rowsInParallel: integer("rowsInParallel", options.rowsInParallel ?? rows, rows),
    digitBits: integer("digitBits", options.digitBits ?? 1, 8),
    schedule: choice("schedule", options.schedule ?? "pipelined", ["pipelined", "layer-by-layer"]),
    interconnect,
    buffers: choice("buffers", options.buffers ?? "vector", ["vector", "bit"]),
    temperatureK: positive("temperatureK", options.temperatureK ?? 300),
    layout: choice("layout", options.layout ?? "placed", ["placed", "kernel", "im2col"]),
    speedUp: integer("speedUp", options.speedUp ?? 8, 65536),
    hierarchy: {
      ...(hierarchy.pe === undefined ? {} : { pe: integer("hierarchy.pe", hierarchy.pe, 256) }),
      tile: integer("hierarchy.tile", hierarchy.tile ?? 2, 256),
    },
    activity,
  };
}

function category(library: Library, name: string, wanted: string, where: string): void {
  if (entryOf(library, "components", name).category === wanted) return;
  const known = Object.entries(library.components).filter(([, each]) => each.category === wanted).map(([each]) => each);
  throw new OptionError(ACTION, { where, got: name, wanted: `one of ${known.join(", ")}` });
}

function checkActivity(activity: Activity): void {
  const check = (where: string, { inputOnes, cellShare, columnCurrentUa }: LayerActivity) => {
    const ones = typeof inputOnes === "number" ? [inputOnes] : inputOnes ?? [],
      shares = [...ones, ...(cellShare === undefined ? [] : [cellShare])];
    const bad = shares.find((share) => !(share >= 0 && share <= 1));
    if (bad !== undefined) throw new OptionError(ACTION, { where, got: bad, wanted: "shares from 0 to 1" });
    if (columnCurrentUa !== undefined && !(columnCurrentUa >= 0 && Number.isFinite(columnCurrentUa))) {
      throw new OptionError(ACTION, { where: `${where}.columnCurrentUa`, got: columnCurrentUa, wanted: "a current of at least 0 µA" });
    }
  };
  checkOptions(ACTION, "estimate.activity", activity, ["inputOnes", "cellShare", "columnCurrentUa", "layers"]);
  check("estimate.activity", activity);
  for (const [name, layer] of Object.entries(activity.layers ?? {})) {
    checkOptions(ACTION, `estimate.activity.layers.${name}`, layer, ["inputOnes", "cellShare", "columnCurrentUa"]);
    check(`estimate.activity.layers.${name}`, layer);
  }
}
