// What the sweep asks of a runner: settle every task once. Retries, rungs and files are the sweep's own affair, so that all runners agree on them.

import type { Json } from "../device/device.ts";
import type { Point } from "./axes.ts";
import type { ResolvedJob } from "./job.ts";

/** One attempt at one shard, complete in itself: it can be sent anywhere. */
export interface ShardTask {
  /** Hash of the sweep it belongs to. */
  readonly sweep: string;
  /** Number of the shard, from 0. */
  readonly shard: number;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** What to compute. */
  readonly point: Point;
  /** Seed of the shard. */
  readonly seed: number;
  /** Where the function is. */
  readonly job: ResolvedJob;
}

/** What came of one attempt: a result or an error. */
export interface Outcome {
  /** Number of the shard. */
  readonly shard: number;
  /** Number of the attempt. */
  readonly attempt: number;
  /** Seconds the job ran. */
  readonly seconds: number;
  /** What the job returned; absent if it failed. */
  readonly result?: Json;
  /** Why there is no result. */
  readonly error?: string;
}

/** What a runner works with. */
export interface RunnerContext {
  /** Hash of the sweep, 64 hexadecimal digits. */
  readonly sweep: string;
  /** Folder of the sweep, absolute. */
  readonly folder: string;
  /** Told to stop. */
  readonly signal: AbortSignal;
  /**
   * Keeps an outcome; `stored` says that the worker has written its file into the folder already. Later outcomes of a settled shard are ignored and
   * counted as duplicates.
   */
  settle(outcome: Outcome, stored?: boolean): Promise<void>;
  /** Says how far a shard is, 0 to 1. */
  report(shard: number, share: number): void;
  /** Says that a shard is run again because its worker was lost. */
  lost(shard: number): void;
}

/** Somewhere to run shards. */
export interface Runner {
  /** Name, for messages. */
  readonly name: string;
  /** Opens what it needs for one sweep. */
  open(context: RunnerContext): Promise<RunnerSession> | RunnerSession;
}

/** A runner at work on one sweep. */
export interface RunnerSession extends AsyncDisposable {
  /** Runs tasks in any order and settles each exactly once; returns when all are settled, and rejects when told to stop. */
  run(tasks: readonly ShardTask[]): Promise<void>;
}
