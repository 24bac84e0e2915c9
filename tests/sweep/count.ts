// A sweep of many light shards during which workers are killed and a broker restarted, and what must hold afterwards.

import { assertEquals } from "@std/assert";
import { gridSpace } from "../../lib/sweep/space.ts";
import type { SweepResult } from "../../lib/sweep/result.ts";
import type { Runner } from "../../lib/sweep/runner.ts";
import { hash } from "../../lib/random.ts";
import { sweep } from "../../lib/sweep/sweep.ts";

/** The jobs of the tests. */
export const JOBS: string = new URL("./jobs.ts", import.meta.url).href;

/** Runs `count` shards of about `wait` ms; `events` happen when shares of them are done. */
export async function countedSweep(
  folder: string,
  runner: Runner,
  count: number,
  wait: number,
  events: readonly (readonly [number, () => void])[],
): Promise<SweepResult> {
  const left = [...events], space = gridSpace({ x: { from: 0, to: count - 1, steps: count, integer: true }, wait: [wait] });
  const result = await sweep(space, { module: JOBS, name: "slow" }, {
    folder,
    runner,
    onProgress: ({ done, total }) => {
      while (left.length > 0 && done >= left[0]![0] * total) left.shift()![1]();
    },
  });
  assertEquals(left.length, 0);
  return result;
}

/** All shards there, once each, with the result they must have; the files agree. */
export async function assertCounted({ folder, rows, failed }: SweepResult, count: number): Promise<void> {
  assertEquals(failed, []);
  assertEquals(rows.map(({ shard }) => shard), Array.from({ length: count }, (_, shard) => shard));
  for (const { shard, result } of rows) assertEquals(result, { sum: shard, shard, seed: hash(1, shard) });
  const lines = (await Deno.readTextFile(`${folder}/results.jsonl`)).trimEnd().split("\n").map((line) => JSON.parse(line).shard);
  assertEquals(new Set(lines).size, count);
  assertEquals(lines.length, count);
  const files = [...Deno.readDirSync(`${folder}/shards`)].map(({ name }) => name);
  assertEquals(files.filter((name) => /^\d{7}\.json$/.test(name)).length, count);
  assertEquals(files.length, count);
}

/** A folder for the time of a test. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sweep" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Starts a sweep of 100 shards in a process of its own, and kills that once 20 are done. @returns How many were done by then. */
export async function killedSweep(folder: string, ...where: readonly string[]): Promise<number> {
  const script = new URL("./killed.ts", import.meta.url).pathname, args = ["run", "-A", "--no-check", script, folder, ...where];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).spawn();
  const done = () => {
    try {
      return [...Deno.readDirSync(`${folder}/shards`)].filter(({ name }) => !name.startsWith(".")).length;
    } catch {
      return 0;
    }
  };
  for (let time = 0; done() < 20 && time < 1000; time++) await new Promise((next) => setTimeout(next, 20));
  child.kill("SIGKILL");
  await child.status;
  return done();
}
