// The folder of a sweep: one JSON file per finished shard and per failed attempt, whole or not there, so that a killed sweep goes on where it was.

import type { Json } from "../device/device.ts";
import { FileError } from "../errors.ts";
import { writeAtomic } from "../io/atomic.ts";
import type { Point } from "./axes.ts";
import { sha256 } from "../io/sha256.ts";
import type { ResolvedJob } from "./job.ts";
import type { Outcome, ShardTask } from "./runner.ts";
import type { Space } from "./space.ts";

/** What a sweep is: anything of this changed makes it another one. */
export interface SweepIdentity {
  /** Points. */
  readonly space: Space;
  /** Function, by name and digest. */
  readonly job: ResolvedJob & { readonly version: string };
  /** Seed of the shards' seeds. */
  readonly seed: number;
}

/** A finished shard, as its file holds it. */
export interface ShardRecord {
  /** Number of the shard. */
  readonly shard: number;
  /** What was computed. */
  readonly point: Point;
  /** Seed of the shard. */
  readonly seed: number;
  /** What the job returned. */
  readonly result: Json;
  /** Attempts it took. */
  readonly attempt: number;
  /** Seconds the last attempt ran. */
  readonly seconds: number;
}

/** A failed attempt, as its file holds it. */
export interface ShardError {
  /** Number of the shard. */
  readonly shard: number;
  /** What was to be computed. */
  readonly point: Point;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Why there is no result. */
  readonly error: string;
}

/** Shards are many and can be had again: a file that a power cut has left empty counts as not done. */
const UNFLUSHED = { flush: false } as const;

/** SHA-256 of what a sweep is. The place of the job's module does not count, its text does. */
export async function sweepHash({ space, job, seed }: SweepIdentity): Promise<string> {
  return await sha256(JSON.stringify([1, space, job.digest, job.name, job.version, seed]));
}

/**
 * Opens a sweep's folder, or starts it.
 *
 * @throws {FileError} if it holds another sweep, naming what differs, or cannot be written.
 */
export async function openFolder(folder: string, identity: SweepIdentity): Promise<string> {
  const hash = await sweepHash(identity), path = `${folder}/sweep.json`, found = await readJson(path);
  if (found === undefined) {
    for (const part of ["shards", "errors"]) await makeFolder(`${folder}/${part}`);
    await writeAtomic(path, JSON.stringify({ version: 1, hash, ...identity }, null, 1) + "\n");
    return hash;
  }
  const other = found as { readonly hash?: string } & Partial<SweepIdentity>;
  if (other.hash === hash) return hash;
  const same = (one: unknown, two: unknown) => JSON.stringify(one) === JSON.stringify(two);
  const got = [
    same(other.space, identity.space) ? [] : "another space",
    same([other.job?.digest, other.job?.name, other.job?.version], [identity.job.digest, identity.job.name, identity.job.version])
      ? []
      : "another job",
    other.seed === identity.seed ? [] : "another seed",
  ].flat().join(", ");
  throw new FileError("go on with the sweep", {
    where: path,
    got: got === "" ? "a file that is not a sweep's" : got,
    wanted: "the sweep the folder was started with",
    hint: "Give a new sweep a folder of its own",
  });
}

/** Keeps an outcome: a result in shards/, an error in errors/. */
export async function writeOutcome(folder: string, task: ShardTask, outcome: Outcome): Promise<void> {
  const { shard, point, seed } = task, { attempt, seconds, result, error } = outcome;
  if (result !== undefined) {
    const record: ShardRecord = { shard, point, seed, result, attempt, seconds };
    await writeAtomic(shardPath(folder, shard), JSON.stringify(record) + "\n", UNFLUSHED);
  } else {
    const record: ShardError = { shard, point, attempt, error: error ?? "no reason given" };
    await writeAtomic(`${folder}/errors/${digits(shard)}.${attempt}.json`, JSON.stringify(record) + "\n", UNFLUSHED);
  }
}

/** Reads a finished shard; undefined if it has not finished, or was of another point. */
export async function readShard(folder: string, { shard, point, seed }: Pick<ShardTask, "shard" | "point" | "seed">): Promise<
  ShardRecord | undefined
> {
  const record = await readJson(shardPath(folder, shard), true) as ShardRecord | undefined;
  const own = record !== undefined && JSON.stringify([record.shard, record.point, record.seed]) === JSON.stringify([shard, point, seed]);
  return own && record.result !== undefined ? record : undefined;
}

/** Reads one failed attempt; undefined if there is none. */
export async function readError(folder: string, shard: number, attempt: number): Promise<ShardError | undefined> {
  return await readJson(`${folder}/errors/${digits(shard)}.${attempt}.json`, true) as ShardError | undefined;
}

/** All failed attempts, by shard and attempt. */
export async function readErrors(folder: string): Promise<readonly ShardError[]> {
  const errors: ShardError[] = [];
  for (const name of await listErrors(folder)) {
    const [shard, attempt] = name.split(".").map(Number), error = await readError(folder, shard!, attempt!);
    if (error !== undefined) errors.push(error);
  }
  return errors.sort((one, other) => one.shard - other.shard || one.attempt - other.attempt);
}

/** Failed attempts that have a file, as "shard.attempt". */
export async function listErrors(folder: string): Promise<ReadonlySet<string>> {
  const errors = new Set<string>();
  for await (const { name } of Deno.readDir(`${folder}/errors`)) {
    const parts = /^(\d+)\.(\d+)\.json$/.exec(name);
    if (parts !== null) errors.add(`${Number(parts[1])}.${Number(parts[2])}`);
  }
  return errors;
}

/** Numbers of the shards that have a file. */
export async function listShards(folder: string): Promise<ReadonlySet<number>> {
  const shards = new Set<number>();
  for await (const { name } of Deno.readDir(`${folder}/shards`)) if (/^\d+\.json$/.test(name)) shards.add(parseInt(name));
  return shards;
}

function shardPath(folder: string, shard: number): string {
  return `${folder}/shards/${digits(shard)}.json`;
}

function digits(shard: number): string {
  return String(shard).padStart(7, "0");
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (cause) {
    throw new FileError("start the sweep", { where: path, got: String(cause), wanted: "a folder that can be written", cause });
  }
}

/** What a file holds; undefined if there is none, or, where that is `lenient`, nothing whole. */
async function readJson(path: string, lenient = false): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new FileError("read the sweep", { where: path, got: String(cause), cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (lenient) return undefined;
    throw new FileError("read the sweep", { where: path, got: "no JSON", wanted: "a file as the sweep wrote it", cause });
  }
}
