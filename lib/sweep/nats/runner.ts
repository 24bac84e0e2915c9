// Shards over a NATS broker: a file-backed work queue of tasks, and a stream in which each attempt has room for one outcome.

import type { Consumer } from "@nats-io/jetstream";
import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { pause } from "../pause.ts";
import type { Runner, RunnerContext, RunnerSession, ShardTask } from "../runner.ts";
import {
  ACK_WAIT,
  connectNats,
  NATS_OPTIONS,
  type NatsClient,
  type NatsOptions,
  outcomesStream,
  sweepName,
  tasksStream,
} from "./client.ts";
import type { NatsOutcome } from "./worker.ts";

/** Options of {@linkcode natsRunner}. */
export interface NatsRunnerOptions extends NatsOptions {
  /** Workers started on this machine for the sweep, besides those that join from elsewhere; default 0. */
  readonly workers?: number;
  /** Seconds without a sign of life after which a task goes to another worker; default 30. Workers give three signs in this time. */
  readonly ackWait?: number;
  /** Called with the identifiers of the workers started here whenever they change; default nothing. */
  readonly onWorkers?: (pids: readonly number[]) => void;
}

const ACTION = "run shards over NATS";
/** Seconds of silence after which open tasks are offered again, in case the broker lost its files; refused where it still has them. */
const SILENCE = 15;

/**
 * Runs shards on whatever workers have joined a NATS broker with JetStream (`nats-server -js -sd FOLDER`, 2.9 or later): {@linkcode natsWorker}, or
 * `deno run -A lib/sweep/nats/worker_main.ts`. No folder is shared: tasks and results travel through the broker, jobs are named by URL and checked by
 * digest. The task of a worker that dies goes to another after `ackWait`; the broker keeps one outcome per attempt, and may restart.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { natsRunner } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(natsRunner({ servers: "broker:4222", workers: 2 }).name, "nats");
 * ```
 */
export function natsRunner(options: NatsRunnerOptions = {}): Runner {
  checkOptions(ACTION, "nats", options, [...NATS_OPTIONS, "workers", "ackWait", "onWorkers"]);
  const { workers = 0, ackWait = ACK_WAIT } = options;
  if (!Number.isInteger(workers) || workers < 0) {
    throw new OptionError(ACTION, { where: "nats.workers", got: workers, wanted: "an integer of at least 0" });
  }
  if (!(ackWait >= 1 && ackWait <= 86400)) throw new OptionError(ACTION, { where: "nats.ackWait", got: ackWait, wanted: "1 to 86400 s" });
  return {
    name: "nats",
    async open(context) {
      const client = await connectNats(options, false);
      try {
        await client.ensure(ackWait);
        await client.ensureOutcomes(context.sweep);
      } catch (error) {
        await client[Symbol.asyncDispose]();
        throw error;
      }
      return new NatsSession(client, context, options);
    },
  };
}

class NatsSession implements RunnerSession {
  readonly #client: NatsClient;
  readonly #context: RunnerContext;
  readonly #options: NatsRunnerOptions;
  readonly #leave = new AbortController();
  #workers: readonly Promise<void>[] = [];
  #finished = false;

  constructor(client: NatsClient, context: RunnerContext, options: NatsRunnerOptions) {
    this.#client = client;
    this.#context = context;
    this.#options = options;
    client.connection.subscribe(`${client.prefix}.share.${sweepName(context.sweep)}`, {
      callback: (_, message) => {
        const [shard, share] = message.string().split(" ").map(Number);
        context.report(shard!, share!);
      },
    });
  }

