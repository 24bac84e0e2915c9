// Third stage: sliced layers onto arrays of a given size, nothing dropped.

import type { SlicedLayer, SlicedNetwork } from "../decompose/sliced.ts";
import { MappingError, OptionError, ShapeError } from "../errors.ts";
import { layerGeometries } from "../network/geometries.ts";
import { checkOptions } from "../options.ts";
import type { Geometry } from "../simulate/program.ts";
import { arraysOf, utilisationOf } from "./arrays.ts";
import { bestMapping } from "./best.ts";
import { channelOrder } from "./channel_order.ts";
import { checkArray } from "./check_array.ts";
import { kernelPositionMapping } from "./kernel_position.ts";
import { columnLayout } from "./layout.ts";
import { type Algorithm, ALGORITHMS, type MappedLayer, type MappedNetwork, type Mapper, type RowOrder } from "./mapped.ts";
import { im2colMapping } from "./published/im2col.ts";
import { sdkMapping } from "./published/sdk.ts";
import { smdMapping } from "./published/smd.ts";
import { vwSdkMapping } from "./published/vw_sdk.ts";
import { remember } from "./remember.ts";

/** How {@linkcode map} places layers. */
export interface MapOptions {
  /** Word lines of an array; default 128. */
  readonly rows?: number;
  /** Physical columns of an array, slices, pairs and dummy columns counted; default 128. */
  readonly columns?: number;
  /** A mapper by name, or one of your own; default "best". */
  readonly algorithm?: Algorithm | Mapper;
  /** Algorithm "im2col" only: order of the unfolded rows; default "position". */
  readonly order?: RowOrder;
}

const MAPPERS: Readonly<Record<Algorithm, Mapper>> = {
  "im2col": im2colMapping,
  "kernel": kernelPositionMapping,
  "smd": smdMapping,
  "sdk": sdkMapping,
  "vw-sdk": vwSdkMapping,
  "vwc-sdk": vwSdkMapping,
  "best": bestMapping,
};

const ACTION = "map the network";

/**
 * Places every sliced layer on arrays of `rows` × `columns` cells.
 *
 * All slices of a weight stand side by side in one array, so an array holds ⌊(columns − dummy and unit columns) / (slices · cells per slice)⌋ weight columns.
 * A row's dummy cells are repeated in each array, since every array has its own reference.
 *
 * @throws {MappingError} if an array has no rows, is too narrow for the slices of one weight, or leaves cells unused although dummy columns are
 * subtracted digitally.
 * @throws {ShapeError} if a layer's weights do not fit its input.
 * @throws {OptionError} if an option is unknown.
 *
 * @example
 * ```ts
 * import { decompose, dorefa, map, type Network, pact, quantize } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const network: Network = {
 *   kind: "network",
 *   name: "one layer",
 *   input: [1, 1, 200],
 *   encoding: { zero: 0, scale: 1 },
 *   layers: [{ op: "linear", name: "fc", inputs: ["input"], features: 40, bias: false }],
 *   parameters: { "fc.weight": { shape: [40, 200], data: new Float32Array(8000).fill(1) } },
 * };
 * const bits = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }), last: dorefa({ bits: 4 }) };
 * const mapped = map(decompose(quantize(network, { ...bits, digital: [] })), { rows: 128, columns: 128, algorithm: "im2col" });
 * assertEquals(mapped.layer("fc").placement.patterns[0]!.rowTiles, [0, 128, 200]);
 * assertEquals(mapped.layer("fc").arrays.length, 4); // 2 row tiles × ⌈40 / 31⌉ column tiles
 * assertEquals(mapped.layer("fc").cycles, 4);
 * ```
 */
