// How everything here is timed: best of several calls within a time budget, alternating with the limit it is compared with.

import type { ThreadPool } from "../lib/cpu/pool.ts";
import type { Backend } from "../lib/simulate/backend.ts";
import type { Limit, LimitName } from "./limits.ts";

/** What benchmarks share: one thread pool for register loops and training, one CPU backend. */
export interface Machine {
  readonly threads: number;
  readonly pool: ThreadPool;
  readonly backend: Backend;
  readonly limits: Readonly<Record<LimitName, Limit>>;
  /** Seconds to spend on one row. */
  readonly seconds: number;
}

/** One line of the result. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the machine could do at best, in the same unit, measured in turn with the value. */
  readonly limit?: number;
  /** value / limit. */
  readonly share?: number;
  /** What the limit is. */
  readonly against?: string;
}

/** Work made ready: a call to time. */
export interface Running {
  /** One call. */
  readonly call: () => unknown | Promise<unknown>;
  /** The value that a call of so many seconds means. */
  readonly value: (seconds: number) => number;
  /** A call that shows the limit, and the value it means. */
  readonly limit?: { readonly name: string; readonly call: () => unknown | Promise<unknown>; readonly value: (seconds: number) => number };
  /** Frees what the benchmark holds. */
  readonly close?: () => Promise<void>;
}

/** One benchmark: timed calls in this process, or rows measured in processes of its own. */
export type Benchmark =
  & { readonly group: string; readonly name: string; readonly unit: string }
  & ({ readonly open: (machine: Machine) => Promise<Running> } | { readonly measure: () => Promise<number> });

/** Seconds of one call. */
export async function timed(call: () => unknown | Promise<unknown>): Promise<number> {
  const start = performance.now();
  await call();
  return (performance.now() - start) / 1000;
}

/** Runs one benchmark. */
export async function measure(benchmark: Benchmark, machine: Machine): Promise<Row> {
  const name = `${benchmark.group}: ${benchmark.name}`, { unit } = benchmark;
  if ("measure" in benchmark) return { name, value: await benchmark.measure(), unit };
  const running = await benchmark.open(machine), { limit } = running;
  try {
    // The first call compiles and fills caches; two are timed at least.
    await running.call();
    await limit?.call();
    let best = Infinity, fastest = Infinity;
    const end = performance.now() + 1000 * machine.seconds;
    for (let round = 0; round < 2 || performance.now() < end; round++) {
      best = Math.min(best, await timed(running.call));
      if (limit !== undefined) fastest = Math.min(fastest, await timed(limit.call));
    }
    const value = running.value(best);
    if (limit === undefined) return { name, value, unit };
    const most = limit.value(fastest);
    return { name, value, unit, limit: most, share: value / most, against: limit.name };
  } finally {
    await running.close?.();
  }
}

/** Units per second of calls that do so many units each. */
export function rate(perCall: number): (seconds: number) => number {
  return (seconds) => perCall / seconds;
}
