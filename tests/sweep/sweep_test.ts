import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { BitlineError, FileError, OptionError } from "../../lib/errors.ts";
import { localRunner } from "../../lib/sweep/local/runner.ts";
import { sweepLines, sweepTable } from "../../lib/sweep/result.ts";
import type { Runner } from "../../lib/sweep/runner.ts";
import { gridSpace, halvingSpace } from "../../lib/sweep/space.ts";
import type { SweepProgress } from "../../lib/sweep/ledger.ts";
import { sweep, type SweepOptions } from "../../lib/sweep/sweep.ts";
import { assertCounted, countedSweep, JOBS, killedSweep, withFolder } from "./count.ts";

const grid = gridSpace({ x: [0, 1, 2, 3], y: [10] }), runner = localRunner({ workers: 1 });
const job = (name: string) => ({ module: JOBS, name });

Deno.test("sweep() runs every point, keeps one file each, and skips them the next time", () =>
  withFolder(async (folder) => {
    const progress: SweepProgress[] = [], options = { folder, runner, onProgress: (now: SweepProgress) => progress.push(now) };
    const first = await sweep(grid, job("light"), options);
    assertEquals(first.rows.map(({ point, result }) => [point["x"], (result as { sum: number }).sum]), [[0, 10], [1, 11], [2, 12], [
      3,
      13,
    ]]);
    assertEquals(progress.at(-1), { done: 4, total: 4, failed: 0, share: 1, lost: 0 });
    const lines = await Deno.readTextFile(`${folder}/results.jsonl`);
    assertEquals(lines, sweepLines(first.rows));
    assertMatch(sweepTable(first.rows, { columns: ["x", "sum"] }), /3.*13/);
    assertThrows(() => sweepTable(first.rows, { columns: ["z"] }), OptionError, "columns");

    await Deno.remove(`${folder}/shards/0000002.json`);
    await Deno.truncate(`${folder}/shards/0000003.json`);
    const again = await sweep(grid, job("light"), options);
    assertEquals([again.resumed, again.rows.length], [2, 4]);
    assertEquals(await Deno.readTextFile(`${folder}/results.jsonl`), lines);

    const none: Runner = { name: "none", open: () => Promise.reject(new Error("opened")) };
    assertEquals((await sweep(grid, job("light"), { folder, runner: none })).resumed, 4);
  }));

Deno.test("sweep() gives each shard a seed of its own that follows the sweep's", () =>
  withFolder(async (folder) => {
    const seeds = async (seed: number) => {
      const { rows } = await sweep(grid, job("light"), { folder: `${folder}/${seed}`, runner, seed });
      return rows.map(({ result }) => (result as { seed: number }).seed);
    };
    const [one, two] = [await seeds(1), await seeds(2)];
    assertEquals(new Set([...one, ...two]).size, 8);
  }));

Deno.test("sweep() refuses a folder of another space, job or seed, and says which", () =>
  withFolder(async (folder) => {
    const module = `${folder}/job.js`, own = { module: `file://${module}` }, options = { folder: `${folder}/sweep`, runner };
    await Deno.writeTextFile(module, "export default ({ x }) => x;");
    await sweep(grid, own, options);
    await assertRejects(() => sweep(gridSpace({ x: [1] }), own, options), FileError, 'got "another space"');
    await assertRejects(() => sweep(grid, own, { ...options, seed: 2 }), FileError, 'got "another seed"');
    await assertRejects(() => sweep(grid, { ...own, version: "2" }, options), FileError, 'got "another job"');
    await Deno.writeTextFile(module, "export default ({ x }) => -x;");
    await assertRejects(() => sweep(grid, own, options), FileError, 'got "another job"');
    await Deno.writeTextFile(`${folder}/sweep/sweep.json`, "{}");
    await assertRejects(() => sweep(grid, own, options), FileError, "another space, another job, another seed");
  }));

Deno.test("sweep() records errors, tries again, and lists what failed to the last", () =>
  withFolder(async (folder) => {
    const failing = await sweep(grid, job("odd"), { folder: `${folder}/a`, runner, retries: 1 });
    assertEquals(failing.rows.map(({ result }) => result), [0, 1]);
    assertEquals(failing.failed.map(({ shard, attempt }) => [shard, attempt]), [[1, 2], [3, 2]]);
    assert(failing.failed[0]!.error.includes("RangeError: x is odd: 1"));
    assertEquals([...Deno.readDirSync(`${folder}/a/errors`)].length, 4);
    assertEquals(failing.errors, 4);
    const later = await sweep(grid, job("odd"), { folder: `${folder}/a`, runner, retries: 0 });
    assertEquals([later.resumed, later.failed[0]!.attempt], [2, 3]);

    const flaky = await sweep(gridSpace({ x: [5], flag: [`${folder}/flag`] }), job("once"), { folder: `${folder}/b`, runner });
    assertEquals([flaky.rows[0]!.result, flaky.rows[0]!.attempt, flaky.errors], [5, 2, 1]);
    await assertRejects(
      () => sweep(grid, job("odd"), { folder: `${folder}/c`, runner, mostErrors: 1 }),
      BitlineError,
      "2 failed attempts, the last: RangeError",
    );
  }));

