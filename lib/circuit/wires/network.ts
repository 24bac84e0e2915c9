// A crossbar as a graph of nodes and conductances, so that one elimination serves every topology: perfect conductors just share nodes.

import type { Conductances, Wires } from "./options.ts";

/** Nodes and cells of a crossbar; nodes 0 … terminals − 1 have given voltages: drivers of all rows, then the ends of all columns at 0 V. */
export interface WireNetwork {
  /** Word lines. */
  readonly rows: number;
  /** Bit lines. */
  readonly columns: number;
  /** rows + columns. */
  readonly terminals: number;
  /** Number of node names, of which some may be unused. */
  readonly nodes: number;
  /** Rows that meet a bit line in one node: 2 where they are interleaved, else 1. */
  readonly group: number;
  /** Node of each cell on its word line, [rows, columns]. */
  readonly wordNodes: Int32Array;
  /** Node of each cell on its bit line, [rows, columns]. */
  readonly bitNodes: Int32Array;
  /** Conductances in siemens: of all cells, [rows, columns], then of a word line's segment, a bit line's, a driven end and a sensed end. */
  readonly values: Float64Array;
  /** Number of elements at a node that is no terminal; it can be eliminated once all of them have been seen. */
  degreeOf(node: number): number;
  /**
   * Writes the elements of one cell from `at` on, the cell itself and the segments that lead from it towards the periphery: two nodes and an index of
   * `values` each, at most {@linkcode CELL_WORDS} words. Returns where they end.
   */
  elementsOf(row: number, column: number, into: Int32Array, at: number): number;
  /**
   * The nodes that lie so many rows and columns further, an even number of rows where they are interleaved, in an array of their own or in `into` from
   * `at` on.
   */
  move(nodes: Int32Array, rows: number, columns: number, into?: Int32Array, at?: number): Int32Array;
}

/** Most words that the elements of a cell take. */
export const CELL_WORDS = 9;

/** Names the nodes of a crossbar; segments of 0 Ω merge the nodes at their ends. */
export function wireNetwork(conductances: Conductances, wires: Wires): WireNetwork {
  const [rows = 0, columns = 0] = conductances.shape;
  const { wordLine, bitLine, source, terminal, interleaved } = wires;
  const data = conductances.data, terminals = rows + columns, cells = rows * columns;
  const wordNodes = new Int32Array(cells), bitNodes = new Int32Array(cells);
  const group = interleaved ? 2 : 1;
  const wordEnd = wires.driven === "first" ? 0 : columns - 1, bitEnd = wires.sensed === "last" ? Math.floor((rows - 1) / group) : 0;
  const wordStep = wires.driven === "first" ? -1 : 1, bitStep = wires.sensed === "last" ? group : -group;
  for (let row = 0, cell = 0; row < rows; row++) {
    const bitRow = row - row % group;
    for (let column = 0; column < columns; column++, cell++) {
      const ownWord = wordLine > 0 ? column : wordEnd, ownBit = bitLine > 0 ? bitRow : bitEnd * group;
      wordNodes[cell] = wordLine + source > 0 ? terminals + row * columns + ownWord : row;
      bitNodes[cell] = bitLine + terminal > 0 ? terminals + cells + ownBit * columns + column : rows + column;
    }
  }
  const values = new Float64Array(cells + 4);
  values.set(data);
  values.set([1 / wordLine, 1 / bitLine, 1 / (wordLine + source), 1 / (bitLine + terminal)], cells);
  const elementsOf = (row: number, column: number, into: Int32Array, at: number): number => {
    const cell = row * columns + column, word = wordNodes[cell]!, bit = bitNodes[cell]!;
    at = put(into, at, word, bit, cell);
    if (column !== wordEnd) {
      if (wordLine > 0) at = put(into, at, word, wordNodes[cell + wordStep]!, cells);
    } else if (word !== row) at = put(into, at, word, row, cells + 2);
    if (row % group !== 0) return at;
    if (row !== bitEnd * group) {
      if (bitLine > 0) at = put(into, at, bit, bitNodes[cell + bitStep * columns]!, cells + 1);
    } else if (bit !== rows + column) at = put(into, at, bit, rows + column, cells + 3);
    return at;
  };
  const move = (nodes: Int32Array, down: number, right: number, into = new Int32Array(nodes.length), from = 0): Int32Array => {
    const word = down * columns + (wordLine > 0 ? right : 0), bit = (bitLine > 0 ? down * columns : 0) + right;
    for (let at = 0; at < nodes.length; at++) {
      const node = nodes[at]!;
      into[from + at] = node + (node >= terminals + cells ? bit : node >= terminals ? word : node >= rows ? right : down);
    }
    return into;
  };
  // A line without resistance is one node. Else a node has its cells, the segment towards the periphery and, unless it is the line's last, another.
  const wordLast = wordEnd === 0 ? columns - 1 : 0, bitLast = bitEnd === 0 ? rows - group : 0;
  const degreeOf = (node: number): number => {
    const cell = node - terminals;
    if (cell < cells) return wordLine > 0 ? cell % columns === wordLast ? 2 : 3 : columns + 1;
    return bitLine > 0 ? group + (Math.floor((cell - cells) / columns) === bitLast ? 1 : 2) : rows + 1;
  };
  return { rows, columns, terminals, nodes: terminals + 2 * cells, group, wordNodes, bitNodes, values, degreeOf, elementsOf, move };
}

/** Writes an element; returns where it ends. */
function put(into: Int32Array, at: number, a: number, b: number, value: number): number {
  into[at] = a;
  into[at + 1] = b;
  into[at + 2] = value;
  return at + 3;
}
