// Commands in documentation exist: programs, their options and the values these are limited to, and tasks.

import { assert, assertEquals } from "@std/assert";
import { type Command, flagProblems, optionsIn, optionsOf, parseCommand } from "./commands.ts";
import { codeOf, exists, markdownFiles, textOf } from "./markdown.ts";

/** Tasks that hand their arguments to a program with options. */
const TASKS: Readonly<Record<string, string>> = { train: "examples/train.ts" };

interface Found {
  readonly where: string;
  readonly command: Command;
}

/** All commands in Markdown files, and those in the head comments of examples. */
async function commands(): Promise<Found[]> {
  const found: Found[] = [];
  const add = (where: string, line: string) => {
    const command = parseCommand(line);
    if (command !== undefined) found.push({ where: `${where}: ${line.trim()}`, command });
  };
  for (const path of await markdownFiles()) {
    for (const { line, language, text } of codeOf(await textOf(path))) {
      if (["sh", "bash", "", "span"].includes(language)) text.split("\n").forEach((each) => add(`${path}, line ${line}`, each));
    }
  }
  for await (const { name } of Deno.readDir(new URL("../../examples", import.meta.url))) {
    if (!name.endsWith(".ts")) continue;
    for (const line of (await textOf(`examples/${name}`)).split("\n")) {
      const comment = /^ \*\s+(deno .*)$/.exec(line)?.[1];
      if (comment !== undefined) add(`examples/${name}`, comment);
    }
  }
  return found;
}

Deno.test("parseCommand() takes lines of shell apart", () => {
  assertEquals(parseCommand('deno run -A examples/x.ts --svg a --limits "a>=1" --json --seed=3 > out.json  # says --nothing'), {
    script: "examples/x.ts",
    flags: [["svg", "a"], ["limits", "a>=1"], ["json", undefined], ["seed", "3"]],
  });
  assertEquals(parseCommand("npx -y deno@2.9.6 task train file.json --check"), { task: "train", flags: [["check", undefined]] });
  assertEquals(parseCommand("nats-server -js"), undefined);
});

Deno.test("flagProblems() names what a program does not have", () => {
  const options = optionsIn(
    "Options:\n  --width N     channels\n  --mode a|b c  how\n  --no-float    without\n  --help        this text\n",
  );
  const problems = (line: string) => flagProblems(parseCommand(`deno run x.ts ${line}`)!, options);
  assertEquals(problems('--width 3 --mode "b c" --no-float --float'), []);
  assertEquals(problems("--wide 3 --mode c"), ["no option --wide", "--mode c: not one of a, b c"]);
});

Deno.test("commands in documentation name programs, options and tasks that exist", async () => {
  const all = await commands(), tasks: Readonly<Record<string, string>> = JSON.parse(await textOf("deno.json")).tasks;
  const own = (script: string) => !script.startsWith("/") && !script.startsWith("..") && script.includes("/");
  const programs: string[] = [], problems: string[] = [];
  for (const script of new Set(all.map(({ command }) => command.script ?? TASKS[command.task!] ?? ""))) {
    if (own(script) && await exists(script) && (await textOf(script)).includes("await runCommand(")) programs.push(script);
  }
  const options = await optionsOf(programs);
  for (const { where, command } of all) {
    const { task, script = TASKS[task!] } = command;
    if (task !== undefined && !Object.hasOwn(tasks, task)) problems.push(`${where}: no task ${task}`);
    if (script === undefined || !own(script)) continue;
    if (!await exists(script)) problems.push(`${where}: no file ${script}`);
    problems.push(...options.has(script) ? flagProblems(command, options.get(script)!).map((problem) => `${where}: ${problem}`) : []);
  }
  assert(all.length > 40 && options.size > 15, `only ${all.length} commands of ${options.size} programs found`);
  assertEquals(problems, []);
});
