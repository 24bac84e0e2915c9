// A program's frame: options read, --help printed, and an error of Bitline's told in one line with an exit code instead of a stack.

import { BitlineError, OptionError } from "../errors.ts";
import { type CommandOption, helpText, type OptionValues, parseOptions } from "./options.ts";

/**
 * Runs a program on its arguments. `--help` prints the options and does nothing else.
 *
 * A {@linkcode BitlineError} goes to standard error as name and message, and the process exits: with 2 if an option was wrong, else with 1. Any other
 * error is a fault in the program and is thrown on.
 *
 * @param main What the program does with its options.
 * @param args Arguments, default `Deno.args`.
 */
export async function runCommand<const T extends Readonly<Record<string, CommandOption>>>(
  command: { readonly title: string; readonly usage: string; readonly options: T },
  main: (options: OptionValues<T>) => void | Promise<void>,
  args: readonly string[] = Deno.args,
): Promise<void> {
  try {
    const options = parseOptions(args, command);
    if (options.help) console.log(helpText(command));
    else await main(options);
  } catch (error) {
    if (!(error instanceof BitlineError)) throw error;
    console.error(`${error.name}: ${error.message}`);
    Deno.exit(error instanceof OptionError ? 2 : 1);
  }
}
