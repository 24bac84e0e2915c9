// One line of progress on standard error: rewritten in place on a terminal, a line now and then elsewhere.

/** Where progress goes. */
export interface ProgressLine {
  /** Shows `text`; elsewhere than on a terminal at most every `interval` seconds. */
  update(text: string): void;
  /** Removes the line from a terminal. */
  clear(): void;
}

/** Options of {@linkcode progressLine}. */
export interface ProgressLineOptions {
  /** Least seconds between lines where there is no terminal; default 10. */
  readonly interval?: number;
  /** Whether the line is rewritten in place; default whether standard error is a terminal. */
  readonly terminal?: boolean;
  /** Where bytes go; default standard error. */
  readonly write?: (text: string) => void;
}

/**
 * A progress line. Nothing ever goes to standard output, so that results can be piped.
 *
 * @example
 * ```ts
 * import { progressLine } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const written: string[] = [];
 * const line = progressLine({ terminal: true, write: (text) => written.push(text) });
 * line.update("1 of 2");
 * line.clear();
 * assertEquals(written, ["\r1 of 2\u001b[K", "\r\u001b[K"]);
 * ```
 */
export function progressLine(options: ProgressLineOptions = {}): ProgressLine {
  const { interval = 10, terminal = Deno.stderr.isTerminal() } = options;
  const encoder = new TextEncoder(), write = options.write ?? ((text: string) => Deno.stderr.writeSync(encoder.encode(text)));
  let last = -Infinity, shown = false;
  return {
    update(text) {
      const now = performance.now() / 1000;
      if (terminal) write(`\r${text}\u001b[K`);
      else if (now - last >= interval) write(`${text}\n`);
      else return;
      last = now;
      shown = true;
    },
    clear() {
      if (terminal && shown) write("\r\u001b[K");
      shown = false;
    },
  };
}