export function map(sliced: SlicedNetwork, options: MapOptions = {}): MappedNetwork {
  checkOptions(ACTION, "map", options, ["rows", "columns", "algorithm", "order"]);
  const { rows = 128, columns = 128, algorithm = "best", order } = options;
  checkArray(ACTION, { "map.rows": rows, "map.columns": columns });
  if (typeof algorithm !== "function" && !(ALGORITHMS as readonly string[]).includes(algorithm)) {
    throw new OptionError(ACTION, { where: "map.algorithm", got: algorithm, wanted: `one of ${ALGORITHMS.join(", ")}, or a mapper` });
  }
  if (order !== undefined && (algorithm !== "im2col" || (order !== "position" && order !== "channel"))) {
    const wanted = algorithm === "im2col" ? '"position" or "channel"' : 'none: only algorithm "im2col" takes one';
    throw new OptionError(ACTION, { where: "map.order", got: order, wanted });
  }
  const geometries = new Map(layerGeometries(sliced.quantized.network).map(({ name, geometry }) => [name, geometry]));
  const mapper = typeof algorithm === "function" ? algorithm : remember(MAPPERS[algorithm]);
  const layers: Record<string, MappedLayer> = {};
  for (const layer of Object.values(sliced.layers)) {
    layers[layer.name] = mapLayer(layer, geometries.get(layer.name)!, {
      rows,
      columns,
      algorithm: mapper,
      ...(order === undefined ? {} : { order }),
    });
  }
  const name = typeof algorithm === "function" ? "custom" : algorithm;
  return { kind: "mapped", sliced, rows, columns, algorithm: name, layers, layer: (name) => layers[sliced.layer(name).name]! };
}

/**
 * Places one layer; {@linkcode map} does so for a whole network.
 *
 * @param geometry The layer's window, from `geometryOf`.
 * @throws {MappingError} if an array is too narrow for the slices of one weight, or leaves cells unused although dummy columns are subtracted digitally.
 * @throws {ShapeError} if the weights do not fit the geometry.
 */
export function mapLayer(layer: SlicedLayer, geometry: Geometry, options: MapOptions = {}): MappedLayer {
  const { rows = 128, columns = 128, algorithm = "best", order } = options;
  const [, out, channels, height, width] = layer.slices.shape as [number, number, number, number, number];
  const got = [out, channels, height, width];
  const wanted = [geometry.outputShape[2], geometry.inputShape[2] / geometry.groups, ...geometry.kernel];
  if (layer.groups !== geometry.groups || got.some((size, axis) => size !== wanted[axis])) {
    throw new ShapeError(ACTION, {
      where: layer.name,
      got: `weights [${got}] in ${layer.groups} groups`,
      wanted: `[${wanted}] in ${geometry.groups}`,
    });
  }
  const { perWeight, units, references } = columnLayout(layer);
  const fitting = Math.floor((columns - references) / perWeight);
  if (fitting < 1) {
    throw new MappingError(ACTION, {
      where: layer.name,
      got: `arrays of ${columns} columns`,
      wanted: `at least ${perWeight + references}: ${perWeight} for the slices of one weight and ${references} dummy`,
      hint: "Use wider arrays or more bits per cell",
    });
  }
  const mapper = typeof algorithm === "function" ? algorithm : MAPPERS[algorithm];
  const found = mapper({ geometry, rows, columns: fitting, ...(units.length === 0 ? {} : { full: true }) });
  const { method, detail, cycles, place } = order === "channel" ? channelOrder(found) : found;
  const placement = place();
  const arrays = arraysOf(layer, placement);
  const sparse = units.length === 0 ? undefined : arrays.find((array) => array.weights < array.rows * array.columns);
  if (sparse !== undefined) {
    throw new MappingError(ACTION, {
      where: layer.name,
      got:
        `${method} with ${sparse.weights} weights in ${sparse.rows} rows and ${sparse.columns} columns, and a dummy column converted by itself`,
      wanted: "a weight wherever a row and a column cross, since that column sums all rows",
      hint: 'Use algorithm "best", "im2col" or "kernel", or set decompose.subtraction of the layer to "array"',
    });
  }
  return { sliced: layer, method, detail, placement, cycles, arrays, utilisation: utilisationOf(layer, arrays, rows, columns) };
}
