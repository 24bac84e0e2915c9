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
  /** Node of each cell on its word line, [rows, columns]. */
  readonly wordNodes: Int32Array;
  /** Node of each cell on its bit line, [rows, columns]. */
  readonly bitNodes: Int32Array;
  /** Elements at each node; a node can be eliminated once all of them have been seen. */
  readonly degrees: Int32Array;
  /** Conductances in siemens: of all cells, [rows, columns], then of a word line's segment, a bit line's, a driven end and a sensed end. */
  readonly values: Float64Array;
  /** Calls back for each element of one cell, the cell itself and the segments that lead from it towards the periphery; `value` is an index. */
  visit(row: number, column: number, element: (a: number, b: number, value: number) => void): void;
}

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
  const visit = (row: number, column: number, element: (a: number, b: number, value: number) => void): void => {
    const cell = row * columns + column, word = wordNodes[cell]!, bit = bitNodes[cell]!;
    element(word, bit, cell);
    if (column !== wordEnd) {
      if (wordLine > 0) element(word, wordNodes[cell + wordStep]!, cells);
    } else if (word !== row) element(word, row, cells + 2);
    if (row % group !== 0) return;
    if (row !== bitEnd * group) {
      if (bitLine > 0) element(bit, bitNodes[cell + bitStep * columns]!, cells + 1);
    } else if (bit !== rows + column) element(bit, rows + column, cells + 3);
  };
  const nodes = terminals + 2 * cells, degrees = new Int32Array(nodes);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      visit(row, column, (a, b) => {
        degrees[a]!++;
        degrees[b]!++;
      });
    }
  }
  return { rows, columns, terminals, nodes, wordNodes, bitNodes, degrees, values, visit };
}
