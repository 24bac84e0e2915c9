// Remedies against stuck cells: rows that trade places within an array, and spare columns that take the place of the worst ones.

import { programArray } from "../device/array.ts";
import type { ChipCells } from "../device/array.ts";
import type { Device } from "../device/device.ts";
import { assign } from "./assign.ts";

/** Where the rows and columns of an array stand. */
export interface Arrangement {
  /** Word line of each row. */
  readonly lines: Int32Array;
  /** Bit line of each column; spares are numbered after the columns. */
  readonly bitLines: Int32Array;
}

/** What is wanted of an array. */
export interface Wanted {
  /** Rows in use. */
  readonly rows: number;
  /** Physical columns in use. */
  readonly columns: number;
  /** Conductances, `[rows][columns]`. */
  readonly targets: Float64Array;
  /** What a squared error in a cell of each column costs: the squared factor of its slice, and for a shared column that of all who share it. */
  readonly importance: Float64Array;
}

/** Every row and column in its own place. */
export function natural(rows: number, columns: number): Arrangement {
  return { lines: Int32Array.from({ length: rows }, (_, row) => row), bitLines: Int32Array.from({ length: columns }, (_, at) => at) };
}

/**
 * Conductances of cells that do not follow what is written, NaN for all others: cells that end in the same state whether the lowest or the highest is
 * written to them, other errors aside, as a test of a new chip finds them.
 */
export function stuckCells(device: Device, count: number, cells: ChipCells): Float64Array {
  const { program } = device;
  if (program === undefined) return new Float64Array(count).fill(NaN);
  const quiet: Device = {
    ...device,
    program: (target, draw) => program(target, (kind) => kind === "fault" ? draw(kind) : kind === "normal" ? 0 : 0.5),
  };
  const low = programArray(quiet, new Float64Array(count).fill(device.gMin), cells);
  const high = programArray(quiet, new Float64Array(count).fill(1), cells);
  for (let cell = 0; cell < count; cell++) if (low[cell] !== high[cell]) low[cell] = NaN;
  return low;
}

/**
 * Arranges an array around its stuck cells: first rows, by an assignment of least total cost, then columns, the worst first, each to the spare that
 * serves it best, if that is better than its own place. Cost is Σ importance · (stuck − wanted)².
 *
 * @param stuck Of the array's own cells, `[rows][columns]`, and of the spares, `[rows][spares]`, from {@linkcode stuckCells}.
 */
export function arrange(
  wanted: Wanted,
  stuck: { readonly own: Float64Array; readonly spare: Float64Array },
  options: { readonly remap: boolean; readonly spareColumns: number },
): Arrangement {
  const { rows, columns, targets, importance } = wanted, { spareColumns: spares } = options;
  const { lines, bitLines } = natural(rows, columns);
  if (options.remap && stuck.own.some((g) => g === g)) lines.set(assign(rowCosts(wanted, stuck.own), rows));
  const cost = (column: number, faults: Float64Array, wide: number, at: number) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      const g = faults[lines[row]! * wide + at]!;
      if (g === g) sum += (g - targets[row * columns + column]!) ** 2;
    }
    return importance[column]! * sum;
  };
  const free = new Set(Array.from({ length: spares }, (_, spare) => spare));
  const worst = Array.from(
    { length: columns },
    (_, column) => ({ column, own: spares === 0 ? 0 : cost(column, stuck.own, columns, column) }),
  )
    .filter(({ own }) => own > 0).sort((a, b) => b.own - a.own || a.column - b.column);
  for (const { column, own } of worst) {
    let best = -1, least = own;
    for (const spare of free) {
      const here = cost(column, stuck.spare, spares, spare);
      if (here < least) [best, least] = [spare, here];
    }
    if (best < 0) continue;
    free.delete(best);
    bitLines[column] = columns + best;
  }
  return { lines, bitLines };
}

/** `[rows][word lines]`: cost of each row on each word line. */
function rowCosts({ rows, columns, targets, importance }: Wanted, stuck: Float64Array): Float64Array {
  const costs = new Float64Array(rows * rows);
  for (let line = 0; line < rows; line++) {
    for (let column = 0; column < columns; column++) {
      const g = stuck[line * columns + column]!;
      if (g !== g) continue;
      for (let row = 0; row < rows; row++) costs[row * rows + line]! += importance[column]! * (g - targets[row * columns + column]!) ** 2;
    }
  }
  return costs;
}
