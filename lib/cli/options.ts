// Command-line options as a table: the same few lines give the parser its types, the defaults and the help text. An unknown option is refused.

import { parseArgs } from "@std/cli/parse-args";
import { OptionError } from "../errors.ts";

/** One option, as `--name value` or `--name=value`; a boolean one is `--name` or `--no-name`. */
export type CommandOption =
  | {
    readonly type: "number";
    readonly help: string;
    readonly default?: number;
    /** Refuse fractions; default false. */
    readonly integer?: boolean;
    readonly least?: number;
    readonly most?: number;
  }
  | { readonly type: "string"; readonly help: string; readonly default?: string; readonly choices?: readonly string[] }
  | { readonly type: "boolean"; readonly help: string; readonly default?: boolean };

/** What a program accepts. `--help` (`-h`) need not be listed. */
export interface CommandLine {
  /** What the program does, in a line or two. */
  readonly title: string;
  /** How it is called. */
  readonly usage: string;
  /** Options by name, in the order of the help text. */
  readonly options: Readonly<Record<string, CommandOption>>;
}

/** Type of an option's value. */
export type ValueOf<O extends CommandOption> = O extends { type: "number" } ? number
  : O extends { type: "boolean" } ? boolean
  : O extends { choices: readonly (infer C)[] } ? C
  : string;

/** Parsed values by option name; undefined where neither given nor defaulted (a boolean is then false). `help` is whether help was asked for. */
export type OptionValues<T extends Readonly<Record<string, CommandOption>>> =
  & {
    readonly [K in keyof T]: T[K] extends { type: "boolean" } | { default: string | number } ? ValueOf<T[K]> : ValueOf<T[K]> | undefined;
  }
  & { readonly help: boolean };

const ACTION = "read the command line";

/**
 * Parses arguments (`Deno.args`). With `--help` among them nothing else is checked: print {@linkcode helpText}.
 *
 * @throws {OptionError} if an argument is unknown, lacks its value, or has one of the wrong type or range.
 *
 * @example
 * ```ts
 * import { parseOptions } from "@bitline/bitline";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const command = {
 *   title: "Doubles a number.",
 *   usage: "double.ts [options]",
 *   options: { width: { type: "number", default: 0.25, help: "channel multiplier" }, json: { type: "boolean", help: "print JSON" } },
 * } as const;
 * assertEquals(parseOptions(["--width", "0.5"], command), { width: 0.5, json: false, help: false });
 * assertThrows(() => parseOptions(["--widht", "0.5"], command), Error, "--widht");
 * ```
 */
export function parseOptions<const T extends Readonly<Record<string, CommandOption>>>(
  args: readonly string[],
  command: { readonly title: string; readonly usage: string; readonly options: T },
): OptionValues<T> {
  const entries = Object.entries<CommandOption>(command.options), names = entries.map(([name]) => name);
  const booleans = entries.filter(([, option]) => option.type === "boolean").map(([name]) => name);
  const strange: string[] = [];
  const given: Record<string, unknown> = parseArgs(args, {
    string: names.filter((name) => !booleans.includes(name)),
    boolean: [...booleans, "help"],
    negatable: booleans,
    default: Object.fromEntries(entries.map(([name, option]) => [name, option.default])),
    alias: { help: "h" },
    unknown: (argument: string) => {
      strange.push(argument);
      return false;
    },
  });
  const values: Record<string, unknown> = { help: given["help"] === true };
  const first = strange[0];
  if (first !== undefined && values["help"] === false) {
    throw new OptionError(ACTION, {
      where: first,
      got: first.startsWith("-") ? "an unknown option" : "an argument that belongs to no option",
      wanted: `one of ${[...names, "help"].map((name) => `--${name}`).join(", ")}`,
    });
  }
  for (const [name, option] of entries) {
    const value = given[name];
    values[name] = option.type === "boolean"
      ? value === true
      : value === undefined || value === option.default || values["help"] === true
      ? option.default
      : check(name, option, String(value));
  }
  return values as OptionValues<T>;
}

/** The text for `--help`: title, usage, and a line per option with its default. */
export function helpText({ title, usage, options }: CommandLine): string {
  const rows = Object.entries<CommandOption>(options).map(([name, option]) => {
    const value = option.type === "boolean"
      ? ""
      : option.type === "number"
      ? " N"
      : option.choices === undefined
      ? " TEXT"
      : ` ${option.choices.join("|")}`;
    const standard = option.default === undefined || option.default === false ? "" : ` (default ${option.default})`;
    return [option.default === true ? `--no-${name}` : `--${name}${value}`, option.help + standard] as const;
  });
  rows.push(["--help", "this text"]);
  const width = Math.min(28, Math.max(...rows.map(([left]) => left.length)));
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}${left.length > width ? `\n  ${" ".repeat(width)}` : ""}  ${right}`);
  return `${title}\n\nUsage: ${usage}\n\nOptions:\n${lines.join("\n")}\n`;
}

function check(name: string, option: Exclude<CommandOption, { type: "boolean" }>, text: string): string | number {
  const where = `--${name}`;
  if (text.trim() === "") {
    throw new OptionError(ACTION, { where, got: "no value", wanted: `a value after it; one that starts with a dash as ${where}=VALUE` });
  }
  if (option.type === "string") {
    if (option.choices === undefined || option.choices.includes(text)) return text;
    throw new OptionError(ACTION, { where, got: text, wanted: `one of ${option.choices.join(", ")}` });
  }
  const { integer = false, least = -Infinity, most = Infinity } = option, value = Number(text);
  if (Number.isFinite(value) && value >= least && value <= most && !(integer && !Number.isInteger(value))) return value;
  const range = [least > -Infinity ? `at least ${least}` : "", most < Infinity ? `at most ${most}` : ""].filter((part) => part !== "").join(
    " and ",
  );
  throw new OptionError(ACTION, {
    where,
    got: text,
    wanted: `${integer ? "an integer" : "a number"}${range === "" ? "" : ` of ${range}`}`,
  });
}
