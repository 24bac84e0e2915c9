// The slow way to solve a crossbar, as an oracle: all nodal equations as one dense matrix, Gaussian elimination with pivoting.

import type { Conductances, WireOptions } from "../../../lib/circuit/wires/options.ts";

/** Voltages at each cell and output currents. */
export interface DenseSolution {
  readonly word: number[];
  readonly bit: number[];
  readonly outputs: number[];
}

/** Unknowns are node voltages and the currents of every segment: Kirchhoff's law at each node, Ohm's as ΔV = R I, so that R may be 0. */
export function denseWires({ shape, data }: Conductances, inputs: ArrayLike<number>, options: WireOptions): DenseSolution {
  const [rows = 0, columns = 0] = shape, { wordLine, bitLine, source = 0, terminal = 0, driven = "first", sensed = "last" } = options;
  const group = options.interleaved ? 2 : 1, bits = rows / group, cells = rows * columns, bitCells = bits * columns;
  const word = (row: number, column: number) => row * columns + column;
  const bit = (row: number, column: number) => cells + row * columns + column;
  const unknowns = 2 * (cells + bitCells), currents = cells + bitCells;
  const matrix = Array.from({ length: unknowns }, () => new Float64Array(unknowns + 1));
  const add = (equation: number, unknown: number, value: number) => matrix[equation]![unknown]! += value;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const u = word(row, column), v = bit(Math.floor(row / group), column), g = data[row * columns + column]!;
      // Cell current leaves u and enters v.
      add(u, u, g);
      add(u, v, -g);
      add(v, v, g);
      add(v, u, -g);
      // The segment that feeds u carries current `unknown currents + u` into it.
      const feed = driven === "first" ? column - 1 : column + 1, first = feed < 0 || feed >= columns, segment = currents + u;
      add(u, segment, -1);
      if (!first) add(word(row, feed), segment, 1);
      add(segment, u, 1);
      add(segment, segment, first ? wordLine + source : wordLine);
      if (first) add(segment, unknowns, inputs[row]!);
      else add(segment, word(row, feed), -1);
    }
  }
  for (let row = 0; row < bits; row++) {
    for (let column = 0; column < columns; column++) {
      const v = bit(row, column), next = sensed === "last" ? row + 1 : row - 1, last = next < 0 || next >= bits, segment = currents + v;
      add(v, segment, 1);
      if (!last) add(bit(next, column), segment, -1);
      add(segment, v, 1);
      add(segment, segment, -(last ? bitLine + terminal : bitLine));
      if (!last) add(segment, bit(next, column), -1);
    }
  }
  const x = gauss(matrix), end = sensed === "last" ? bits - 1 : 0;
  return {
    word: x.slice(0, cells),
    bit: Array.from({ length: cells }, (_, cell) => x[bit(Math.floor(Math.floor(cell / columns) / group), cell % columns)]!),
    outputs: Array.from({ length: columns }, (_, column) => x[currents + bit(end, column)]!),
  };
}

function gauss(matrix: Float64Array[]): number[] {
  const size = matrix.length;
  for (let k = 0; k < size; k++) {
    let best = k;
    for (let row = k + 1; row < size; row++) if (Math.abs(matrix[row]![k]!) > Math.abs(matrix[best]![k]!)) best = row;
    [matrix[k], matrix[best]] = [matrix[best]!, matrix[k]!];
    for (let row = k + 1; row < size; row++) {
      const factor = matrix[row]![k]! / matrix[k]![k]!;
      if (factor !== 0) { for (let column = k; column <= size; column++) matrix[row]![column]! -= factor * matrix[k]![column]!; }
    }
  }
  const x = new Array<number>(size).fill(0);
  for (let k = size - 1; k >= 0; k--) {
    let sum = matrix[k]![size]!;
    for (let column = k + 1; column < size; column++) sum -= matrix[k]![column]! * x[column]!;
    x[k] = sum / matrix[k]![k]!;
  }
  return x;
}
