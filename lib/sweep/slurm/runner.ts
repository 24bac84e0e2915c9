// Shards as Slurm job arrays: a script is written and submitted, results are gathered from the shared folder while the array runs.

import { OptionError } from "../../errors.ts";
import { writeAtomic } from "../../io/atomic.ts";
import { checkOptions } from "../../options.ts";
import { pause } from "../pause.ts";
import type { Runner, RunnerContext, RunnerSession, ShardTask } from "../runner.ts";
import { listErrors, listShards, readError, readShard } from "../store.ts";
import { cancel, jobsNamed, submit, tasksLeft } from "./commands.ts";
import { slurmScript } from "./script.ts";

/** Options of {@linkcode slurmRunner}. */
export interface SlurmRunnerOptions {
  /** Partition; default Slurm's. */
  readonly partition?: string;
  /** Account to charge; default Slurm's. */
  readonly account?: string;
  /** Time limit of an array task, as sbatch takes it: `1:30:00`; default Slurm's. */
  readonly time?: string;
  /** Memory of an array task, as sbatch takes it: `4G`; default Slurm's. */
  readonly memory?: string;
  /** Cores of an array task; default 1. */
  readonly cpus?: number;
  /** Array tasks that may run at once; default no limit. */
  readonly atOnce?: number;
  /** Shards per array task; default as many as keep the array within `largest`. */
  readonly chunk?: number;
  /** Most tasks of an array (Slurm's MaxArraySize less 1); default 1000. */
  readonly largest?: number;
  /** Further lines for sbatch, such as `--constraint=avx2`; default none. */
  readonly directives?: readonly string[];
  /** Lines of shell before the shards, such as `module load deno`; default none. */
  readonly setup?: readonly string[];
  /** Flags of `deno run`; default `["-A"]`. */
  readonly flags?: readonly string[];
  /** Path of deno on the nodes; default the path here. */
  readonly deno?: string;
  /** Seconds between looks at the queue and the folder; default 5. */
  readonly poll?: number;
  /** Arrays a shard may vanish from before it is counted as failed; default 3. */
  readonly deaths?: number;
  /** Called with the number of each job submitted; default nothing. */
  readonly onSubmit?: (job: string) => void;
}

const ACTION = "run shards with Slurm";
const NAMES = [
  ...[
    "partition",
    "account",
    "time",
    "memory",
    "cpus",
    "atOnce",
    "chunk",
    "largest",
    "directives",
    "setup",
    "flags",
    "deno",
    "poll",
    "deaths",
  ],
  "onSubmit",
] as const;

/**
 * Runs shards as Slurm job arrays. The sweep's folder must be on a file system that nodes share, and the job's module readable there. Scripts, lists of
 * shards and logs are kept in `folder`/slurm. Shards whose array task was killed are submitted again; a sweep that was killed itself waits for
 * the arrays it had submitted before it submits what is missing; one that is stopped cancels its array.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { slurmRunner } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(slurmRunner({ partition: "main", time: "30:00", memory: "2G", atOnce: 64 }).name, "slurm");
 * ```
 */
export function slurmRunner(options: SlurmRunnerOptions = {}): Runner {
  checkOptions(ACTION, "slurm", options, NAMES);
  const { cpus, atOnce, chunk, largest, deaths, poll = 5 } = options;
  for (const [where, value] of Object.entries({ cpus, atOnce, chunk, largest, deaths })) {
    if (value === undefined || Number.isInteger(value) && value >= 1) continue;
    throw new OptionError(ACTION, { where: `slurm.${where}`, got: value, wanted: "a positive integer" });
  }
  for (const [where, value] of Object.entries(options)) {
    for (const text of [value].flat()) {
      if (typeof text !== "string" || where === "setup" || !/[\n\r]/.test(text)) continue;
      throw new OptionError(ACTION, { where: `slurm.${where}`, got: text, wanted: "one line" });
    }
  }
  if (!(poll > 0)) throw new OptionError(ACTION, { where: "slurm.poll", got: poll, wanted: "seconds above 0" });
  return { name: "slurm", open: (context) => new SlurmSession(context, options) };
}

class SlurmSession implements RunnerSession {
  readonly #context: RunnerContext;
  readonly #options: SlurmRunnerOptions;

  constructor(context: RunnerContext, options: SlurmRunnerOptions) {
    this.#context = context;
    this.#options = options;
  }

  async run(tasks: readonly ShardTask[]): Promise<void> {
    const { signal, folder, sweep } = this.#context, { deaths = 3 } = this.#options, name = `bitline-${sweep.slice(0, 12)}`;
    const open = new Map(tasks.map((task) => [task.shard, task]));
    await Deno.mkdir(`${folder}/slurm`, { recursive: true });
    for (const job of await jobsNamed(name)) await this.#follow(job, open);
    for (let time = 1; open.size > 0; time++) {
      signal.throwIfAborted();
      const job = await this.#submit(name, [...open.values()]);
      await this.#follow(job, open);
      for (const { shard, attempt } of [...open.values()]) {
        if (time < deaths) this.#context.lost(shard);
        else {
          open.delete(shard);
          const error = `no result from ${time} array tasks, the last of job ${job}; see slurm/${job}_*.log`;
          await this.#context.settle({ shard, attempt, seconds: 0, error });
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #submit(name: string, tasks: readonly ShardTask[]): Promise<string> {
    const { folder } = this.#context, { largest = 1000 } = this.#options, chunk = this.#options.chunk ?? Math.ceil(tasks.length / largest);
    const base = `slurm/${new Date().toISOString().replace(/\D/g, "").slice(0, 14)}-${crypto.randomUUID().slice(0, 8)}`;
    const count = Math.ceil(tasks.length / chunk);
    await writeAtomic(`${folder}/${base}.json`, JSON.stringify(tasks));
    await writeAtomic(`${folder}/${base}.sh`, slurmScript({ name, count, chunk, tasks: `${base}.json` }, this.#options));
    const job = await submit(`${folder}/${base}.sh`, folder);
    this.#options.onSubmit?.(job);
    return job;
  }

  /** Gathers until a job has ended; takes settled tasks out of `open`. */
  async #follow(job: string, open: Map<number, ShardTask>): Promise<void> {
    const { signal } = this.#context, wait = (this.#options.poll ?? 5) * 1000;
    for (let ended = false; open.size > 0;) {
      if (signal.aborted) {
        await cancel(job);
        signal.throwIfAborted();
      }
      await this.#gather(open);
      if (ended) return;
      await pause(wait, signal);
      // Once more after its end: files of other machines may be seen late.
      ended = !signal.aborted && await tasksLeft(job) === 0;
    }
  }

  async #gather(open: Map<number, ShardTask>): Promise<void> {
    const { folder } = this.#context, shards = await listShards(folder), errors = await listErrors(folder);
    for (const task of [...open.values()]) {
      const { shard, attempt } = task, record = shards.has(shard) ? await readShard(folder, task) : undefined;
      const failure = record === undefined && errors.has(`${shard}.${attempt}`) ? await readError(folder, shard, attempt) : undefined;
      if (record !== undefined) {
        await this.#context.settle({ shard, attempt: record.attempt, seconds: record.seconds, result: record.result }, true);
      } else if (failure !== undefined) await this.#context.settle({ shard, attempt, seconds: 0, error: failure.error }, true);
      else continue;
      open.delete(shard);
    }
  }
}
