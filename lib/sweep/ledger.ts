// What is done, what is under way and what has failed; hands the rest to the runner, round after round.

import { BitlineError } from "../errors.ts";
import type { Outcome, Runner, RunnerContext, RunnerSession, ShardTask } from "./runner.ts";
import { listShards, readErrors, readShard, type ShardError, type ShardRecord, writeOutcome } from "./store.ts";

const ACTION = "run the sweep";

/** How far a sweep is. */
export interface SweepProgress {
  /** Shards with a result. */
  readonly done: number;
  /** Shards in all. */
  readonly total: number;
  /** Shards given up. */
  readonly failed: number;
  /** Done work as a share, 0 to 1, shards under way included as far as they report. */
  readonly share: number;
  /** Shards run again because their worker was lost. */
  readonly lost: number;
}

/** What a ledger is opened with; the rest as in `SweepOptions`. */
export interface LedgerOptions {
  /** Hash of the sweep. */
  readonly sweep: string;
  /** Shards in all. */
  readonly total: number;
  /** Where shards run. */
  readonly runner: Runner;
  /** Failed attempts after which the sweep stops. */
  readonly mostErrors: number;
  /** Stops the sweep. */
  readonly signal?: AbortSignal;
  /** Called whenever something changed. */
  readonly onProgress?: (progress: SweepProgress) => void;
}

/** A shard that is to have a result, whatever attempt gives it. */
export type Wanted = Omit<ShardTask, "attempt">;

/** Counts of one call, and the shards given up. */
export interface LedgerCounts {
  /** Shards that were done before. */
  readonly resumed: number;
  /** Failed attempts. */
  readonly errors: number;
  /** Shards run again because their worker was lost. */
  readonly lost: number;
  /** Outcomes that came a second time. */
  readonly duplicates: number;
  /** Last errors of the shards given up. */
  readonly failed: readonly ShardError[];
}

/** The state of one call. */
export interface Ledger extends AsyncDisposable {
  /** Runs what is not done yet; gives the records in order, undefined where a shard was given up. */
  round(wanted: readonly Wanted[], retries: number): Promise<readonly (ShardRecord | undefined)[]>;
  /** Counts so far. */
  counts(): LedgerCounts;
}

/** Keeps count of what is done, and hands the rest to the runner round after round. */
export async function openLedger(folder: string, options: LedgerOptions): Promise<Ledger> {
  const { sweep, total, runner, mostErrors, onProgress } = options;
  const control = new AbortController(),
    signal = AbortSignal.any([control.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const counts = { resumed: 0, errors: 0, lost: 0, duplicates: 0 }, failed: ShardError[] = [], shares = new Map<number, number>();
  const attempts = new Map<number, number>(), open = new Map<number, ShardTask>(), records = new Map<number, ShardRecord>();
  for (const { shard, attempt } of await readErrors(folder)) attempts.set(shard, Math.max(attempt, attempts.get(shard) ?? 0));
  const errors = new Map<number, ShardError>();
  let session: RunnerSession | undefined;

  const tell = () => {
    const under = [...shares.values()].reduce((sum, share) => sum + share, 0), done = records.size;
    onProgress?.({ done, total, failed: failed.length, lost: counts.lost, share: Math.min(1, (done + failed.length + under) / total) });
  };
  const context: RunnerContext = {
    sweep,
    folder,
    signal,
    async settle(outcome: Outcome, stored = false) {
      const { shard, attempt, seconds, result, error } = outcome, task = open.get(shard);
      if (task === undefined || result === undefined && attempt !== task.attempt) return void counts.duplicates++;
      open.delete(shard);
      if (!stored) await writeOutcome(folder, task, outcome);
      shares.delete(shard);
      if (result !== undefined) records.set(shard, { shard, point: task.point, seed: task.seed, result, attempt, seconds });
      else {
        counts.errors++;
        attempts.set(shard, attempt);
        errors.set(shard, { shard, point: task.point, attempt, error: error ?? "no reason given" });
        if (counts.errors > mostErrors) {
          control.abort(
            new BitlineError(ACTION, {
              where: `shard ${shard}`,
              got: `${counts.errors} failed attempts, the last: ${error}`,
              wanted: `at most ${mostErrors}`,
            }),
          );
        }
      }
      tell();
    },
    report(shard, share) {
      if (!open.has(shard) || !(share >= 0)) return;
      shares.set(shard, Math.min(1, share));
      tell();
    },
    lost(shard) {
      counts.lost++;
      shares.delete(shard);
      tell();
    },
  };

  return {
    async round(wanted, retries) {
      const there = await listShards(folder);
      for (const task of wanted) {
        const record = there.has(task.shard) ? await readShard(folder, task) : undefined;
        if (record === undefined) continue;
        records.set(task.shard, record);
        counts.resumed++;
      }
      tell();
      let left = wanted.filter(({ shard }) => !records.has(shard));
      for (let round = 0; round <= retries && left.length > 0; round++) {
        signal.throwIfAborted();
        const tasks = left.map((task) => ({ ...task, attempt: (attempts.get(task.shard) ?? 0) + 1 }));
        for (const task of tasks) open.set(task.shard, task);
        session ??= await runner.open(context);
        await session.run(tasks);
        signal.throwIfAborted();
        if (open.size > 0) {
          throw new BitlineError(ACTION, { where: runner.name, got: `${open.size} shards left open`, wanted: "every shard settled" });
        }
        left = left.filter(({ shard }) => !records.has(shard));
      }
      for (const { shard } of left) failed.push(errors.get(shard)!);
      tell();
      return wanted.map(({ shard }) => records.get(shard));
    },
    counts: () => ({ ...counts, failed }),
    async [Symbol.asyncDispose]() {
      await session?.[Symbol.asyncDispose]();
    },
  };
}
