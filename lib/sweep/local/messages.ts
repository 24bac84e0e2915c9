// Lines of JSON between a sweep and its worker processes.

import type { Outcome } from "../runner.ts";

/** What a worker process says. */
export type WorkerMessage =
  | { readonly kind: "share"; readonly shard: number; readonly share: number }
  /** After a fatal one the process is of no further use. */
  | { readonly kind: "outcome" | "fatal"; readonly outcome: Outcome };

/** Non-empty lines of a stream of UTF-8, without their ends. A last line that was cut off is dropped. */
export async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    for (const part of parts) if (part !== "") yield part;
  }
}

/** A line as a message; undefined if it is something else that a job has printed. */
export function parseMessage(line: string): WorkerMessage | undefined {
  try {
    const message = JSON.parse(line) as WorkerMessage | null;
    return message !== null && ["share", "outcome", "fatal"].includes(message.kind) ? message : undefined;
  } catch {
    return undefined;
  }
}
