/**
 * A worker for sweeps over NATS, as a program. It joins at once, leaves on Ctrl-C or SIGTERM, and may be killed.
 *
 *     deno run -A lib/sweep/nats/worker_main.ts --servers broker:4222 --modules file:///srv/jobs/
 *
 * A user, password or token comes from the environment: NATS_USER, NATS_PASSWORD, NATS_TOKEN.
 */

import { runCommand } from "../../cli/run.ts";
import { OptionError } from "../../errors.ts";
import { natsWorker } from "./worker.ts";

const command = {
  title: "Works for sweeps over NATS until it is told to leave.",
  usage: "deno run -A lib/sweep/nats/worker_main.ts --modules URL,… [options]",
  options: {
    servers: { type: "string", default: "127.0.0.1:4222", help: "addresses of the broker, separated by commas" },
    modules: { type: "string", help: "beginnings of URLs of the modules that may run here, separated by commas" },
    slots: { type: "number", default: 1, integer: true, least: 1, help: "shards at a time" },
    prefix: { type: "string", default: "bitline", help: "first word of stream and subject names" },
    timeout: { type: "number", least: 0.001, help: "seconds a shard may take; default no limit" },
    flags: { type: "string", default: "-A", help: "flags of deno run for the shards, separated by spaces" },
  },
} as const;

await runCommand(command, async ({ servers, modules, slots, prefix, timeout, flags }) => {
  if (modules === undefined) throw new OptionError("work for sweeps", { where: "--modules", got: "nothing", wanted: "URLs" });
  const control = new AbortController(), leave = () => control.abort(new DOMException("told to leave", "AbortError"));
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, leave);
  const [user, pass, token] = ["NATS_USER", "NATS_PASSWORD", "NATS_TOKEN"].map((name) => Deno.env.get(name));
  await natsWorker({
    servers: servers.split(","),
    modules: modules.split(","),
    slots,
    prefix,
    flags: flags.split(" ").filter((flag) => flag !== ""),
    signal: control.signal,
    ...(timeout === undefined ? {} : { timeout }),
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(token === undefined ? {} : { token }),
  });
  Deno.exit(0);
});