  async run(tasks: readonly ShardTask[]): Promise<void> {
    const { signal } = this.#context, open = new Map(tasks.map((task) => [task.shard, task]));
    this.#finished = false;
    this.#join(tasks);
    await this.#offer(tasks);
    let consumer: Consumer | undefined, heard = performance.now();
    while (open.size > 0 && !signal.aborted) {
      if (performance.now() - heard > SILENCE * 1000) {
        await this.#offer([...open.values()]);
        heard = performance.now();
      }
      let failed = true, fault: { readonly error: unknown } | undefined;
      try {
        if (consumer === undefined) {
          await this.#client.ensureOutcomes(this.#context.sweep);
          consumer = await this.#client.stream.consumers.get(outcomesStream(this.#client.prefix), sweepName(this.#context.sweep));
        }
        const messages = await consumer.fetch({ max_messages: 100, expires: 1500 }), stop = () => messages.stop();
        signal.addEventListener("abort", stop, { once: true });
        for await (const message of messages) {
          heard = performance.now();
          const { outcome, deliveries } = message.json<NatsOutcome>(), task = open.get(outcome.shard);
          for (let time = 1; task !== undefined && time < deliveries; time++) this.#context.lost(outcome.shard);
          try {
            await this.#context.settle(outcome);
          } catch (error) {
            fault = { error };
            break;
          }
          message.ack();
          if (task !== undefined && (outcome.result !== undefined || outcome.attempt === task.attempt)) open.delete(outcome.shard);
          if (open.size === 0) break;
        }
        signal.removeEventListener("abort", stop);
        failed = false;
      } catch {
        consumer = undefined;
      }
      if (fault !== undefined) throw fault.error;
      if (failed) await pause(250, signal);
    }
    if (signal.aborted) await this.#cancel();
    signal.throwIfAborted();
    this.#finished = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave.abort();
    await Promise.all(this.#workers);
    const { manager, prefix, connection } = this.#client, name = sweepName(this.#context.sweep);
    if (this.#finished && !connection.isClosed()) {
      // Acknowledgements that a broker had not on file when it was killed leave tasks behind that are done.
      await manager.streams.purge(tasksStream(prefix), { filter: `${prefix}.task.${name}.>` }).catch(() => {});
      await manager.consumers.delete(outcomesStream(prefix), name).catch(() => {});
      await manager.streams.purge(outcomesStream(prefix), { filter: `${prefix}.outcome.${name}.>` }).catch(() => {});
    }
    await this.#client[Symbol.asyncDispose]();
  }

  /** Puts tasks into the queue; those that are in it already are refused by the broker, which is as good. */
  async #offer(tasks: readonly ShardTask[]): Promise<void> {
    const { signal, sweep } = this.#context, { stream, prefix } = this.#client, left = [...tasks].reverse();
    const publish = async () => {
      for (let task = left.pop(); task !== undefined && !signal.aborted; task = left.pop()) {
        try {
          await stream.publish(`${prefix}.task.${sweepName(sweep)}.${task.shard}.${task.attempt}`, JSON.stringify(task), { timeout: 3000 });
        } catch (error) {
          if (this.#client.isTaken(error)) continue;
          left.push(task);
          await pause(250, signal);
          await this.#client.ensure().catch(() => {});
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(32, left.length) }, publish));
  }

  /** Takes what is queued back, and tells workers to drop what they have. */
  async #cancel(): Promise<void> {
    const { manager, prefix, connection } = this.#client, name = sweepName(this.#context.sweep);
    const work = async () => {
      await manager.streams.purge(tasksStream(prefix), { filter: `${prefix}.task.${name}.>` });
      connection.publish(`${prefix}.stop.${name}`);
      await connection.flush();
    };
    const limit = new AbortController();
    await Promise.race([work().catch(() => {}), pause(2000, limit.signal)]);
    limit.abort();
  }

  /** Starts the workers of this machine, and again those that end. */
  #join(tasks: readonly ShardTask[]): void {
    const { workers = 0, onWorkers } = this.#options, module = tasks[0]?.job.module;
    if (this.#workers.length > 0 || module === undefined) return;
    const pids = new Map<number, number>(), leave = this.#leave.signal;
    this.#workers = Array.from({ length: workers }, async (_, index) => {
      while (!leave.aborted) {
        const child = this.#spawn(module), stop = () => child.kill("SIGTERM");
        pids.set(index, child.pid);
        onWorkers?.([...pids.values()]);
        leave.addEventListener("abort", stop, { once: true });
        await child.status;
        leave.removeEventListener("abort", stop);
        await pause(500, leave);
      }
    });
  }

  #spawn(module: string): Deno.ChildProcess {
    const { servers = "127.0.0.1:4222", prefix = "bitline", user, pass, token } = this.#options;
    return new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "-q", "--no-check", new URL("./worker_main.ts", import.meta.url).href],
        ...[`--servers=${String(servers)}`, `--modules=${module}`, `--prefix=${prefix}`],
      ],
      env: {
        ...(user === undefined ? {} : { NATS_USER: user }),
        ...(pass === undefined ? {} : { NATS_PASSWORD: pass }),
        ...(token === undefined ? {} : { NATS_TOKEN: token }),
      },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }
}
