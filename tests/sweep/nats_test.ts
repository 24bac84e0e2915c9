import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { DeviceError, OptionError } from "../../lib/errors.ts";
import { connectNats, outcomesStream, tasksStream } from "../../lib/sweep/nats/client.ts";
import { natsRunner } from "../../lib/sweep/nats/runner.ts";
import { natsWorker } from "../../lib/sweep/nats/worker.ts";
import { gridSpace } from "../../lib/sweep/space.ts";
import type { SweepProgress } from "../../lib/sweep/ledger.ts";
import { sweep } from "../../lib/sweep/sweep.ts";
import { Broker, hasNats } from "./broker.ts";
import { assertCounted, countedSweep, JOBS, withFolder } from "./count.ts";

const ignore = !hasNats(), job = (name: string) => ({ module: JOBS, name });

/** A worker in this process, until disposed of. */
function worker(server: string, options: { readonly modules?: readonly string[]; readonly slots?: number } = {}) {
  const control = new AbortController(), done = natsWorker({ servers: server, modules: [JOBS], signal: control.signal, ...options });
  return {
    [Symbol.asyncDispose]: async () => {
      control.abort();
      await done;
    },
  };
}

/** Messages that a broker still holds. */
async function messages(server: string): Promise<readonly number[]> {
  await using client = await connectNats({ servers: server }, false);
  const names = [tasksStream("bitline"), outcomesStream("bitline")];
  return await Promise.all(names.map(async (name) => (await client.manager.streams.info(name)).state.messages));
}

Deno.test({
  name: "natsRunner() gives 1,000 results of 1,000 shards with two of four workers killed and the broker restarted on the way",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await using broker = await Broker.start(`${folder}/broker`);
      let pids: readonly number[] = [], restarted: Promise<void> | undefined;
      const runner = natsRunner({ servers: broker.server, workers: 4, ackWait: 2, onWorkers: (now) => pids = now });
      const kill = (index: number) => () => Deno.kill(pids[index]!, "SIGKILL");
      const result = await countedSweep(`${folder}/sweep`, runner, 1000, 2, [
        [0.2, kill(0)],
        [0.4, kill(2)],
        [0.6, () => restarted = broker.restart()],
      ]);
      await restarted;
      await assertCounted(result, 1000);
      assertEquals(result.errors, 0);
      assertEquals(await messages(broker.server), [0, 0]);
    }),
});

Deno.test({
  name: "natsRunner() hands the shard of a worker that was killed to one that joins later",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await using broker = await Broker.start(`${folder}/broker`);
      const main = new URL("../../lib/sweep/nats/worker_main.ts", import.meta.url).pathname;
      const args = ["run", "-A", "--no-check", main, "--servers", broker.server, "--modules", JOBS];
      const first = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).spawn();
      let second: ReturnType<typeof worker> | undefined;
      const onProgress = ({ share, done }: SweepProgress) => {
        // The first worker has said that it is half-way through its first shard.
        if (second !== undefined || share === 0 || done > 0) return;
        first.kill("SIGKILL");
        second = worker(broker.server);
      };
      const runner = natsRunner({ servers: broker.server, ackWait: 1 }), space = gridSpace({ x: [3, 4], wait: [700] });
      const result = await sweep(space, job("slow"), { folder: `${folder}/sweep`, runner, onProgress });
      await second?.[Symbol.asyncDispose]();
      await first.status;
      assertEquals(result.rows.map(({ result }) => (result as { sum: number }).sum), [3, 4]);
      assert(result.lost >= 1);
      assertEquals([result.errors, result.duplicates], [0, 0]);
    }),
});

Deno.test({
  name: "natsRunner() keeps long shards alive by signs of life, and tries failing ones again",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await using broker = await Broker.start(`${folder}/broker`);
      await using _worker = worker(broker.server, { slots: 2 });
      const runner = natsRunner({ servers: broker.server, ackWait: 1 });
      const long = await sweep(gridSpace({ x: [1, 2], wait: [2500] }), job("slow"), { folder: `${folder}/long`, runner });
      assertEquals([long.rows.length, long.lost, long.duplicates], [2, 0, 0]);
      const odd = await sweep(gridSpace({ x: [1, 2] }), job("odd"), { folder: `${folder}/odd`, runner, retries: 1 });
      assertEquals([odd.rows.map(({ result }) => result), odd.errors], [[1], 2]);
      assertMatch(odd.failed[0]!.error, /RangeError: x is odd: 1/);
      assertEquals(await messages(broker.server), [0, 0]);
    }),
});

Deno.test({
  name: "natsRunner() takes its tasks back when stopped, and takes up outcomes that came meanwhile",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await using broker = await Broker.start(`${folder}/broker`);
      const control = new AbortController(), space = gridSpace({ x: [0, 1, 2, 3, 4, 5, 6, 7], wait: [100] });
      const options = { folder: `${folder}/sweep`, runner: natsRunner({ servers: broker.server }) };
      await using _worker = worker(broker.server);
      const onProgress = ({ done }: SweepProgress) => done === 2 && control.abort();
      await assertRejects(() => sweep(space, job("slow"), { ...options, signal: control.signal, onProgress }), DOMException);
      assertEquals((await messages(broker.server))[0], 0);
      const rest = await sweep(space, job("slow"), options);
      assert(rest.resumed >= 2);
      assertEquals(rest.rows.length, 8);
    }),
});

Deno.test({
  name: "natsWorker() runs only the modules it is allowed to",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await using broker = await Broker.start(`${folder}/broker`);
      await using _worker = worker(broker.server, { modules: ["https://example.com/jobs/"] });
      const runner = natsRunner({ servers: broker.server });
      const result = await sweep(gridSpace({ x: [1] }), job("light"), { folder: `${folder}/sweep`, runner, retries: 0 });
      assertMatch(result.failed[0]!.error, /the worker does not run file:.*jobs\.ts/);
    }),
});

Deno.test("natsRunner() and natsWorker() refuse unsound options and say when no broker answers", async () => {
  assertThrows(() => natsRunner({ workers: -1 }), OptionError, "nats.workers");
  assertThrows(() => natsRunner({ ackWait: 0 }), OptionError, "nats.ackWait");
  assertThrows(() => natsRunner({ server: "x" } as never), OptionError, "nats.server");
  await assertRejects(() => natsWorker({ modules: [] }), OptionError, "worker.modules");
  await assertRejects(() => connectNats({ prefix: "a.b" }, false), OptionError, "nats.prefix");
  await assertRejects(() => connectNats({ servers: "127.0.0.1:1" }, false), DeviceError, "nats-server -js");
});
