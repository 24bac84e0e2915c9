// Main program of a local worker: tasks come in as lines of JSON on standard input, outcomes go out the same way. It ends when its parent does.

import { errorText, shardExecutor } from "../execute.ts";
import type { ShardTask } from "../runner.ts";
import { lines, type WorkerMessage } from "./messages.ts";

const encoder = new TextEncoder();
// Standard output belongs to the protocol: what a job prints goes to standard error.
for (const name of ["log", "info", "debug"] as const) console[name] = console.error;

/** The newline first ends whatever a job may have written to standard output by itself. */
function send(message: WorkerMessage): void {
  const bytes = encoder.encode(`\n${JSON.stringify(message)}\n`);
  for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
}

const execute = shardExecutor(), control = new AbortController();
let current: ShardTask | undefined;
// What a job throws outside its own promise must fail its shard, not pass for a lost worker.
function fatal(event: Event, error: unknown): void {
  event.preventDefault();
  if (current === undefined) return;
  send({ kind: "fatal", outcome: { shard: current.shard, attempt: current.attempt, seconds: 0, error: errorText(error) } });
}
globalThis.addEventListener("unhandledrejection", (event) => fatal(event, event.reason));
globalThis.addEventListener("error", (event) => fatal(event, event.error));

async function work(task: ShardTask): Promise<void> {
  current = task;
  let last = -Infinity;
  const outcome = await execute(task, control.signal, (share) => {
    const now = performance.now();
    if (now - last < 100) return;
    last = now;
    send({ kind: "share", shard: task.shard, share });
  });
  current = undefined;
  send({ kind: "outcome", outcome });
}

for await (const line of lines(Deno.stdin.readable)) {
  if (line === "stop") control.abort(new DOMException("the sweep was stopped", "AbortError"));
  else work(JSON.parse(line) as ShardTask);
}
Deno.exit(0);
