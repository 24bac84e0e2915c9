import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { slurmRunner } from "../../lib/sweep/slurm/runner.ts";
import { slurmScript } from "../../lib/sweep/slurm/script.ts";
import { gridSpace } from "../../lib/sweep/space.ts";
import type { SweepProgress } from "../../lib/sweep/ledger.ts";
import { sweep } from "../../lib/sweep/sweep.ts";
import { assertCounted, countedSweep, JOBS, killedSweep, withFolder } from "./count.ts";
import { hasSlurm, SlurmCluster } from "./slurm_cluster.ts";

const job = (name: string) => ({ module: JOBS, name });

Deno.test({
  name: "slurmRunner() runs shards as job arrays",
  ignore: !hasSlurm(),
  async fn(test) {
    await using _cluster = await SlurmCluster.start();

    await test.step("and submits again those whose process was killed", () =>
      withFolder(async (folder) => {
        const jobs: string[] = [], runner = slurmRunner({ poll: 0.2, chunk: 50, onSubmit: (job) => jobs.push(job) });
        const kill = () => {
          // The shard's process is found by the sweep's folder, which it works in.
          for (const { name } of Deno.readDirSync("/proc")) {
            if (!/^\d+$/.test(name)) continue;
            try {
              const line = Deno.readTextFileSync(`/proc/${name}/cmdline`);
              if (!line.includes("task_main.ts") || Deno.readLinkSync(`/proc/${name}/cwd`) !== folder) continue;
              return Deno.kill(Number(name), "SIGKILL");
            } catch {
              // It has ended meanwhile.
            }
          }
        };
        const result = await countedSweep(folder, runner, 100, 40, [[0.1, kill]]);
        await assertCounted(result, 100);
        assert(result.lost > 0);
        assertEquals(jobs.length, 2);
      }));

    await test.step("and tries failing shards again", () =>
      withFolder(async (folder) => {
        const result = await sweep(gridSpace({ x: [1, 2] }), job("odd"), { folder, runner: slurmRunner({ poll: 0.2 }), retries: 1 });
        assertEquals([result.rows.map(({ result }) => result), result.errors, result.lost], [[1], 2, 0]);
        assertMatch(result.failed[0]!.error, /x is odd/);
      }));

    await test.step("and takes up the array of a sweep that was killed", () =>
      withFolder(async (folder) => {
        const before = await killedSweep(folder, "slurm"), jobs: string[] = [];
        const result = await countedSweep(folder, slurmRunner({ poll: 0.2, onSubmit: (job) => jobs.push(job) }), 100, 40, []);
        await assertCounted(result, 100);
        assert(before < 100 && result.resumed >= before);
        assertEquals(jobs, []);
      }));

    await test.step("and cancels them when stopped", () =>
      withFolder(async (folder) => {
        const control = new AbortController(), space = gridSpace({ x: [0, 1, 2, 3], wait: [300] }), jobs: string[] = [];
        const runner = slurmRunner({ poll: 0.2, chunk: 4, onSubmit: (job) => jobs.push(job) });
        const onProgress = ({ done }: SweepProgress) => done >= 1 && control.abort();
        await assertRejects(() => sweep(space, job("slow"), { folder, runner, signal: control.signal, onProgress }), DOMException);
        const rest = await sweep(space, job("slow"), { folder, runner });
        assertEquals([rest.rows.length, rest.resumed < 4, jobs.length], [4, true, 2]);
      }));
  },
});

Deno.test("slurmScript() writes what sbatch and the shell read", () => {
  const text = slurmScript({ name: "bitline-1", count: 20, chunk: 5, tasks: "slurm/a.json" }, {
    ...{
      partition: "gpu",
      time: "10:00",
      memory: "2G",
      cpus: 4,
      atOnce: 8,
      directives: ["--constraint=avx2"],
      setup: ["module load deno"],
    },
    ...{ deno: "/opt/my deno/deno", flags: ["--allow-read", "--v8-flags=--max-heap-size=900"] },
  });
  assertEquals(text.split("\n").slice(0, 15), [
    "#!/bin/bash",
    "#SBATCH --job-name=bitline-1",
    "#SBATCH --array=0-19%8",
    "#SBATCH --ntasks=1",
    "#SBATCH --cpus-per-task=4",
    "#SBATCH --requeue",
    "#SBATCH --open-mode=append",
    "#SBATCH --output=slurm/%A_%a.log",
    "#SBATCH --partition=gpu",
    "#SBATCH --time=10:00",
    "#SBATCH --mem=2G",
    "#SBATCH --constraint=avx2",
    "module load deno",
    `exec '/opt/my deno/deno' run -q --no-check --no-prompt --allow-read --v8-flags=--max-heap-size=900 ${
      new URL("../../lib/sweep/slurm/task_main.ts", import.meta.url).href
    } . slurm/a.json 5`,
    "",
  ]);
});

Deno.test("slurmRunner() refuses unsound options", () => {
  assertThrows(() => slurmRunner({ cpus: 0 }), OptionError, "slurm.cpus");
  assertThrows(() => slurmRunner({ poll: 0 }), OptionError, "slurm.poll");
  assertThrows(() => slurmRunner({ partition: "a\n#SBATCH --x" }), OptionError, "slurm.partition");
  assertThrows(() => slurmRunner({ queue: "a" } as never), OptionError, "slurm.queue");
});