Deno.test("sweep() counts as failed: no such function, results JSON cannot hold, stray rejections, shards out of time", () =>
  withFolder(async (folder) => {
    const failure = async (name: string, options: Partial<SweepOptions> = {}) => {
      const result = await sweep(gridSpace({ x: [1, 2] }), job(name), { folder: `${folder}/${name}`, runner, retries: 0, ...options });
      return result;
    };
    assertMatch((await failure("missing")).failed[0]!.error, /no function named missing/);
    assertMatch((await failure("notAFunction")).failed[0]!.error, /no function named notAFunction/);
    assertMatch((await failure("notFinite")).failed[0]!.error, /result\.accuracy.*NaN/);
    const noisy = await failure("noisy");
    assertEquals(noisy.rows.map(({ result }) => result), [2]);
    assertMatch(noisy.failed[0]!.error, /on the side/);
    const late = await failure("forever", { runner: localRunner({ workers: 2, timeout: 1 }) });
    assertEquals(late.failed.map(({ error }) => error), ["no result after 1 s", "no result after 1 s"]);
  }));

Deno.test("sweep() runs a shard again when its worker has ended, and gives up on one that always ends it", () =>
  withFolder(async (folder) => {
    const space = gridSpace({ x: [1], flag: [`${folder}/flag`] });
    const once = await sweep(space, job("dies"), { folder: `${folder}/a`, runner });
    assertEquals([once.rows.length, once.lost, once.errors], [1, 1, 0]);
    const flag = `${folder}/missing/flag`; // it cannot be made, so that the job throws before it ends its process
    const always = await sweep(gridSpace({ x: [1], flag: [flag] }), job("dies"), { folder: `${folder}/b`, runner, retries: 0 });
    assertMatch(always.failed[0]!.error, /NotFound/);
    await Deno.writeTextFile(`${folder}/end.js`, "export default () => Deno.exit(9);");
    const ends = await sweep(gridSpace({ x: [1] }), `file://${folder}/end.js`, {
      folder: `${folder}/c`,
      runner: localRunner({ workers: 1, deaths: 2 }),
      retries: 0,
    });
    assertEquals([ends.lost, ends.failed.map(({ error }) => error)], [1, ["the worker ended with code 9"]]);
  }));

Deno.test("sweep() stops at once when told to, and goes on later", () =>
  withFolder(async (folder) => {
    const control = new AbortController(), space = gridSpace({ x: [0, 1, 2, 3, 4, 5], wait: [50] });
    const onProgress = ({ done }: SweepProgress) => done === 2 && control.abort();
    await assertRejects(() => sweep(space, job("slow"), { folder, runner, signal: control.signal, onProgress }), DOMException, "abort");
    const rest = await sweep(space, job("slow"), { folder, runner });
    assertEquals([rest.resumed, rest.rows.length], [2, 6]);
  }));

Deno.test("sweep() of successive halving finds the best candidate, also when it is resumed", () =>
  withFolder(async (folder) => {
    const space = halvingSpace(gridSpace({ x: [1, 2, 3, 4, 5, 6, 7, 8, 9] }), {
      budget: { name: "epochs", least: 1, most: 9 },
      metric: "accuracy.test",
      direction: "maximise",
    });
    const { rows } = await sweep(space, job("learns"), { folder, runner });
    assertEquals(rows.map(({ rung }) => rung).join(""), "0000000001112");
    assertEquals(rows.slice(9).map(({ point }) => point), [
      { x: 6, epochs: 3 },
      { x: 7, epochs: 3 },
      { x: 8, epochs: 3 },
      { x: 7, epochs: 9 },
    ]);
    for (const shard of ["0000004", "0000010"]) await Deno.remove(`${folder}/shards/${shard}.json`);
    const again = await sweep(space, job("learns"), { folder, runner });
    assertEquals([sweepLines(again.rows), again.resumed], [sweepLines(rows), 11]);
  }));

Deno.test("sweep() refuses unsound options", () =>
  withFolder(async (folder) => {
    const refused = async (change: object, where: string) =>
      await assertRejects(() => sweep(grid, job("light"), { folder, ...change } as SweepOptions), OptionError, where);
    await refused({ retry: 1 }, "sweep.retry");
    await refused({ retries: -1 }, "sweep.retries");
    await refused({ seed: 0.5 }, "sweep.seed");
    await refused({ runner: "local" }, "sweep.runner");
    await refused({ folder: "" }, "sweep.folder");
    await assertRejects(() => sweep(grid, "./job.ts", { folder }), OptionError, "job.module");
    await assertRejects(() => sweep(grid, `file://${folder}/none.ts`, { folder }), OptionError, "no such file");
    assertThrows(() => localRunner({ workers: 0 }), OptionError, "local.workers");
    assertThrows(() => localRunner({ timeout: 0 }), OptionError, "local.timeout");
  }));

Deno.test("sweep() of 1,000 shards over 4 processes, two of them killed, has 1,000 results", () =>
  withFolder(async (folder) => {
    let pids: readonly number[] = [];
    const seen = new Set<number>();
    const kill = (index: number) => () => Deno.kill(pids[index]!, "SIGKILL");
    const onWorkers = (now: readonly number[]) => {
      pids = now;
      for (const pid of now) seen.add(pid);
    };
    const four = localRunner({ workers: 4, onWorkers });
    const result = await countedSweep(folder, four, 1000, 2, [[0.2, kill(0)], [0.5, kill(2)]]);
    await assertCounted(result, 1000);
    assertEquals([seen.size, result.errors, result.duplicates], [6, 0, 0]);
  }));

Deno.test("sweep() whose process is killed goes on where it was", () =>
  withFolder(async (folder) => {
    const before = await killedSweep(folder), result = await countedSweep(folder, localRunner({ workers: 2 }), 100, 40, []);
    assert(before >= 20 && before < 100);
    assert(result.resumed >= before);
    assertEquals(result.rows.length, 100);
  }));
