// One worker process as its parent sees it: started when first needed, replaced when it dies.

import type { Outcome, ShardTask } from "../runner.ts";
import { lines, parseMessage } from "./messages.ts";

/** Options of {@linkcode WorkerProcess}. */
export interface WorkerProcessOptions {
  /** Flags of `deno run`. */
  readonly flags: readonly string[];
  /** Further environment variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Seconds a shard may take; Infinity for no limit. */
  readonly timeout: number;
}

/** What became of a task: an outcome, or a worker that died with it. */
export type Ending = { readonly outcome: Outcome } | { readonly died: string };

/** Owns a child process that runs one shard at a time. */
export class WorkerProcess implements AsyncDisposable {
  readonly #options: WorkerProcessOptions;
  #child: Deno.ChildProcess | undefined;
  #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  #finish: ((ending: Ending) => void) | undefined;
  #report: (share: number) => void = () => {};
  #errors = "";
  #ended: Promise<void> = Promise.resolve();

  /** Starts nothing yet. */
  constructor(options: WorkerProcessOptions) {
    this.#options = options;
  }

  /** Identifier of the running process, if there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Runs a task. Never rejects: a process that dies is an ending too. */
  async run(task: ShardTask, report: (share: number) => void): Promise<Ending> {
    if (this.#child === undefined) this.#start();
    const { promise, resolve } = Promise.withResolvers<Ending>(), { timeout } = this.#options;
    this.#finish = resolve;
    this.#report = report;
    const late = timeout === Infinity ? undefined : setTimeout(() => {
      const error = `no result after ${timeout} s`;
      this.#settle({ outcome: { shard: task.shard, attempt: task.attempt, seconds: timeout, error } });
      this.kill();
    }, timeout * 1000);
    try {
      await this.#input!.write(new TextEncoder().encode(JSON.stringify(task) + "\n"));
    } catch {
      // The process is gone, and its end settles the task.
    }
    try {
      return await promise;
    } finally {
      clearTimeout(late);
    }
  }

  /** Asks the job to stop. */
  stop(): void {
    this.#input?.write(new TextEncoder().encode("stop\n")).catch(() => {});
  }

  /** Ends the process at once. */
  kill(): void {
    const child = this.#child;
    this.#child = undefined;
    try {
      child?.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  /** Closes the process's input, which ends it, and waits; kills it after a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    await this.#input?.close().catch(() => {});
    const late = setTimeout(() => {
      if (this.#child === child) this.kill();
    }, 1000);
    await this.#ended;
    clearTimeout(late);
  }

  #start(): void {
    const script = new URL("./child.ts", import.meta.url).href, { flags, env } = this.#options;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-check", "--no-prompt", ...flags, script],
      env: { ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#child = child;
    this.#errors = "";
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => {});
    this.#ended = this.#watch(child);
  }

  async #watch(child: Deno.ChildProcess): Promise<void> {
    const [status] = await Promise.all([child.status, this.#listen(child), this.#keepErrors(child)]);
    if (this.#child === child) this.#child = undefined;
    else if (this.#child !== undefined) return; // another process has taken its place
    const last = this.#errors.trim().split("\n").slice(-4).join("\n");
    this.#settle({ died: `the worker ended with ${status.signal ?? `code ${status.code}`}${last === "" ? "" : `: ${last}`}` });
  }

  async #listen(child: Deno.ChildProcess): Promise<void> {
    for await (const line of lines(child.stdout)) {
      const message = parseMessage(line);
      if (message === undefined || this.#child !== child) continue;
      if (message.kind === "share") {
        this.#report(message.share);
        continue;
      }
      if (message.kind === "fatal") this.kill();
      this.#settle({ outcome: message.outcome });
    }
  }

  /** The end of what it wrote to standard error, for messages. */
  async #keepErrors(child: Deno.ChildProcess): Promise<void> {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) this.#errors = (this.#errors + text).slice(-4000);
  }

  #settle(ending: Ending): void {
    const finish = this.#finish;
    this.#finish = undefined;
    finish?.(ending);
  }
}
