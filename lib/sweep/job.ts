// The shard contract: a job is a function in a module of its own, named by URL, so that any process on any machine can run any shard.

import type { Json } from "../device/device.ts";
import { BitlineError, OptionError } from "../errors.ts";
import { sha256 } from "../io/sha256.ts";
import { checkOptions } from "../options.ts";
import type { Point } from "./axes.ts";

/** What a shard may know and say besides its point. */
export interface ShardContext {
  /** Number of the shard, from 0. */
  readonly shard: number;
  /** Seed of the shard's randomness: a hash of the sweep's seed and the candidate, the same at every attempt and on every rung. */
  readonly seed: number;
  /** Told to stop: pass it on to what takes long. */
  readonly signal: AbortSignal;
  /** Says how far the shard is, 0 to 1; shown as progress. */
  report(share: number): void;
}

/**
 * What a job's module exports. It must be pure: the same point and seed give the same result wherever and however often it runs, since a shard whose
 * worker dies is run again. A result is anything JSON holds.
 */
export type SweepFunction<P extends Point = Point, R extends Json = Json> = (point: P, context: ShardContext) => R | Promise<R>;

/** A job: where its module is, and which of its exports. */
export interface SweepJob {
  /** URL of the module: `new URL("./job.ts", import.meta.url)`, or https:, jsr:, npm: or data: for machines that share no folder. */
  readonly module: string | URL;
  /** Name of the exported function; default "default". */
  readonly name?: string;
  /** Changes what a resumed sweep is compared with, for changes beyond the module's own text: data, dependencies. Default none. */
  readonly version?: string;
}

/** A job as it is sent to workers. */
export interface ResolvedJob {
  /** URL of the module. */
  readonly module: string;
  /** Name of the export. */
  readonly name: string;
  /** SHA-256 of the module's text for files, else of its URL. */
  readonly digest: string;
}

const ACTION = "run the sweep's job";

/** Checks a job and reads its module's digest. @throws {OptionError} if it is not a job, or its file cannot be read. */
export async function resolveJob(job: SweepJob | string | URL): Promise<ResolvedJob & { readonly version: string }> {
  const given: SweepJob = typeof job === "string" || job instanceof URL ? { module: job } : job;
  checkOptions(ACTION, "job", given, ["module", "name", "version"]);
  const { module, name = "default", version = "" } = given, url = String(module);
  if (!URL.canParse(url)) {
    const hint = "Use new URL(path, import.meta.url), or import.meta.resolve(path)";
    throw new OptionError(ACTION, { where: "job.module", got: url, wanted: "an absolute URL", hint });
  }
  for (const [where, text] of Object.entries({ name, version })) {
    if (typeof text !== "string") throw new OptionError(ACTION, { where: `job.${where}`, got: text, wanted: "text" });
  }
  return { module: url, name, version, digest: await moduleDigest(url) };
}

/** Imports a job's function. @throws {BitlineError} if the module here is another one, cannot be loaded, or has no such function. */
export async function loadJob({ module, name, digest }: ResolvedJob): Promise<SweepFunction> {
  const found = await moduleDigest(module);
  if (found !== digest) {
    const hint = "Put the same file on every machine, and start a new sweep for a new job";
    throw new BitlineError(ACTION, { where: module, got: "another text than the sweep started with", wanted: "the same module", hint });
  }
  const exports: Readonly<Record<string, unknown>> = await import(module);
  const job = exports[name];
  if (typeof job === "function") return job as SweepFunction;
  throw new BitlineError(ACTION, { where: module, got: `no function named ${name}`, wanted: `an exported function ${name}` });
}

async function moduleDigest(url: string): Promise<string> {
  if (!url.startsWith("file:")) return await sha256(url);
  try {
    return await sha256(await Deno.readFile(new URL(url)));
  } catch (cause) {
    const got = cause instanceof Deno.errors.NotFound ? "no such file" : String(cause);
    throw new OptionError(ACTION, { where: url, got, wanted: "a module that can be read", cause });
  }
}
