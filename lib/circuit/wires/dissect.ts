// Nested dissection of a crossbar: halves are reduced to the conductances between their ports, then joined, which costs rows · columns^2 only.

import { eliminate, type Front } from "./eliminate.ts";
import type { WireNetwork } from "./network.ts";

/** A part of the array after all its inner nodes have been eliminated. */
interface Block {
  /** Nodes it shares with other blocks, and terminals. */
  readonly nodes: Int32Array;
  /** Elements of each node that lie within the block. */
  readonly seen: Int32Array;
  /** Conductances between them, entries right of the diagonal. */
  readonly siemens: Float64Array;
}

/** A crossbar reduced to its terminals. */
export interface Dissection {
  /** Eliminated nodes, in order. */
  readonly fronts: readonly Front[];
  /** Conductance from each driver to each sensed end with all others at 0 V, [rows, columns]. */
  readonly effective: Float64Array;
}

/** Cells per side of the parts at which halving ends. */
const LEAF = 4;

/** Slot of the block that is the whole array: its nodes are sorted, so that drivers come before sensed ends. */
const ROOT = 0;

/** What one dissection reuses from block to block. */
interface Workspace {
  readonly network: WireNetwork;
  readonly fronts: Front[];
  /** Place of each node in the block at hand, −1 where it is not part of it. */
  readonly place: Int32Array;
  /** Conductances of blocks by depth and side: of each there is one at a time. */
  readonly buffers: Float64Array[];
  /** Room for the rows of eliminated nodes, zeros from `used` on. */
  arena: Float64Array;
  used: number;
}

/** Least numbers per allocation of rows. */
const CHUNK = 1 << 18;

/** Eliminates every node that is no terminal (nested dissection: George, 1973). */
export function dissect(network: WireNetwork): Dissection {
  const work: Workspace = {
    network,
    fronts: [],
    place: new Int32Array(network.nodes).fill(-1),
    buffers: [],
    arena: new Float64Array(0),
    used: 0,
  };
  const build = (top: number, bottom: number, left: number, right: number, slot: number): Block => {
    const height = bottom - top, width = right - left, below = (slot | 1) + 1;
    if (height <= LEAF && width <= LEAF) return leaf(work, slot, top, bottom, left, right);
    const tall = height >= width, row = tall ? (top + bottom) >> 1 : top, column = tall ? left : (left + right) >> 1;
    const first = build(top, tall ? row : bottom, left, tall ? right : column, below);
    return join(work, slot, first, build(row, bottom, column, right, below + 1));
  };
  const { nodes, siemens } = build(0, network.rows, 0, network.columns, ROOT);
  const { rows, columns } = network, effective = new Float64Array(rows * columns), size = nodes.length;
  for (let row = 0; row < rows; row++) effective.set(siemens.subarray(row * size + rows, row * size + size), row * columns);
  return { fronts: work.fronts, effective };
}

