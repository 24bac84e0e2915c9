// Where a list of layers may be cut into chip loads: between layers, and inside a layer that no chip load can hold whole.

import { type ArrayGroup, type ChipLayer, layerArrays } from "./chip.ts";

/** Arrays `from` … `to` − 1 of one layer, counted through its groups. A chip load is a run of pieces. */
export interface Piece {
  /** Position of the layer in the list. */
  readonly layer: number;
  /** First array. */
  readonly from: number;
  /** One past the last array. */
  readonly to: number;
}

/**
 * Pieces of layers on a chip of `arrays` arrays: one per layer that fits. A larger layer fills whole chips, and what is left over may share a load with the
 * layer before it or the layer behind it: it is cut at the multiples of `arrays` from its first array and from its last.
 */
export function piecesOf(layers: readonly ChipLayer[], arrays: number): Piece[] {
  return layers.flatMap((layer, index) => {
    const all = layerArrays(layer), cuts = new Set([0, all]);
    if (all > arrays) {
      for (let cut = arrays; cut < all; cut += arrays) cuts.add(cut).add(all - cut);
    }
    const sorted = [...cuts].sort((a, b) => a - b);
    return sorted.slice(1).map((to, number): Piece => ({ layer: index, from: sorted[number]!, to }));
  });
}

/** Arrays `from` … `to` − 1 of a layer's groups. */
function cutGroups(groups: readonly ArrayGroup[], from: number, to: number): ArrayGroup[] {
  const kept: ArrayGroup[] = [];
  let at = 0;
  for (const group of groups) {
    const arrays = Math.min(to, at + group.arrays) - Math.max(from, at);
    if (arrays > 0) kept.push(arrays === group.arrays ? group : { ...group, arrays });
    at += group.arrays;
  }
  return kept;
}

/** The layers of a run of pieces, pieces of one layer joined, with the waits that remain inside the run. */
export function loadOf(
  layers: readonly ChipLayer[],
  waits: readonly (readonly number[])[],
  pieces: readonly Piece[],
): { readonly layers: ChipLayer[]; readonly waits: number[][] } {
  const joined: Piece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last?.layer === piece.layer) joined[joined.length - 1] = { ...last, to: piece.to };
    else joined.push(piece);
  }
  const first = joined[0]!.layer;
  const inner = joined.map(({ layer }) => waits[layer]!.filter((input) => input >= first).map((input) => input - first));
  return {
    layers: joined.map(({ layer, from, to }, index) => {
      const { name, groups } = layers[layer]!;
      return { name, groups: cutGroups(groups, from, to), inputs: inner[index]!.map((input) => layers[first + input]!.name) };
    }),
    waits: inner,
  };
}
