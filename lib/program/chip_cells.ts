// All arrays of a chip that have wires, solved on all cores before the chip is lowered.

import { effectiveConductances } from "../circuit/wires/many.ts";
import type { Conductances, WireOptions } from "../circuit/wires/options.ts";
import type { EffectiveConductance } from "../circuit/wires/solve.ts";
import { ThreadPool } from "../cpu/pool.ts";
import { type ArrayCells, combineCells, matrices, scaled } from "./array_cells.ts";
import { chipSeed, type ProgrammedNetwork } from "./program.ts";
import { writeArray } from "./write.ts";

/** Cells of the arrays of a chip, by layer, in the order of the layer's arrays; layers without wires are left out. */
export type WiredCells = ReadonlyMap<string, readonly ArrayCells[]>;

/** Folds the wires of many arrays; matrices in siemens. */
export type WireSolver = (arrays: readonly Conductances[], wires: WireOptions) => Promise<readonly EffectiveConductance[]>;

/** How {@linkcode chipCells} works. */
export interface ChipCellsOptions {
  /** Number of the chip; default 0. */
  readonly chip?: number;
  /** Solver; default `effectiveConductances` on `threads` threads. */
  readonly solve?: WireSolver;
  /** Threads of the default solver; default all cores. */
  readonly threads?: number;
  /** Stops the work between rounds of arrays. */
  readonly signal?: AbortSignal;
  /** Layers made before, for another chip that is like this one there; taken over as they are. Default none. */
  readonly known?: WiredCells;
  /** Called with arrays done and to do. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Arrays solved at once. */
const ROUND = 64;

/**
 * Makes the cells of all layers with wires, as `arrayCells` does one by one. Memory: 4 bytes per cell of a slice, 8 where readings vary.
 *
 * @throws {NumericError} if wires cannot be solved.
 * @throws The signal's reason if it is aborted.
 */
export async function chipCells(programmed: ProgrammedNetwork, options: ChipCellsOptions = {}): Promise<WiredCells> {
  const { chip = 0, threads, signal, known, onProgress } = options, { mapped, layers } = programmed;
  const names = Object.keys(mapped.layers), wired = names.filter((name) => layers[name]!.wires !== undefined && !known?.has(name));
  const found = new Map<string, readonly ArrayCells[]>(known),
    total = wired.reduce((sum, name) => sum + mapped.layers[name]!.arrays.length, 0);
  if (total === 0) return found;
  const pool = options.solve === undefined ? await ThreadPool.create(threads === undefined ? {} : { threads }) : undefined;
  const solve = options.solve ?? ((arrays, wires) => effectiveConductances(arrays, wires, { pool: pool! }));
  try {
    let done = 0;
    for (const name of wired) {
      const layer = mapped.layers[name]!, physics = layers[name]!, siemens = physics.gMax! * 1e-6, cells: ArrayCells[] = [];
      const place = { seed: chipSeed(programmed, chip), layer: names.indexOf(name) };
      found.set(name, cells);
      for (let first = 0; first < layer.arrays.length; first += ROUND) {
        signal?.throwIfAborted();
        const round = layer.arrays.slice(first, first + ROUND).map((array, at) =>
          writeArray(layer, array, physics, { ...place, array: first + at })
        );
        const wanted = round.map((written) => matrices(written, physics));
        const solved = await solve(
          wanted.flatMap((list, at) =>
            list.map((data): Conductances => ({ shape: [round[at]!.rows, round[at]!.width], data: scaled(data, siemens) }))
          ),
          physics.wires!,
        );
        let next = 0;
        for (const [at, list] of wanted.entries()) {
          const seen = list.map(() => scaled(solved[next++]!.conductances.data, 1 / siemens));
          cells.push(combineCells(layer, physics, first + at, round[at]!, seen));
        }
        done += round.length;
        onProgress?.(done, total);
      }
    }
    return found;
  } finally {
    pool?.[Symbol.dispose]();
  }
}
