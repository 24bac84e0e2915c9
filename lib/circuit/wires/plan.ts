// Which nodes of a crossbar are eliminated together and what meets where: the half of nested dissection that depends on topology alone.

import { CELL_WORDS, type WireNetwork } from "./network.ts";

/** Conductances of an earlier part that enter a later one. */
export interface Join {
  /** Slot in which they lie. */
  readonly slot: number;
  /** Place of each of that part's remaining nodes among the later part's nodes. */
  readonly places: Int32Array;
}

/** A part of the array: nodes to eliminate, those that stay, and where their conductances come from. */
export interface Part {
  /** Eliminated nodes, then the rest; those of its pattern, see `down` and `right`. */
  readonly nodes: Int32Array;
  /** Number of nodes eliminated. */
  readonly count: number;
  /** Where the conductances among the rest go; parts that are needed at the same time have different slots. */
  readonly slot: number;
  /** Elements of the network: lower place, higher place and value, one after the other: that of cell `cell` + v, or, if v < 0, of segment ~v. */
  readonly elements: Int32Array;
  /** Cell that the elements count from, in the pattern. */
  readonly cell: number;
  /** Number of the part that this one is a moved copy of, its own if of none: all but slots and place is that part's. */
  readonly pattern: number;
  /** Rows by which the part lies further down than its pattern; below 0 for further up. */
  readonly down: number;
  /** Columns by which it lies further right. */
  readonly right: number;
  /** Earlier parts. */
  readonly joins: readonly Join[];
}

/** Parts in order; what stays of the last one are the terminals, drivers first. */
export interface DissectionPlan {
  /** One per part of the array. */
  readonly parts: readonly Part[];
  /** Number of slots. */
  readonly slots: number;
}

/** Most cells of the parts at which halving ends. */
const LEAF = 8;
/** Slot of the whole array, whose nodes are sorted. */
const ROOT = 0;

/** Nodes that a part shares with others, and how many of each one's elements lie within it. */
interface Border {
  readonly slot: number;
  readonly nodes: Int32Array;
  readonly seen: Int32Array;
}

/** A block of cells planned before: where it lies, its parts, and its border. */
interface Pattern {
  readonly top: number;
  readonly left: number;
  readonly from: number;
  readonly to: number;
  readonly border: Border;
}

const NONE = new Int32Array(0);

/**
 * Halves an array down to small blocks and orders its nodes (nested dissection: George, 1973). Blocks of one size that touch the same sides of the
 * array differ in their place alone: the first is planned, the others are moved copies.
 */
