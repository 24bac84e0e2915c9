// A worker that may join and leave at any time: it takes one task after the other from the broker, and owes it a sign of life while it computes.

import type { Consumer, JsMsg } from "@nats-io/jetstream";
import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { WorkerProcess } from "../local/worker_process.ts";
import { pause } from "../pause.ts";
import type { Outcome, ShardTask } from "../runner.ts";
import { ACK_WAIT, connectNats, NATS_OPTIONS, type NatsClient, type NatsOptions, outcomesStream, tasksStream, WORKERS } from "./client.ts";

/** Options of {@linkcode natsWorker}. */
export interface NatsWorkerOptions extends NatsOptions {
  /** Beginnings of the module URLs that may run here. Whoever may publish on the broker chooses modules, so keep it narrow. */
  readonly modules: readonly string[];
  /** Shards at a time, each in a process of its own; default 1. */
  readonly slots?: number;
  /** Flags of `deno run` for the processes; default `["-A"]`. */
  readonly flags?: readonly string[];
  /** Seconds a shard may take before it counts as failed; default no limit. */
  readonly timeout?: number;
  /** Times a shard is handed out before it counts as failed, should its workers keep dying; default 10. */
  readonly deliveries?: number;
  /** Leaves: shards under way go back to the broker at once. */
  readonly signal?: AbortSignal;
}

/** What a worker sends back. */
export interface NatsOutcome {
  /** What came of the attempt. */
  readonly outcome: Outcome;
  /** Times the task has been handed out. */
  readonly deliveries: number;
}

const ACTION = "work for sweeps";

/**
 * Works for any sweep on a broker until told to leave, across restarts of the broker. `lib/sweep/nats/worker_main.ts` is the same as a program.
 *
 * @throws {OptionError} if an option is unknown or not sound.
 * @throws {DeviceError} if the broker has no JetStream.
 */
export async function natsWorker(options: NatsWorkerOptions): Promise<void> {
  checkOptions(ACTION, "worker", options, [...NATS_OPTIONS, "modules", "slots", "flags", "timeout", "deliveries", "signal"]);
  const { modules, slots = 1, flags = ["-A"], timeout = Infinity, deliveries = 10 } = options;
  if (!Array.isArray(modules) || modules.length === 0 || modules.some((start) => typeof start !== "string" || start === "")) {
    throw new OptionError(ACTION, { where: "worker.modules", got: modules, wanted: "beginnings of URLs of modules that may run here" });
  }
  for (const [where, value] of Object.entries({ slots, deliveries })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new OptionError(ACTION, { where: `worker.${where}`, got: value, wanted: "a positive integer" });
  }
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  await using client = await connectNats(options, true);
  await Promise.all(Array.from({ length: slots }, async () => {
    await using process = new WorkerProcess({ flags, env: {}, timeout });
    await new Slot(client, process, modules, deliveries, signal).work();
  }));
}

/** One place for a shard. */
class Slot {
  readonly #client: NatsClient;
  readonly #process: WorkerProcess;
  readonly #modules: readonly string[];
  readonly #deliveries: number;
  readonly #signal: AbortSignal;

  constructor(client: NatsClient, process: WorkerProcess, modules: readonly string[], deliveries: number, signal: AbortSignal) {
    this.#client = client;
    this.#process = process;
    this.#modules = modules;
    this.#deliveries = deliveries;
    this.#signal = signal;
  }

  /** Takes tasks until told to leave; a broker that is away is waited for. */
  async work(): Promise<void> {
    let consumer: Consumer | undefined, wait = ACK_WAIT;
    while (!this.#signal.aborted) {
      let message: JsMsg | null;
      try {
        if (consumer === undefined) {
          await this.#client.ensure();
          consumer = await this.#client.stream.consumers.get(tasksStream(this.#client.prefix), WORKERS);
          wait = ((await consumer.info()).config.ack_wait ?? ACK_WAIT * 1e9) / 1e9;
        }
        message = await consumer.next({ expires: 1000 });
      } catch {
        consumer = undefined;
        await pause(250, this.#signal);
        continue;
      }
      if (message === null) continue;
      if (this.#signal.aborted) message.nak();
      else await this.#handle(message, wait);
    }
    await this.#client.connection.flush().catch(() => {});
  }

  async #handle(message: JsMsg, wait: number): Promise<void> {
    const task = message.json<ShardTask>(), { shard, attempt, job } = task;
    const subject = message.subject.replace(".task.", ".outcome."),
      stopSubject = `${this.#client.prefix}.stop.${message.subject.split(".")[2]}`;
    const fail = (error: string): Outcome => ({ shard, attempt, seconds: 0, error });
    const beat = setInterval(() => quietly(() => message.working()), wait * 1000 / 3);
    let stopped = false;
    const leave = () => this.#process.kill(),
      stops = this.#client.connection.subscribe(stopSubject, {
        callback: () => {
          stopped = true;
          this.#process.kill();
        },
      });
    this.#signal.addEventListener("abort", leave, { once: true });
    try {
      if (await this.#isKnown(subject)) return message.ack();
      let outcome: Outcome;
      if (!this.#modules.some((start) => job.module.startsWith(start))) {
        outcome = fail(`the worker does not run ${job.module}: wanted a module below ${this.#modules.join(", ")}`);
      } else if (message.info.deliveryCount > this.#deliveries) {
        outcome = fail(`handed out ${message.info.deliveryCount} times without an outcome`);
      } else {
        const share = `${this.#client.prefix}.share.${message.subject.split(".")[2]}`;
        const ending = await this.#process.run(task, (value) => quietly(() => this.#client.connection.publish(share, `${shard} ${value}`)));
        if (stopped) return message.term("the sweep was stopped");
        if (!("outcome" in ending)) return message.nak(this.#signal.aborted ? 0 : 100);
        outcome = ending.outcome;
      }
      const limit = this.#client.connection.info?.max_payload ?? 2 ** 20, size = JSON.stringify(outcome).length * 3;
      if (size > limit && new TextEncoder().encode(JSON.stringify(outcome)).length > limit - 1000) {
        outcome = fail(`a result above the broker's limit of ${limit} bytes`);
      }
      await this.#publish(subject, { outcome, deliveries: message.info.deliveryCount });
      await message.ackAck().catch(() => {});
    } finally {
      clearInterval(beat);
      stops.unsubscribe();
      this.#signal.removeEventListener("abort", leave);
    }
  }

  /** Whether an earlier worker got as far as the outcome of this attempt and no further. */
  async #isKnown(subject: string): Promise<boolean> {
    try {
      return await this.#client.manager.streams.getMessage(outcomesStream(this.#client.prefix), { last_by_subj: subject }) !== null;
    } catch {
      return false;
    }
  }

  /** Publishes until the broker has it on file; a second outcome of the same attempt is refused there and dropped here. */
  async #publish(subject: string, outcome: NatsOutcome): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        await this.#client.stream.publish(subject, JSON.stringify(outcome), { timeout: 3000 });
        return;
      } catch (error) {
        if (this.#client.isTaken(error)) return;
        await pause(250, this.#signal);
      }
    }
  }
}

/** For signs of life: a connection that is away for the moment must not end the shard. */
function quietly(send: () => void): void {
  try {
    send();
  } catch {
    // Sent again soon.
  }
}
