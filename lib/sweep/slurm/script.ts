// The batch script of one job array, as text.

import type { SlurmRunnerOptions } from "./runner.ts";

/** What a script is made of. */
export interface SlurmScript {
  /** Name of the job. */
  readonly name: string;
  /** Array tasks. */
  readonly count: number;
  /** Shards per array task. */
  readonly chunk: number;
  /** File of the shards, within the sweep's folder. */
  readonly tasks: string;
}

/**
 * Script of a job array that runs `chunk` shards per array task. It is to be submitted with the sweep's folder as working directory. Slurm starts an
 * array task again when its node fails; what else goes missing is submitted again by the sweep.
 */
export function slurmScript({ name, count, chunk, tasks }: SlurmScript, options: SlurmRunnerOptions): string {
  const { partition, account, time, memory, cpus = 1, atOnce, directives = [], setup = [], flags = ["-A"], deno = Deno.execPath() } =
    options;
  const given = [
    `--job-name=${name}`,
    `--array=0-${count - 1}${atOnce === undefined ? "" : `%${atOnce}`}`,
    "--ntasks=1",
    `--cpus-per-task=${cpus}`,
    "--requeue",
    "--open-mode=append",
    "--output=slurm/%A_%a.log",
    ...Object.entries({ partition, account, time, mem: memory }).flatMap(([key, value]) =>
      value === undefined ? [] : [`--${key}=${value}`]
    ),
    ...directives,
  ];
  const main = new URL("./task_main.ts", import.meta.url).href;
  const command = [deno, "run", "-q", "--no-check", "--no-prompt", ...flags, main, ".", tasks, String(chunk)];
  return [
    "#!/bin/bash",
    ...given.map((directive) => `#SBATCH ${directive}`),
    ...setup,
    `exec ${command.map(quote).join(" ")}`,
    "",
  ].join("\n");
}

/** A word for the shell. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
