// A connection to a broker with JetStream that outlives the broker's restarts, and the streams that sweeps share on it.

import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { DeviceError, OptionError } from "../../errors.ts";
import { lazyPackage } from "../../io/lazy_package.ts";

/** How to reach a broker. */
export interface NatsOptions {
  /** Addresses, `host:port`; default 127.0.0.1:4222. */
  readonly servers?: string | readonly string[];
  /** Name of a user; default none. */
  readonly user?: string;
  /** Password of the user. */
  readonly pass?: string;
  /** Token instead of a user; default none. */
  readonly token?: string;
  /** First word of stream and subject names, so that groups can share a broker; default "bitline". */
  readonly prefix?: string;
  /** Copies of each stream in a cluster; default 1. */
  readonly replicas?: number;
}

/** Names of options of {@linkcode NatsOptions}. */
export const NATS_OPTIONS = ["servers", "user", "pass", "token", "prefix", "replicas"] as const;

/** A connection and what is done through it. */
export interface NatsClient extends AsyncDisposable {
  /** The connection. */
  readonly connection: NatsConnection;
  /** Publishing and consuming. */
  readonly stream: JetStreamClient;
  /** Streams and consumers. */
  readonly manager: JetStreamManager;
  /** First word of all names. */
  readonly prefix: string;
  /** Whether a refused publish means that the subject holds a message already. */
  isTaken(error: unknown): boolean;
  /** Makes the streams and the workers' consumer where they are missing. `ackWait`, in s, changes an existing consumer. */
  ensure(ackWait?: number): Promise<void>;
  /** Makes the consumer of one sweep's outcomes where it is missing. */
  ensureOutcomes(sweep: string): Promise<void>;
}

/** Stream of tasks: one message per attempt until it is acknowledged. */
export function tasksStream(prefix: string): string {
  return `${prefix}-tasks`;
}

/** Stream of outcomes: at most one message per attempt. */
export function outcomesStream(prefix: string): string {
  return `${prefix}-outcomes`;
}

/** Name of the consumer that all workers share. */
export const WORKERS = "workers";

/** Short name of a sweep in subjects. */
export function sweepName(hash: string): string {
  return hash.slice(0, 16);
}

/** Seconds without a sign of life after which a task goes to another worker. */
export const ACK_WAIT = 30;

const SECOND = 1e9, DAY = 86400 * SECOND;

/**
 * Connects. The client is fetched through Deno's npm client at first use, from a computed URL, so that other programs neither load nor download it.
 *
 * @param wait Whether to wait for a broker that is not there yet.
 * @throws {OptionError} if an option is not sound.
 * @throws {DeviceError} if no broker answers or it has no JetStream.
 */
export async function connectNats(options: NatsOptions, wait: boolean): Promise<NatsClient> {
  const { servers = "127.0.0.1:4222", user, pass, token, prefix = "bitline", replicas = 1 } = options, action = "reach the broker";
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(prefix)) {
    throw new OptionError(action, { where: "nats.prefix", got: prefix, wanted: "letters, digits, - and _" });
  }
  if (![1, 3, 5].includes(replicas)) throw new OptionError(action, { where: "nats.replicas", got: replicas, wanted: "1, 3 or 5" });
  const module = new URL("./library_npm.ts", import.meta.url);
  const library = await lazyPackage<typeof import("./library_npm.ts")>(
    module,
    "the NATS client",
    "@nats-io/transport-node and @nats-io/jetstream",
  );
  let connection: NatsConnection;
  try {
    connection = await library.connect({
      servers: typeof servers === "string" ? servers : [...servers],
      ...(user === undefined ? {} : { user }),
      ...(pass === undefined ? {} : { pass }),
      ...(token === undefined ? {} : { token }),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      waitOnFirstConnect: wait,
      pingInterval: 10_000,
      timeout: 5000,
    });
  } catch (cause) {
    throw new DeviceError(action, { where: String(servers), got: String(cause), hint: "Start one with nats-server -js", cause });
  }
  try {
    const version = connection.info?.version ?? "0.0", [major, minor] = version.split(".").map(Number);
    if (major! * 100 + minor! < 209) throw new DeviceError(action, { where: "nats-server", got: version, wanted: "2.9 or later" });
    const manager = await library.jetstreamManager(connection, { timeout: 5000, checkAPI: !wait }), stream = library.jetstream(connection);
    const missing = (error: unknown) => error instanceof library.JetStreamApiError && [404].includes(error.status);
    const common = { storage: library.StorageType.File, num_replicas: replicas, max_msgs_per_subject: 1 } as const;
    const refuse = { discard: library.DiscardPolicy.New, discard_new_per_subject: true } as const;
    const addStream = async (name: string, config: Parameters<typeof manager.streams.add>[0]) => {
      try {
        await manager.streams.info(name);
      } catch (error) {
        if (!missing(error)) throw error;
        await manager.streams.add(config);
      }
    };
    return {
      connection,
      stream,
      manager,
      prefix,
      isTaken: (error) => error instanceof library.JetStreamApiError && error.code === 10077,
      async ensure(ackWait) {
        const tasks = tasksStream(prefix), outcomes = outcomesStream(prefix);
        await addStream(tasks, {
          ...common,
          ...refuse,
          name: tasks,
          subjects: [`${prefix}.task.>`],
          retention: library.RetentionPolicy.Workqueue,
        });
        await addStream(outcomes, {
          ...common,
          ...refuse,
          name: outcomes,
          subjects: [`${prefix}.outcome.>`],
          retention: library.RetentionPolicy.Limits,
          max_age: 30 * DAY,
        });
        try {
          const { config } = await manager.consumers.info(tasks, WORKERS);
          if (ackWait === undefined || config.ack_wait === ackWait * SECOND) return;
          await manager.consumers.update(tasks, WORKERS, { ack_wait: ackWait * SECOND });
        } catch (error) {
          if (!missing(error)) throw error;
          await manager.consumers.add(tasks, {
            durable_name: WORKERS,
            ack_policy: library.AckPolicy.Explicit,
            ack_wait: (ackWait ?? ACK_WAIT) * SECOND,
            max_deliver: -1,
            max_ack_pending: 100_000,
          });
        }
      },
      async ensureOutcomes(sweep) {
        const outcomes = outcomesStream(prefix), durable = sweepName(sweep);
        try {
          await manager.consumers.info(outcomes, durable);
        } catch (error) {
          if (!missing(error)) throw error;
          await manager.consumers.add(outcomes, {
            durable_name: durable,
            filter_subject: `${prefix}.outcome.${durable}.>`,
            ack_policy: library.AckPolicy.Explicit,
            deliver_policy: library.DeliverPolicy.All,
            ack_wait: 60 * SECOND,
            max_deliver: -1,
            max_ack_pending: 10_000,
            inactive_threshold: 30 * DAY,
          });
        }
      },
      async [Symbol.asyncDispose]() {
        await connection.close();
      },
    };
  } catch (cause) {
    await connection.close();
    if (cause instanceof DeviceError) throw cause;
    const hint = "Start the broker with JetStream: nats-server -js -sd FOLDER";
    throw new DeviceError(action, { where: String(servers), got: String(cause), wanted: "a broker with JetStream", hint, cause });
  }
}
