// What long examples keep beside them, so that the same command goes on where it stopped.

import { FileError } from "../../mod.ts";

/** Anything stored, with the options that decided it. */
export interface Stored {
  /** The options, as JSON. */
  readonly settings: string;
}

/**
 * Reads what an earlier run left; `fresh` if there is nothing yet.
 *
 * @param what What is stored, for messages: "rows".
 * @throws {FileError} if the file cannot be read, or belongs to other options.
 */
export async function readState<State extends Stored>(path: string, fresh: State, what: string): Promise<State> {
  let state: State;
  try {
    state = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return fresh;
    throw new FileError("read what is done", {
      where: path,
      got: (error as Error).message,
      hint: "Add --fresh to begin anew.",
      cause: error,
    });
  }
  if (state.settings === fresh.settings) return state;
  throw new FileError("go on", {
    where: path,
    got: `${what} of other options`,
    wanted: fresh.settings,
    hint: "Give another --state, or --fresh to begin anew.",
  });
}

/** Ends the process after an interruption. */
export function stopped(path: string): never {
  console.error(`\nStopped; what is done is in ${path} and the checkpoints beside it. The same command goes on.`);
  Deno.exit(130);
}
