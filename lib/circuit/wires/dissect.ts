// Nested dissection of a crossbar in TypeScript: parts are reduced to the conductances between their borders, which costs rows · columns² only.

import { eliminate, type Front } from "./eliminate.ts";
import type { WireNetwork } from "./network.ts";
import { type DissectionPlan, type Part, planDissection } from "./plan.ts";

/** A crossbar reduced to its terminals. */
export interface Dissection {
  /** Eliminated nodes, in order. */
  readonly fronts: readonly Front[];
  /** Conductance from each driver to each sensed end with all others at 0 V, [rows, columns]. */
  readonly effective: Float64Array;
}

/** Least numbers per allocation of rows. */
const CHUNK = 1 << 18;

/**
 * Eliminates every node that is no terminal.
 *
 * @param plan Of a network of the same topology. Default: made here.
 */
export function dissect(network: WireNetwork, { parts, slots }: DissectionPlan = planDissection(network)): Dissection {
  const fronts: Front[] = [], kept: Float64Array[] = new Array(slots).fill(new Float64Array(0));
  let arena = new Float64Array(0), used = 0;
  const { values } = network, cells = network.rows * network.columns;
  parts.forEach(({ nodes, count, slot, elements, cell, joins, down, right }, at) => {
    const first = cell + down * network.columns + right, size = nodes.length, rest = size - count, last = at === parts.length - 1;
    if (used + count * size > arena.length) [arena, used] = [new Float64Array(Math.max(CHUNK, count * size)), 0];
    const rows = arena.subarray(used, used += count * size);
    const own = kept[slot]!.length >= rest * rest ? kept[slot]!.fill(0, 0, rest * rest) : new Float64Array(rest * rest);
    kept[slot] = own;
    for (let element = 0; element < elements.length; element += 3) {
      const low = elements[element]!, high = elements[element + 1]!, value = elements[element + 2]!;
      const siemens = values[value < 0 ? cells + ~value : first + value]!;
      if (low < count) rows[low * size + high]! += siemens;
      else own[(low - count) * rest + high - count]! += siemens;
    }
    for (const { slot, places } of joins) scatter(rows, own, count, size, kept[slot]!, places);
    if (count === 0) return;
    fronts.push({
      nodes: network.move(nodes, down, right),
      count,
      rows,
      inverse: eliminate(rows, own, count, rest, last ? network.rows : undefined),
    });
  });
  return { fronts, effective: effectiveOf(parts.at(-1)!, kept[0]!, network) };
}

/** What is left between drivers and sensed ends. */
function effectiveOf({ nodes, count }: Part, kept: Float64Array, { rows, columns }: WireNetwork): Float64Array {
  const effective = new Float64Array(rows * columns), rest = nodes.length - count;
  for (let row = 0; row < rows; row++) effective.set(kept.subarray(row * rest + rows, (row + 1) * rest), row * columns);
  return effective;
}

/** Adds a part's conductances to those of the part it enters. */
function scatter(rows: Float64Array, kept: Float64Array, count: number, size: number, from: Float64Array, places: Int32Array): void {
  const length = places.length, rest = size - count, shift = count * rest + count;
  for (let a = 0; a < length; a++) {
    const here = places[a]!, row = a * length;
    for (let b = a + 1; b < length; b++) {
      const there = places[b]!, low = here < there ? here : there, high = here < there ? there : here;
      if (low < count) rows[low * size + high]! += from[row + b]!;
      else kept[low * rest + high - shift]! += from[row + b]!;
    }
  }
}

/**
 * Voltages of all nodes, given those of the terminals at the start of `voltages`; in place.
 *
 * @param injected Amperes that sources drive into each node; spoilt. Default none.
 */
export function substitute({ fronts }: Pick<Dissection, "fronts">, voltages: Float64Array, injected?: Float64Array): void {
  if (injected !== undefined) carry(fronts, injected);
  let widest = 0;
  for (const { nodes } of fronts) widest = Math.max(widest, nodes.length);
  const local = new Float64Array(widest);
  for (let at = fronts.length - 1; at >= 0; at--) {
    const { nodes, count, rows, inverse } = fronts[at]!, width = nodes.length;
    for (let b = count; b < width; b++) local[b] = voltages[nodes[b]!]!;
    for (let k = count - 1; k >= 0; k--) {
      let even = injected === undefined ? 0 : injected[nodes[k]!]!, odd = 0, b = k + 1;
      const row = k * width;
      for (; b + 1 < width; b += 2) {
        even += rows[row + b]! * local[b]!;
        odd += rows[row + b + 1]! * local[b + 1]!;
      }
      if (b < width) even += rows[row + b]! * local[b]!;
      voltages[nodes[k]!] = local[k] = (even + odd) * inverse[k]!;
    }
  }
}

/** Hands on the current into each eliminated node to its neighbours at that time, in the shares in which they conduct. */
function carry(fronts: readonly Front[], injected: Float64Array): void {
  for (const { nodes, count, rows, inverse } of fronts) {
    const width = nodes.length;
    for (let k = 0; k < count; k++) {
      const share = injected[nodes[k]!]! * inverse[k]!;
      if (share === 0) continue;
      for (let b = k + 1; b < width; b++) injected[nodes[b]!]! += share * rows[k * width + b]!;
    }
  }
}