export function planDissection(network: WireNetwork): DissectionPlan {
  const { rows, columns, terminals, group } = network,
    cells = rows * columns,
    parts: Part[] = [],
    place = new Int32Array(network.nodes).fill(-1);
  let slots = 1;
  /** Orders nodes and adds a part; `place` holds the place of each node until it returns. */
  const add = (slot: number, nodes: Int32Array, seen: Int32Array, fill: () => Pick<Part, "elements" | "cell" | "joins">): Border => {
    const size = nodes.length, order = new Int32Array(size), seenThere = new Int32Array(size);
    slots = Math.max(slots, slot + 1);
    if (slot === ROOT) nodes.sort();
    let count = 0;
    for (let at = 0; at < size; at++) {
      const node = nodes[at]!, done = node >= terminals && (slot === ROOT || seen[at] === network.degreeOf(node));
      if (done) order[count++] = node;
      place[node] = done ? count - 1 : -1;
    }
    for (let at = 0, outer = count; at < size; at++) {
      const node = nodes[at]!;
      if (place[node]! >= 0) continue;
      order[outer] = node;
      seenThere[outer] = seen[at]!;
      place[node] = outer++;
    }
    parts.push({ nodes: order, count, slot, pattern: parts.length, down: 0, right: 0, ...fill() });
    for (let at = 0; at < size; at++) place[order[at]!] = -1;
    return { slot, nodes: order.subarray(count), seen: seenThere.subarray(count) };
  };
  // A leaf's nodes and elements while they are collected: at most three elements per cell.
  const found = new Int32Array(6 * LEAF),
    counts = new Int32Array(6 * LEAF),
    between = new Int32Array(CELL_WORDS * LEAF);
  let known = 0, filled = 0;
  const note = (node: number) => {
    if (place[node]! < 0) {
      place[node] = known;
      found[known] = node;
      counts[known++] = 0;
    }
    counts[place[node]!]!++;
  };
  const leaf = (slot: number, top: number, bottom: number, left: number, right: number): Border => {
    known = filled = 0;
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) filled = network.elementsOf(row, column, between, filled);
    }
    for (let at = 0; at < filled; at += 3) {
      note(between[at]!);
      note(between[at + 1]!);
    }
    return add(slot, found.slice(0, known), counts.subarray(0, known), () => {
      const elements = between.slice(0, filled), cell = top * columns + left;
      for (let at = 0; at < filled; at += 3) {
        const a = place[elements[at]!]!, b = place[elements[at + 1]!]!;
        elements[at] = a < b ? a : b;
        elements[at + 1] = a < b ? b : a;
        const value = elements[at + 2]!;
        elements[at + 2] = value < cells ? value - cell : ~(value - cells);
      }
      return { elements, cell, joins: [] };
    });
  };
  const join = (slot: number, first: Border, second: Border): Border => {
    const most = first.nodes.length + second.nodes.length, nodes = new Int32Array(most), seen = new Int32Array(most);
    let size = 0;
    for (const border of [first, second]) {
      for (let at = 0; at < border.nodes.length; at++) {
        const node = border.nodes[at]!;
        if (place[node]! < 0) {
          place[node] = size;
          nodes[size++] = node;
        }
        seen[place[node]!]! += border.seen[at]!;
      }
    }
    return add(slot, nodes.subarray(0, size), seen.subarray(0, size), () => ({
      elements: NONE,
      cell: 0,
      joins: [first, second].map((border) => {
        const places = new Int32Array(border.nodes.length);
        for (let at = 0; at < places.length; at++) places[at] = place[border.nodes[at]!]!;
        return { slot: border.slot, places };
      }),
    }));
  };
  const patterns = new Map<string, Pattern>();
  const build = (top: number, bottom: number, left: number, right: number, slot: number): Border => {
    const height = bottom - top, width = right - left;
    const key = [slot | 1, height, width, top === 0, bottom === rows, left === 0, right === columns, top % group].join();
    const pattern = patterns.get(key);
    if (pattern !== undefined) return copy(pattern, top - pattern.top, left - pattern.left, slot);
    const from = parts.length, border = divide(top, bottom, left, right, slot);
    patterns.set(key, { top, left, from, to: parts.length, border });
    return border;
  };
  const divide = (top: number, bottom: number, left: number, right: number, slot: number): Border => {
    const height = bottom - top, width = right - left, below = (slot | 1) + 1;
    if (height * width <= LEAF) return leaf(slot, top, bottom, left, right);
    const tall = height >= width, row = tall ? (top + bottom) >> 1 : top, column = tall ? left : (left + right) >> 1;
    const first = build(top, tall ? row : bottom, left, tall ? right : column, below);
    return join(slot, first, build(row, bottom, column, right, below + 1));
  };
  const copy = ({ from, to, border: { nodes, seen } }: Pattern, down: number, right: number, slot: number): Border => {
    for (let at = from; at < to; at++) {
      const { nodes, count, elements, cell, joins, pattern, slot: own, down: before, right: left } = parts[at]!;
      const there = at === to - 1 ? slot : own;
      parts.push({ nodes, count, slot: there, elements, cell, joins, pattern, down: before + down, right: left + right });
    }
    slots = Math.max(slots, slot + 1);
    return { slot, nodes: network.move(nodes, down, right), seen };
  };
  build(0, rows, 0, columns, ROOT);
  return { parts, slots };
}