/** Voltages of all nodes, given those of the terminals at the start of `voltages`; in place. */
export function substitute({ fronts }: Dissection, voltages: Float64Array): void {
  let widest = 0;
  for (const { nodes } of fronts) widest = Math.max(widest, nodes.length);
  const local = new Float64Array(widest);
  for (let at = fronts.length - 1; at >= 0; at--) {
    const { nodes, count, rows, inverse } = fronts[at]!, width = nodes.length;
    for (let b = count; b < width; b++) local[b] = voltages[nodes[b]!]!;
    for (let k = count - 1; k >= 0; k--) {
      let even = 0, odd = 0, b = k + 1;
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

/** Where the entries of a union of blocks go: eliminated nodes first. */
interface Assembly {
  readonly nodes: Int32Array;
  readonly seen: Int32Array;
  readonly count: number;
  readonly rows: Float64Array;
  readonly kept: Float64Array;
}

/** Orders nodes, notes their places and makes room for their conductances. */
function assemble(work: Workspace, slot: number, nodes: Int32Array, seen: Int32Array): Assembly {
  const { network, place, buffers } = work, size = nodes.length, order = new Int32Array(size), seenThere = new Int32Array(size);
  const { terminals, degrees } = network;
  const done = (at: number) => nodes[at]! >= terminals && (slot === ROOT || seen[at] === degrees[nodes[at]!]);
  if (slot === ROOT) nodes.sort();
  let count = 0;
  for (let at = 0; at < size; at++) if (done(at)) count++;
  for (let at = 0, inner = 0, outer = count; at < size; at++) {
    const to = done(at) ? inner++ : outer++;
    order[to] = nodes[at]!;
    seenThere[to] = seen[at]!;
    place[nodes[at]!] = to;
  }
  const area = (size - count) ** 2;
  if ((buffers[slot]?.length ?? -1) < area) buffers[slot] = new Float64Array(area);
  const kept = buffers[slot]!.fill(0, 0, area);
  return { nodes: order, seen: seenThere, count, rows: reserve(work, count * size), kept };
}

/** The next numbers of the arena, all 0. */
function reserve(work: Workspace, length: number): Float64Array {
  if (work.used + length > work.arena.length) {
    work.arena = new Float64Array(Math.max(CHUNK, length));
    work.used = 0;
  }
  return work.arena.subarray(work.used, work.used += length);
}

function finish({ network, place, fronts }: Workspace, slot: number, { nodes, seen, count, rows, kept }: Assembly): Block {
  for (let at = 0; at < nodes.length; at++) place[nodes[at]!] = -1;
  if (count === 0) return { nodes, seen, siemens: kept };
  fronts.push({
    nodes,
    count,
    rows,
    inverse: eliminate(rows, kept, count, nodes.length - count, slot === ROOT ? network.rows : undefined),
  });
  return { nodes: nodes.subarray(count), seen: seen.subarray(count), siemens: kept };
}

function leaf(work: Workspace, slot: number, top: number, bottom: number, left: number, right: number): Block {
  const { network, place } = work, nodes: number[] = [], seen: number[] = [], elements: number[] = [];
  const note = (node: number) => {
    if (place[node]! < 0) {
      place[node] = nodes.length;
      nodes.push(node);
      seen.push(0);
    }
    seen[place[node]!]!++;
  };
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      network.visit(row, column, (a, b, siemens) => {
        note(a);
        note(b);
        elements.push(a, b, siemens);
      });
    }
  }
  const assembly = assemble(work, slot, Int32Array.from(nodes), Int32Array.from(seen)), { count, rows, kept } = assembly;
  const size = nodes.length, rest = size - count;
  for (let at = 0; at < elements.length; at += 3) {
    const a = place[elements[at]!]!, b = place[elements[at + 1]!]!, low = Math.min(a, b), high = Math.max(a, b);
    if (low < count) rows[low * size + high]! += elements[at + 2]!;
    else kept[(low - count) * rest + high - count]! += elements[at + 2]!;
  }
  return finish(work, slot, assembly);
}

function join(work: Workspace, slot: number, first: Block, second: Block): Block {
  const { place } = work, most = first.nodes.length + second.nodes.length, nodes = new Int32Array(most), seen = new Int32Array(most);
  let size = 0;
  for (const block of [first, second]) {
    for (let at = 0; at < block.nodes.length; at++) {
      const node = block.nodes[at]!;
      if (place[node]! < 0) {
        place[node] = size;
        nodes[size++] = node;
      }
      seen[place[node]!]! += block.seen[at]!;
    }
  }
  const assembly = assemble(work, slot, nodes.subarray(0, size), seen.subarray(0, size));
  scatter(assembly, place, first);
  scatter(assembly, place, second);
  return finish(work, slot, assembly);
}

/** Adds a block's conductances to those of the union it is part of. */
function scatter({ nodes, count, rows, kept }: Assembly, place: Int32Array, block: Block): void {
  const { siemens } = block, length = block.nodes.length, size = nodes.length, rest = size - count, shift = count * rest + count;
  const places = new Int32Array(length);
  for (let at = 0; at < length; at++) places[at] = place[block.nodes[at]!]!;
  for (let a = 0; a < length; a++) {
    const here = places[a]!, row = a * length;
    for (let b = a + 1; b < length; b++) {
      const there = places[b]!, low = here < there ? here : there, high = here < there ? there : here;
      if (low < count) rows[low * size + high]! += siemens[row + b]!;
      else kept[low * rest + high - shift]! += siemens[row + b]!;
    }
  }
}
