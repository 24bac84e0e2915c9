// Every point of a space through one function, on this machine or on many: this file decides what is to be run, runners only run it.

import type { Json } from "../device/device.ts";
import { OptionError } from "../errors.ts";
import { writeAtomic } from "../io/atomic.ts";
import { checkOptions } from "../options.ts";
import { hash } from "../random.ts";
import type { Point } from "./axes.ts";
import { promote, rungs } from "./halving.ts";
import { resolveJob, type SweepJob } from "./job.ts";
import { openLedger, type SweepProgress } from "./ledger.ts";
import { localRunner } from "./local/runner.ts";
import { sweepLines, type SweepResult, type SweepRow } from "./result.ts";
import type { Runner } from "./runner.ts";
import { checkSpace, shardCount, type Space, spacePoints } from "./space.ts";
import { openFolder } from "./store.ts";

/** Options of {@linkcode sweep}. */
export interface SweepOptions {
  /** Folder of shards and results, made if missing. The same sweep with the same folder goes on where it was. */
  readonly folder: string | URL;
  /** Where shards run; default processes on this machine, one per core: {@linkcode localRunner}. */
  readonly runner?: Runner;
  /** Seed of the shards' seeds, 0 to 2^32 − 1; default 1. */
  readonly seed?: number;
  /** Further attempts at a shard that fails, after all others have run; default 2. */
  readonly retries?: number;
  /** Failed attempts after which the sweep stops with an error; default no limit. */
  readonly mostErrors?: number;
  /** Stops the sweep; finished shards stay. */
  readonly signal?: AbortSignal;
  /** Called whenever something changed. */
  readonly onProgress?: (progress: SweepProgress) => void;
}

const ACTION = "run the sweep";

/**
 * Runs a job on every point of a space.
 *
 * Each finished shard is one file in `folder`/shards, written whole; a sweep that was killed skips them when it is started again, and refuses a folder
 * whose space, job or seed is another. Failed attempts are kept in `folder`/errors and tried again; shards that fail to the last are listed, not thrown.
 * At the end all results stand in `folder`/results.jsonl, the same bytes on every runner.
 *
 * @param space Points: {@linkcode gridSpace}, {@linkcode randomSpace}, {@linkcode sobolSpace} or {@linkcode halvingSpace}.
 * @param job Module and name of a {@linkcode SweepFunction}; its URL alone means the default export.
 * @throws {OptionError} if an option, the space or the job is not sound.
 * @throws {FileError} if the folder holds another sweep or cannot be written.
 * @throws {BitlineError} after `mostErrors` failed attempts, or if the runner cannot work.
 *
 * @example
 * ```ts
 * import { gridSpace, sweep } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/job.js`, "export default ({ rows, bits }) => ({ levels: rows * (2 ** bits - 1) });");
 * const { rows } = await sweep(gridSpace({ rows: [64, 128], bits: [1, 2] }), new URL(`file://${folder}/job.js`), { folder: `${folder}/sweep` });
 * assertEquals(rows.map(({ result }) => result), [{ levels: 64 }, { levels: 192 }, { levels: 128 }, { levels: 384 }]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function sweep<R extends Json = Json>(space: Space, job: SweepJob | string | URL, options: SweepOptions): Promise<
  SweepResult<R>
> {
  checkOptions(ACTION, "sweep", options, ["folder", "runner", "seed", "retries", "mostErrors", "signal", "onProgress"]);
  const { runner = localRunner(), seed = 1, retries = 2, mostErrors = Infinity, signal } = options;
  for (
    const [where, value, most] of [["seed", seed, 2 ** 32 - 1], ["retries", retries, 1000], ["mostErrors", mostErrors, Infinity]] as const
  ) {
    if ((Number.isInteger(value) || value === Infinity) && value >= 0 && value <= most) continue;
    throw new OptionError(ACTION, { where: `sweep.${where}`, got: value, wanted: `an integer of at least 0` });
  }
  if (typeof runner?.open !== "function") {
    throw new OptionError(ACTION, { where: "sweep.runner", got: runner, wanted: "localRunner(), slurmRunner() or natsRunner()" });
  }
  signal?.throwIfAborted();
  const checked = checkSpace(space), resolved = await resolveJob(job), folder = absolute(options.folder), started = performance.now();
  const sweepHash = await openFolder(folder, { space: checked, job: resolved, seed });
  const { version: _, ...sent } = resolved;
  await using progress = await openLedger(folder, { sweep: sweepHash, total: shardCount(checked), mostErrors, ...options, runner });
  const run = (points: readonly Point[], candidates: readonly number[], first: number) =>
    progress.round(
      points.map((point, at) => ({ sweep: sweepHash, shard: first + at, point, seed: hash(seed, candidates[at]!), job: sent })),
      retries,
    );

  const points = spacePoints(checked), rows: SweepRow<R>[] = [];
  let candidates: readonly number[] = points.map((_, index) => index), first = 0;
  for (const [rung, { budget }] of (checked.kind === "halving" ? rungs(checked, points.length) : [{ budget: 0 }]).entries()) {
    const own = checked.kind !== "halving"
      ? points
      : candidates.map((candidate) => ({ ...points[candidate]!, [checked.budget.name]: budget }));
    const records = await run(own, candidates, first);
    for (const { shard, point, result, attempt, seconds } of records.filter((record) => record !== undefined)) {
      rows.push({ shard, rung, point, result: result as R, attempt, seconds });
    }
    first += own.length;
    if (checked.kind !== "halving") continue;
    const next = rungs(checked, points.length)[rung + 1];
    if (next === undefined) break;
    candidates = promote(checked, candidates.map((candidate, at) => ({ candidate, result: records[at]?.result })), next.count);
    if (candidates.length === 0) break;
  }
  await writeAtomic(`${folder}/results.jsonl`, sweepLines(rows));
  return { hash: sweepHash, folder, rows, ...progress.counts(), seconds: (performance.now() - started) / 1000 };
}

function absolute(folder: string | URL): string {
  if (folder instanceof URL) return decodeURIComponent(folder.pathname).replace(/(?<=.)\/$/, "");
  if (typeof folder !== "string" || folder === "") {
    throw new OptionError(ACTION, { where: "sweep.folder", got: folder, wanted: "a path" });
  }
  const path = folder.startsWith("/") || /^[A-Za-z]:[\\/]/.test(folder) ? folder : `${Deno.cwd()}/${folder.replace(/^\.\//, "")}`;
  return path.length > 1 ? path.replace(/\/$/, "") : path;
}
