// Commands in documentation taken apart, and the options that programs really have, from their own help.

/** A command of `deno run` or `deno task`. */
export interface Command {
  /** Script of `deno run`. */
  readonly script?: string;
  /** Name of the task. */
  readonly task?: string;
  /** Options after it, with the value that follows, if any. */
  readonly flags: readonly (readonly [name: string, value: string | undefined])[];
}

/** Options by name, with the values they are limited to. */
export type Options = ReadonlyMap<string, readonly string[] | undefined>;

/** Takes a line of shell apart; undefined if it runs nothing of this repository. */
export function parseCommand(line: string): Command | undefined {
  const words =
    line.trim().replace(/^\$ /, "").replace(/\s#.*$/, "").match(/"[^"]*"|'[^']*'|\S+/g)?.map((word) => word.replace(/["']/g, "")) ?? [];
  const end = words.findIndex((word) => ["|", ">", "&&", ";"].includes(word)), own = end < 0 ? words : words.slice(0, end);
  const start = own[0] === "npx" ? own.findIndex((word) => word.startsWith("deno@")) : own[0] === "deno" ? 0 : -1;
  if (start < 0) return undefined;
  const [verb, ...rest] = own.slice(start + 1);
  if (verb === "task" && rest[0] !== undefined) return { task: rest[0], flags: flagsOf(rest.slice(1)) };
  const at = rest.findIndex((word) => word.endsWith(".ts"));
  return verb === "run" && at >= 0 ? { script: rest[at]!, flags: flagsOf(rest.slice(at + 1)) } : undefined;
}

function flagsOf(words: readonly string[]): (readonly [string, string | undefined])[] {
  return words.flatMap((word, at) => {
    const match = /^--([\w-]+)(?:=(.*))?$/.exec(word), next = words[at + 1];
    return match === null ? [] : [[match[1]!, match[2] ?? (next?.startsWith("--") ? undefined : next)] as const];
  });
}

/** What is wrong with a command's options. */
export function flagProblems({ flags }: Command, options: Options): string[] {
  return flags.flatMap(([flag, value]) => {
    const name = options.has(flag) ? flag : flag.replace(/^no-/, "");
    if (!options.has(name)) return [`no option --${flag}`];
    const choices = options.get(name);
    return choices === undefined || value === undefined || choices.includes(value)
      ? []
      : [`--${flag} ${value}: not one of ${choices.join(", ")}`];
  });
}

/** Options in a help text as `helpText` writes it. */
export function optionsIn(help: string): Options {
  const found = new Map<string, readonly string[] | undefined>();
  for (const [, name, value] of help.matchAll(/^ {2}--(?:no-)?([\w-]+)(?: (.+?))?(?: {2}|$)/gm)) {
    found.set(name!, value?.includes("|") ? value.split("|") : undefined);
  }
  return found;
}

/**
 * Options of programs that use `runCommand`, by path. One process prints the help of all: the second time it starts it is this module that runs, with
 * `--help` among its arguments, which every program it imports then sees as its own.
 */
export async function optionsOf(scripts: readonly string[]): Promise<ReadonlyMap<string, Options>> {
  const root = new URL("../../", import.meta.url);
  const run = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", "--no-check", ...args],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    if (code !== 0) throw new Error(`deno run ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  };
  const text = await run([new URL(import.meta.url).pathname, "--help", ...scripts]), parts = text.split(/^=== (.*)$/m);
  const found = new Map<string, Options>();
  for (let at = 1; at < parts.length; at += 2) {
    // A program that runs only when it is the main module has to be it.
    const own = optionsIn(parts[at + 1]!);
    found.set(parts[at]!, own.size > 0 ? own : optionsIn(await run([parts[at]!, "--help"])));
  }
  return found;
}

if (import.meta.main) {
  for (const script of Deno.args.slice(1)) {
    console.log(`=== ${script}`);
    await import(new URL(`../../${script}`, import.meta.url).href);
  }
}
