// Shards on the cores of this machine, in processes of their own: a job that crashes, leaks or is killed takes one shard down, which is run again.

import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import type { Runner, RunnerContext, RunnerSession, ShardTask } from "../runner.ts";
import { WorkerProcess } from "./worker_process.ts";

/** Options of {@linkcode localRunner}. */
export interface LocalRunnerOptions {
  /** Processes; default one per core. */
  readonly workers?: number;
  /** Flags of `deno run` for the workers: permissions, `--config`, `--v8-flags`. Default `["-A"]`. */
  readonly flags?: readonly string[];
  /** Further environment variables of the workers; default none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds a shard may take before it is stopped and counted as failed; default no limit. */
  readonly timeout?: number;
  /** Workers that may die over one shard before it is counted as failed; default 3. */
  readonly deaths?: number;
  /** Called with the identifiers of the worker processes whenever they change; default nothing. */
  readonly onWorkers?: (pids: readonly number[]) => void;
}

const ACTION = "run shards on this machine";

/**
 * Runs shards in processes on this machine. A worker that dies is replaced, and its shard goes to the next worker that is free.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { localRunner } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(localRunner({ workers: 4, timeout: 600 }).name, "local");
 * ```
 */
export function localRunner(options: LocalRunnerOptions = {}): Runner {
  checkOptions(ACTION, "local", options, ["workers", "flags", "env", "timeout", "deaths", "onWorkers"]);
  const { workers = navigator.hardwareConcurrency, flags = ["-A"], env = {}, timeout = Infinity, deaths = 3, onWorkers } = options;
  for (const [where, value] of Object.entries({ workers, deaths })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new OptionError(ACTION, { where: `local.${where}`, got: value, wanted: "a positive integer" });
  }
  if (!(timeout > 0)) throw new OptionError(ACTION, { where: "local.timeout", got: timeout, wanted: "seconds above 0" });
  return {
    name: "local",
    open(context) {
      const pool = Array.from({ length: workers }, () => new WorkerProcess({ flags, env, timeout }));
      return new LocalSession(pool, context, deaths, onWorkers);
    },
  };
}

class LocalSession implements RunnerSession {
  readonly #pool: readonly WorkerProcess[];
  readonly #context: RunnerContext;
  readonly #deaths: number;
  readonly #onWorkers: LocalRunnerOptions["onWorkers"];

  constructor(pool: readonly WorkerProcess[], context: RunnerContext, deaths: number, onWorkers: LocalRunnerOptions["onWorkers"]) {
    this.#pool = pool;
    this.#context = context;
    this.#deaths = deaths;
    this.#onWorkers = onWorkers;
  }

  async run(tasks: readonly ShardTask[]): Promise<void> {
    const { signal } = this.#context, queue = [...tasks].reverse(), deaths = new Map<number, number>();
    let pids = "";
    const work = async (worker: WorkerProcess) => {
      for (let task = queue.pop(); task !== undefined && !signal.aborted; task = queue.pop()) {
        const { shard, attempt } = task, running = worker.run(task, (share) => this.#context.report(shard, share));
        const now = this.#pool.flatMap(({ pid }) => pid ?? []);
        if (now.join() !== pids) this.#onWorkers?.(now);
        pids = now.join();
        const ending = await running;
        if (signal.aborted) return;
        if ("outcome" in ending) await this.#context.settle(ending.outcome);
        else {
          const count = (deaths.get(shard) ?? 0) + 1;
          deaths.set(shard, count);
          if (count >= this.#deaths) await this.#context.settle({ shard, attempt, seconds: 0, error: ending.died });
          else {
            this.#context.lost(shard);
            queue.push(task);
          }
        }
      }
    };
    const stop = () => {
      for (const worker of this.#pool) worker.stop();
      grace = setTimeout(() => this.#pool.forEach((worker) => worker.kill()), 1000);
    };
    let grace: ReturnType<typeof setTimeout> | undefined;
    signal.addEventListener("abort", stop, { once: true });
    try {
      await Promise.all(this.#pool.slice(0, tasks.length).map(work));
    } finally {
      signal.removeEventListener("abort", stop);
      clearTimeout(grace);
    }
    signal.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pool.map((worker) => worker[Symbol.asyncDispose]()));
  }
}
