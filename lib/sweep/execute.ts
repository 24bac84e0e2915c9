// Runs one shard in the process at hand and turns whatever happens into an outcome; every kind of worker ends up here.

import type { Json } from "../device/device.ts";
import { NumericError } from "../errors.ts";
import { loadJob, type SweepFunction } from "./job.ts";
import type { Outcome, ShardTask } from "./runner.ts";

/** A function that runs shards, loading each job's module once. */
export function shardExecutor(): (task: ShardTask, signal: AbortSignal, report: (share: number) => void) => Promise<Outcome> {
  const loaded = new Map<string, Promise<SweepFunction>>();
  return async (task, signal, report) => {
    const { shard, attempt, job } = task, started = performance.now(), key = `${job.digest} ${job.name} ${job.module}`;
    const seconds = () => Math.round(performance.now() - started) / 1000;
    try {
      const load = loaded.get(key) ?? loadJob(job);
      loaded.set(key, load);
      const result: unknown = await (await load)(task.point, { shard, seed: task.seed, signal, report });
      checkJson(result, "result", new Set());
      return { shard, attempt, seconds: seconds(), result: result as Json };
    } catch (error) {
      return { shard, attempt, seconds: seconds(), error: errorText(error) };
    }
  };
}

/** An error as a line or a few: name, message and where it was thrown. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const text = error.stack ?? `${error.name}: ${error.message}`;
  return text.split("\n").slice(0, 6).join("\n").slice(0, 2000);
}

/** Refuses what JSON would drop or change in silence. @throws {NumericError | TypeError} naming the place. */
function checkJson(value: unknown, path: string, within: Set<unknown>): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return;
    throw new NumericError("keep a shard's result", { where: path, got: value, wanted: "finite numbers" });
  }
  const plain = typeof value === "object" && (Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value)));
  if (!plain || within.has(value)) {
    const got = within.has(value) ? "a cycle" : typeof value === "object" ? value!.constructor.name : typeof value;
    throw new TypeError(`Cannot keep a shard's result (${path}): got ${got}, wanted what JSON holds`);
  }
  within.add(value);
  for (const [name, part] of Object.entries(value as object)) checkJson(part, `${path}.${name}`, within);
  within.delete(value);
}
