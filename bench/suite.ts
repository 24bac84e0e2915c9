// Every benchmark by group, and what they share.

import { ThreadPool } from "../lib/cpu/pool.ts";
import { cpuBackend } from "../lib/simulate/cpu/backend.ts";
import { analogBenchmarks } from "./analog.ts";
import { kernelBenchmarks } from "./kernels.ts";
import { layerBenchmarks } from "./layers.ts";
import { limitsOf } from "./limits.ts";
import { mappingBenchmarks } from "./mapping.ts";
import type { Benchmark, Machine } from "./measure.ts";
import { networkBenchmarks } from "./networks.ts";
import { processBenchmarks } from "./processes.ts";
import { trainingBenchmarks } from "./training.ts";
import { wireBenchmarks } from "./wires.ts";

/** In the order of the table; the scaling table is apart (scaling.ts). */
export const BENCHMARKS: readonly Benchmark[] = [
  ...kernelBenchmarks,
  ...layerBenchmarks,
  ...analogBenchmarks,
  ...networkBenchmarks,
  ...trainingBenchmarks,
  ...mappingBenchmarks,
  ...wireBenchmarks,
  ...processBenchmarks,
];

/** Starts the threads. */
export async function openMachine(options: { readonly threads?: number; readonly seconds: number }): Promise<Machine & AsyncDisposable> {
  const threads = options.threads ?? navigator.hardwareConcurrency;
  const pool = await ThreadPool.create({ threads }), backend = await cpuBackend({ threads });
  return {
    threads,
    pool,
    backend,
    limits: await limitsOf(pool),
    seconds: options.seconds,
    async [Symbol.asyncDispose]() {
      await backend[Symbol.asyncDispose]();
      pool[Symbol.dispose]();
    },
  };
}

/** Registers a group with `deno bench`, for its own table and flags; benchmarks of processes are left out. */
export function register(benchmarks: readonly Benchmark[]): void {
  let machine: Promise<Machine> | undefined;
  for (const benchmark of benchmarks) {
    if (!("open" in benchmark)) continue;
    let call: (() => unknown | Promise<unknown>) | undefined;
    Deno.bench({
      name: benchmark.name,
      group: benchmark.group,
      n: 5,
      warmup: 1,
      fn: async (bench) => {
        call ??= (await benchmark.open(await (machine ??= openMachine({ seconds: 0 })))).call;
        bench.start();
        await call();
        bench.end();
      },
    });
  }
}
