// A network as the accelerator sees it: per layer its window, its precisions, and which groups of weights are not zero.

import { GraphError, MappingError } from "../errors.ts";
import { layerGeometries, type LayerGeometry } from "../network/geometries.ts";
import { INPUT, type Network } from "../network/graph.ts";
import { type GroupBlock, weightGroups } from "../prune/weight_groups.ts";
import type { QuantizedNetwork } from "../quantize/quantize.ts";
import { lowerQuantized } from "../simulate/lower/lower.ts";
import type { Geometry } from "../simulate/program.ts";
import type { TypedArray } from "../tensor.ts";
import { type MarsAccelerator, marsGroup } from "./accelerator.ts";

/** One conv or linear layer on the accelerator. */
export interface MarsLayer {
  /** Name of the layer. */
  readonly name: string;
  /** Its window. */
  readonly geometry: Geometry;
  /** Bits of a weight. */
  readonly weightBits: number;
  /** Bits of an input code. */
  readonly inputBits: number;
  /** Block of weights activated at once. */
  readonly group: GroupBlock;
  /** Row blocks of a column block. */
  readonly rowBlocks: number;
  /** `[column blocks][row blocks]`: 1 for a group with a weight other than zero. */
  readonly kept: Uint8Array;
}

const ACTION = "put a network on the accelerator";

/**
 * The conv and linear layers of a network that run on macros, in order.
 *
 * A quantised network brings its own precisions; layers that have float weights or read reals, as after a global mean, run outside the macros and are left out.
 * In a float network all layers count, with the accelerator's bits for weights and activations and 8 for pixels. A group is kept if a weight of it is not 0.
 *
 * @throws {MappingError} if weights have no code for 0.
 * @throws {GraphError} if weights are missing.
 *
 * @example
 * ```ts
 * import { lenet, marsAccelerator, marsLayers, pruneGroups } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { network } = pruneGroups(lenet(), { rows: 16, columns: 16, sparsity: 0.5, layers: ["fc1"] });
 * const fc1 = marsLayers(network, marsAccelerator())[2]!;
 * assertEquals([fc1.rowBlocks, fc1.kept.length, fc1.kept.filter((bit) => bit === 1).length], [25, 200, 100]);
 * ```
 */
export function marsLayers(network: Network | QuantizedNetwork, accelerator: MarsAccelerator): MarsLayer[] {
  if (network.kind === "network") {
    return layerGeometries(network).map((layer) => {
      const inputBits = readsPixels(network, layer.name) ? 8 : accelerator.activationBits;
      const weight = network.parameters[`${layer.name}.weight`];
      if (weight === undefined) {
        throw new GraphError(ACTION, { where: `${layer.name}.weight`, got: "no such parameter", wanted: "the layer's weights" });
      }
      return marsLayer(layer, weight.data, accelerator.weightBits, inputBits, accelerator);
    });
  }
  const lowered = lowerQuantized(network).layers;
  return layerGeometries(network.network).flatMap((layer) => {
    const codes = network.weights[layer.name], inputBits = lowered[layer.name]?.inputBits;
    if (codes === undefined || inputBits === undefined) return [];
    if (codes.zero !== 0 || !codes.signed) {
      throw new MappingError(ACTION, {
        where: `${layer.name}.weight`,
        got: `codes whose zero is ${codes.zero}`,
        wanted: "signed codes in which 0 stands for 0",
        hint: "Quantise weights with uniform or lsq.",
      });
    }
    return [marsLayer(layer, codes.codes.data, codes.bits, inputBits, accelerator)];
  });
}

function marsLayer(
  { name, geometry }: LayerGeometry,
  weights: TypedArray,
  weightBits: number,
  inputBits: number,
  accelerator: MarsAccelerator,
): MarsLayer {
  const group = marsGroup(accelerator, weightBits), [height, width] = geometry.kernel;
  const shape = [geometry.outputShape[2], geometry.inputShape[2] / geometry.groups, height, width];
  const { rowBlocks, count, of } = weightGroups(shape, group, geometry.groups), kept = new Uint8Array(count);
  for (let index = 0; index < of.length; index++) if (weights[index] !== 0) kept[of[index]!] = 1;
  return { name, geometry, weightBits, inputBits, group, rowBlocks, kept };
}

/** Whether a layer reads the pixels, perhaps pooled, flattened or sliced. */
function readsPixels(network: Network, name: string): boolean {
  const layer = network.layers.find((each) => each.name === name), source = layer?.inputs[0];
  if (source === INPUT) return true;
  const before = network.layers.find((each) => each.name === source);
  return before !== undefined && ["maxPool", "flatten", "slice", "shuffle"].includes(before.op) && readsPixels(network, before.name);
}

/** Groups of a layer that are kept. */
export function keptGroups({ kept }: Pick<MarsLayer, "kept">): number {
  let count = 0;
  for (const bit of kept) count += bit;
  return count;
}

/** Cycles that a resident group works on one image: input digits times output positions. */
export function groupCycles({ inputBits, geometry }: Pick<MarsLayer, "inputBits" | "geometry">, { digitBits }: MarsAccelerator): number {
  return Math.ceil(inputBits / digitBits) * geometry.outputShape[0] * geometry.outputShape[1];
}

/** Bits of one stored group, zeros at the edges of the layer included. */
export function groupBits({ group, weightBits }: Pick<MarsLayer, "group" | "weightBits">): number {
  return group.rows * group.columns * weightBits;
}
