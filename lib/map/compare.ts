// Every mapping method side by side on a list of layers: the table of the mapping papers, with Bitline's mapper and the proved bound beside them.

import { Table } from "@cliffy/table";
import { MappingError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Geometry } from "../simulate/program.ts";
import { macs } from "./activations.ts";
import { bestMapping } from "./best.ts";
import { lowerBound } from "./bound.ts";
import { checkArray } from "./check_array.ts";
import type { Mapping, Problem } from "./placement.ts";
import { im2colMapping } from "./published/im2col.ts";
import { sdkMapping } from "./published/sdk.ts";
import { smdMapping } from "./published/smd.ts";
import { vwSdkMapping } from "./published/vw_sdk.ts";
import { remember } from "./remember.ts";

/** A layer to compare mappings on. */
export interface ComparedLayer {
  /** Name of the layer. */
  readonly name: string;
  /** Its window. */
  readonly geometry: Geometry;
  /** How many times the network has it, default 1. */
  readonly repeat?: number;
}

/** Arrays the layers are mapped on. */
export interface CompareOptions {
  /** Word lines. */
  readonly rows: number;
  /** Physical columns. */
  readonly columns: number;
  /** Bits of a weight, default 1. */
  readonly weightBits?: number;
  /** Bits of a cell, default 1. A weight takes weightBits / cellBits columns: ⌊columns · cellBits / weightBits⌋ logical columns, as VWC-SDK counts. */
  readonly cellBits?: number;
}

/** Cycles (array activations per image) of each method. */
export interface MethodCycles {
  /** One output position at a time. */
  readonly im2col: number;
  /** Sub-matrix duplication. */
  readonly smd: number;
  /** Shifted and duplicated kernels in square windows. */
  readonly sdk: number;
  /** Variable windows. */
  readonly vwSdk: number;
  /** Bitline's mapper. */
  readonly best: number;
  /** No mapping can take fewer. */
  readonly bound: number;
}

/** One layer under every method, one copy of it. */
export interface LayerComparison extends MethodCycles {
  /** Name of the layer. */
  readonly name: string;
  /** How many times the network has it. */
  readonly repeat: number;
  /** Method Bitline's mapper chose. */
  readonly method: string;
  /** Parameters of the choice. */
  readonly detail: Mapping["detail"];
  /** Multiply-accumulates over the cells of all activations of the best mapping, 0 to 1. */
  readonly utilisation: number;
}

/** All layers of one network on one array size; totals count repeated layers as often as they occur. */
export interface Comparison extends MethodCycles {
  /** Name of the network. */
  readonly name: string;
  /** Word lines. */
  readonly rows: number;
  /** Physical columns. */
  readonly columns: number;
  /** Bits of a weight. */
  readonly weightBits: number;
  /** Bits of a cell. */
  readonly cellBits: number;
  /** One entry per layer. */
  readonly layers: readonly LayerComparison[];
}

const METHODS = ["im2col", "smd", "sdk", "vwSdk", "best", "bound"] as const;

/**
 * Maps every layer with every method and adds up the cycles. Layers of equal geometry are mapped once.
 *
 * @throws {OptionError} if an option is unknown.
 * @throws {MappingError} if an array cannot hold one weight.
 *
 * @example
 * ```ts
 * import { compareMappings, publishedLayers } from "@bitline/bitline";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const result = compareMappings("CNN-8", publishedLayers("CNN-8"), { rows: 256, columns: 512 });
 * assertEquals(result.vwSdk, 239); // as published
 * assert(result.best <= 167 && result.best >= result.bound);
 * ```
 */
export function compareMappings(name: string, layers: readonly ComparedLayer[], options: CompareOptions): Comparison {
  checkOptions("compare mappings", "compare", options, ["rows", "columns", "weightBits", "cellBits"]);
  const { rows, columns, weightBits = 1, cellBits = 1 } = options;
  checkArray("compare mappings", {
    "compare.rows": rows,
    "compare.columns": columns,
    "compare.weightBits": weightBits,
    "compare.cellBits": cellBits,
  });
  const logical = Math.floor(columns * Math.min(cellBits, weightBits) / weightBits);
  if (logical < 1) {
    throw new MappingError("compare mappings", {
      where: name,
      got: `arrays of ${columns} columns`,
      wanted: `at least ${Math.ceil(weightBits / cellBits)} for one weight`,
    });
  }
  const compareOnce = remember(compareLayer);
  const compared = layers.map(({ name, geometry, repeat = 1 }): LayerComparison => {
    return { name, repeat, ...compareOnce({ geometry, rows, columns: logical }) };
  });
  const total = (method: typeof METHODS[number]) => compared.reduce((sum, layer) => sum + layer.repeat * layer[method], 0);
  const totals = Object.fromEntries(METHODS.map((method) => [method, total(method)])) as Record<typeof METHODS[number], number>;
  return { name, rows, columns, weightBits, cellBits, ...totals, layers: compared };
}

function compareLayer(problem: Problem): Omit<LayerComparison, "name" | "repeat"> {
  const best = bestMapping(problem);
  return {
    im2col: im2colMapping(problem).cycles,
    smd: smdMapping(problem).cycles,
    sdk: sdkMapping(problem).cycles,
    vwSdk: vwSdkMapping(problem).cycles,
    best: best.cycles,
    bound: lowerBound(problem).cycles,
    method: best.method,
    detail: best.detail,
    utilisation: macs(problem) / (best.cycles * problem.rows * problem.columns),
  };
}

/** One line per comparison. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  return new Table()
    .header(["network", "array", "im2col", "SMD", "SDK", "VW-SDK", "best", "bound", "VW-SDK / best", "best / bound"])
    .body(comparisons.map((each) => [
      each.name,
      `${each.rows} × ${each.columns}${each.weightBits > each.cellBits ? `, ${each.weightBits}-bit weights` : ""}`,
      ...METHODS.map((method) => each[method]),
      (each.vwSdk / each.best).toFixed(3),
      (each.best / each.bound).toFixed(3),
    ]))
    .border().toString();
}

/** One line per layer of a comparison. */
export function layerTable({ layers }: Comparison): string {
  return new Table()
    .header(["layer", "im2col", "SMD", "SDK", "VW-SDK", "best", "bound", "method", "utilisation"])
    .body(layers.map((layer) => [
      layer.repeat === 1 ? layer.name : `${layer.name} × ${layer.repeat}`,
      ...METHODS.map((method) => layer[method]),
      layer.method,
      `${(100 * layer.utilisation).toFixed(1)} %`,
    ]))
    .border().toString();
}
