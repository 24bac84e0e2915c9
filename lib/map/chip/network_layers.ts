// A network's layers as a chip sees them: its placements, and which layer waits for which through everything that is not on arrays.

import { GraphError } from "../../errors.ts";
import type { Network } from "../../network/graph.ts";
import type { Placement } from "../placement.ts";
import { type ChipLayer, chipLayer } from "./chip.ts";

/**
 * One {@linkcode ChipLayer} per placed layer, in network order. Pooling, sums and other digital layers take no arrays; what reads them waits for the
 * placed layers behind them.
 *
 * @param placements By layer name; layers without one are digital.
 * @param options `cellsPerWeight`: physical columns per logical column, default 1.
 * @throws {GraphError} if a placement belongs to no layer of the network.
 *
 * @example
 * ```ts
 * import { allocate, bestMapping, chipLayers, layerGeometries, resnet20 } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const network = resnet20();
 * const placements = Object.fromEntries(layerGeometries(network).map(({ name, geometry }) => {
 *   return [name, bestMapping({ geometry, rows: 128, columns: 128 }).place()];
 * }));
 * const layers = chipLayers(network, placements);
 * const few = allocate(layers, { arrays: 250 }), many = allocate(layers, { arrays: 800 });
 * assert(many.interval < few.interval);
 * ```
 */
export function chipLayers(
  network: Pick<Network, "layers">,
  placements: Readonly<Record<string, Placement>>,
  options: { readonly cellsPerWeight?: number } = {},
): ChipLayer[] {
  const names = new Set(network.layers.map(({ name }) => name));
  const strange = Object.keys(placements).find((name) => !names.has(name));
  if (strange !== undefined) {
    throw new GraphError("put a network on a chip", {
      where: strange,
      got: "a placement of no layer",
      wanted: `names of layers of the network`,
    });
  }
  const waits = new Map<string, readonly string[]>();
  const layers: ChipLayer[] = [];
  for (const { name, inputs } of network.layers) {
    const before = [...new Set(inputs.flatMap((input) => waits.get(input) ?? []))];
    const placement = placements[name];
    waits.set(name, placement === undefined ? before : [name]);
    if (placement !== undefined) layers.push(chipLayer(name, placement, { ...options, inputs: before }));
  }
  return layers;
}
