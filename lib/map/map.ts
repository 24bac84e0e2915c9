// Third stage: sliced layers onto arrays of a given size, nothing dropped.

import type { SlicedLayer, SlicedNetwork } from "../decompose/sliced.ts";
import { MappingError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { im2col } from "./im2col.ts";
import { kernelPosition } from "./kernel_position.ts";
import { columnLayout } from "./layout.ts";
import type { Algorithm, ArrayPlacement, MappedLayer, MappedNetwork, RowOrder } from "./mapped.ts";

/** How {@linkcode map} places layers. */
export interface MapOptions {
  /** Word lines of an array; default 128. */
  readonly rows?: number;
  /** Physical columns of an array, slices, pairs and dummy columns counted; default 128. */
  readonly columns?: number;
  /** Default "im2col". */
  readonly algorithm?: Algorithm;
  /** Algorithm "im2col" only: order of the unfolded rows; default "position". */
  readonly order?: RowOrder;
}

const ACTION = "map the network";

/**
 * Places every sliced layer on arrays of `rows` × `columns` cells.
 *
 * All slices of a weight stand side by side in one array, so an array holds ⌊(columns − dummy columns) / (slices · cells per slice)⌋ weight columns.
 * Each group of a grouped convolution has arrays of its own. A row's dummy cells are repeated in each array, since every array has its own reference.
 *
 * @throws {MappingError} if an array has no rows, or is too narrow for the slices of one weight.
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
 * const mapped = map(decompose(quantize(network, { ...bits, digital: [] })), { rows: 128, columns: 128 });
 * assertEquals(mapped.layer("fc").tiles, [0, 128, 200]);
 * assertEquals(mapped.layer("fc").arrays.length, 4); // 2 row tiles × ⌈40 / 31⌉ column ranges
 * ```
 */
export function map(sliced: SlicedNetwork, options: MapOptions = {}): MappedNetwork {
  checkOptions(ACTION, "map", options, ["rows", "columns", "algorithm", "order"]);
  const { rows = 128, columns = 128, algorithm = "im2col", order } = options;
  for (const [name, value] of Object.entries({ rows, columns })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new MappingError(ACTION, { where: `map.${name}`, got: value, wanted: "an integer of at least 1" });
    }
  }
  if (algorithm !== "im2col" && algorithm !== "kernel") {
    throw new OptionError(ACTION, { where: "map.algorithm", got: algorithm, wanted: '"im2col" or "kernel"' });
  }
  if (order !== undefined && (algorithm === "kernel" || (order !== "position" && order !== "channel"))) {
    const wanted = algorithm === "kernel" ? 'none: algorithm "kernel" goes by kernel position' : '"position" or "channel"';
    throw new OptionError(ACTION, { where: "map.order", got: order, wanted });
  }
  const layers: Record<string, MappedLayer> = {};
  for (const layer of Object.values(sliced.layers)) layers[layer.name] = mapLayer(layer, { rows, columns, algorithm, order });
  return { kind: "mapped", sliced, rows, columns, layers, layer: (name) => layers[sliced.layer(name).name]! };
}

/**
 * Places one layer; {@linkcode map} does so for a whole network.
 *
 * @throws {MappingError} if an array is too narrow for the slices of one weight.
 */
export function mapLayer(layer: SlicedLayer, options: MapOptions = {}): MappedLayer {
  const { rows = 128, columns = 128, algorithm = "im2col", order } = options;
  const [, out, channels, height, width] = layer.slices.shape as [number, number, number, number, number];
  const { rowIndex, tiles } = algorithm === "kernel"
    ? kernelPosition(channels, height * width, rows)
    : im2col(channels, height * width, rows, order);
  const { perWeight, dummies } = columnLayout(layer);
  const fitting = Math.floor((columns - dummies.length) / perWeight);
  if (fitting < 1) {
    throw new MappingError(ACTION, {
      where: layer.name,
      got: `arrays of ${columns} columns`,
      wanted: `at least ${perWeight + dummies.length}: ${perWeight} for the slices of one weight and ${dummies.length} dummy`,
      hint: "Use wider arrays or more bits per cell",
    });
  }
  const arrays: ArrayPlacement[] = [];
  const slices = layer.sliceWeights.map((_, k) => k);
  let used = 0;
  for (let group = 0; group < layer.groups; group++) {
    for (let tile = 0; tile + 1 < tiles.length; tile++) {
      for (let firstColumn = 0; firstColumn < out / layer.groups; firstColumn += fitting) {
        const weights = Math.min(fitting, out / layer.groups - firstColumn);
        const placement: ArrayPlacement = {
          tile,
          group,
          slices,
          firstColumn,
          columns: weights,
          rows: tiles[tile + 1]! - tiles[tile]!,
          physicalColumns: weights * perWeight + dummies.length,
        };
        used += placement.rows * placement.physicalColumns;
        arrays.push(placement);
      }
    }
  }
  return { sliced: layer, algorithm, rowIndex, tiles, arrays, utilisation: used / (arrays.length * rows * columns) };
}
