// Line resistance: one large array on one thread, from conductances to the matrix that simulations use, and many arrays on all threads.

import { effectiveConductances } from "../lib/circuit/wires/many.ts";
import type { Conductances } from "../lib/circuit/wires/options.ts";
import { uniform } from "../lib/random.ts";
import type { Benchmark } from "./measure.ts";

/** 1 Ω per segment, cells between 10 and 1 kΩ. */
const WIRES = { wordLine: 1, bitLine: 1 };

function cells(size: number, seed: number): Conductances {
  return { shape: [size, size], data: Float64Array.from({ length: size * size }, (_, at) => 1e-3 * (0.1 + 0.9 * uniform(seed, at))) };
}

/** Milliseconds per array; the first starts a pool of its own in every call. */
export const wireBenchmarks: readonly Benchmark[] = [
  {
    group: "wires",
    name: "effective conductances of 256×256, 1 Ω, 1 kΩ, one thread",
    unit: "ms",
    open() {
      const arrays = [cells(256, 1)];
      return Promise.resolve({
        call: () => effectiveConductances(arrays, WIRES, { threads: 1 }),
        value: (seconds) => 1000 * seconds,
      });
    },
  },
  {
    group: "wires",
    name: "effective conductances of 16 arrays 128×128, per array",
    unit: "ms",
    open({ pool }) {
      const arrays = Array.from({ length: 16 }, (_, seed) => cells(128, seed));
      return Promise.resolve({
        call: () => effectiveConductances(arrays, WIRES, { pool }),
        value: (seconds) => 1000 * seconds / arrays.length,
      });
    },
  },
];
