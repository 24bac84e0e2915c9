// What the weight SRAM holds: the codes of kept groups one after another, and index codes that say where they belong.

import { packCodes, unpackCodes } from "../io/packed_codes.ts";
import type { QuantizedNetwork } from "../quantize/quantize.ts";
import { rowsOf } from "../simulate/reference/crossbar.ts";
import type { MarsAccelerator } from "./accelerator.ts";
import { decodeIndex, encodeIndex, type IndexCodes } from "./index_codes.ts";
import { groupBits, keptGroups, type MarsLayer, marsLayers } from "./layers.ts";

/** One layer in weight SRAM. */
export interface PackedLayer extends Omit<MarsLayer, "kept"> {
  /** Groups of the layer, kept or not. */
  readonly groups: number;
  /** Which groups are stored. */
  readonly index: IndexCodes;
  /** Two's complement codes of the stored groups, `[group][row][column]`, `weightBits` each, low bits first; zeros fill up groups at the layer's edges. */
  readonly data: Uint8Array;
}

/** A network in weight SRAM. */
export interface PackedNetwork {
  /** The layers on macros, in order: see `marsLayers`. */
  readonly layers: readonly PackedLayer[];
  /** Bits of stored groups. */
  readonly weightBits: number;
  /** Bits of index codes. */
  readonly indexBits: number;
}

/** Kept groups with their codes, read back. */
export interface UnpackedLayer {
  /** Numbers of the stored groups, ascending. */
  readonly numbers: Int32Array;
  /** `[group][row][column]`, signed. */
  readonly codes: Int16Array;
}

/**
 * Packs a quantised network: only groups with a weight other than 0 are stored.
 *
 * @throws {MappingError} if weights have no code for 0.
 *
 * @example
 * ```ts
 * import { lenet, marsAccelerator, packMars, pact, pruneGroups, quantize, uniform } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { network } = pruneGroups(lenet(), { rows: 16, columns: 16, sparsity: 0.75, layers: ["fc1"] });
 * const quantized = quantize(network, { weights: uniform({ bits: 4 }), activations: pact({ bits: 4 }) });
 * const fc1 = packMars(quantized, marsAccelerator()).layers[2]!;
 * assertEquals([fc1.groups, fc1.data.length], [200, 50 * 16 * 16 / 2]);
 * ```
 */
export function packMars(quantized: QuantizedNetwork, accelerator: MarsAccelerator): PackedNetwork {
  const layers = marsLayers(quantized, accelerator).map((layer): PackedLayer => {
    const { kept, ...rest } = layer, codes = quantized.weights[layer.name]!.codes.data;
    const index = encodeIndex(kept, layer.rowBlocks, accelerator.index);
    return { ...rest, groups: kept.length, index, data: packGroups(layer, codes) };
  });
  return {
    layers,
    weightBits: layers.reduce((sum, layer) => sum + storedGroups(layer) * groupBits(layer), 0),
    indexBits: layers.reduce((sum, { index }) => sum + index.bits, 0),
  };
}

/** Groups that a packed layer stores. */
export function storedGroups(layer: PackedLayer): number {
  return keptGroups({ kept: decodeIndex(layer.index, layer.groups, layer.rowBlocks) });
}

/** Reads a packed layer back. @throws {FileError} if its bits are none. */
export function unpackLayer(layer: PackedLayer): UnpackedLayer {
  const { group: { rows, columns }, weightBits, index, groups, rowBlocks, data } = layer;
  const kept = decodeIndex(index, groups, rowBlocks), numbers = Int32Array.from(kept.keys().filter((number) => kept[number] === 1));
  const stored = unpackCodes(data, weightBits, numbers.length * rows * columns), codes = new Int16Array(stored.length);
  const half = 2 ** (weightBits - 1);
  for (let at = 0; at < codes.length; at++) codes[at] = stored[at]! >= half ? stored[at]! - 2 * half : stored[at]!;
  return { numbers, codes };
}

/** Where a group lies: its convolution group, first row and first output channel. */
export function groupPlace(
  { geometry, group, rowBlocks }: Pick<MarsLayer, "geometry" | "group" | "rowBlocks">,
  number: number,
): { readonly convGroup: number; readonly row: number; readonly rows: number; readonly channel: number; readonly columns: number } {
  const perGroup = geometry.outputShape[2] / geometry.groups, blocks = Math.ceil(perGroup / group.columns);
  const columnBlock = Math.floor(number / rowBlocks), convGroup = Math.floor(columnBlock / blocks);
  const row = (number - columnBlock * rowBlocks) * group.rows, column = (columnBlock - convGroup * blocks) * group.columns;
  return {
    convGroup,
    row,
    rows: Math.min(group.rows, rowsOf(geometry) - row),
    channel: convGroup * perGroup + column,
    columns: Math.min(group.columns, perGroup - column),
  };
}

/** @param codes In the network's order, `[out, in / groups, kernel height, kernel width]`. */
function packGroups(layer: MarsLayer, codes: Int16Array): Uint8Array {
  const { geometry, group, weightBits, kept } = layer, size = group.rows * group.columns, mask = 2 ** weightBits - 1;
  const depth = geometry.inputShape[2] / geometry.groups, area = geometry.kernel[0] * geometry.kernel[1];
  const stored = new Uint8Array(keptGroups(layer) * size);
  let base = 0;
  for (let number = 0; number < kept.length; number++) {
    if (kept[number] === 0) continue;
    const { row, rows, channel, columns } = groupPlace(layer, number);
    for (let r = 0; r < rows; r++) {
      const tap = Math.floor((row + r) / depth), input = row + r - tap * depth;
      for (let c = 0; c < columns; c++) {
        stored[base + r * group.columns + c] = codes[((channel + c) * depth + input) * area + tap]! & mask;
      }
    }
    base += size;
  }
  return packCodes(stored, weightBits);
}
