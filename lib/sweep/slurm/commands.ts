// Slurm's commands as functions.

import { DeviceError } from "../../errors.ts";

/** Submits a script with a working directory. @returns The job's number. @throws {DeviceError} if Slurm refuses it. */
export async function submit(script: string, folder: string): Promise<string> {
  const { code, out, error } = await slurm("sbatch", ["--parsable", `--chdir=${folder}`, script]);
  const id = out.trim().split(";")[0] ?? "";
  if (code === 0 && /^\d+$/.test(id)) return id;
  throw new DeviceError("submit shards to Slurm", { where: script, got: error.trim() || out.trim(), wanted: "a job number from sbatch" });
}

/** Own jobs of a name that have not ended. @throws {DeviceError} if the controller does not answer. */
export async function jobsNamed(name: string): Promise<readonly string[]> {
  const { code, out, error } = await slurm("squeue", ["--noheader", "--me", `--name=${name}`, "--format=%A"]);
  if (code !== 0) throw new DeviceError("ask Slurm for jobs", { where: "squeue", got: error.trim() });
  return [...new Set(out.split("\n").map((line) => line.trim()).filter((line) => line !== ""))];
}

/** Array tasks of a job that have not ended: undefined while the controller does not answer. */
export async function tasksLeft(id: string): Promise<number | undefined> {
  const { code, out, error } = await slurm("squeue", ["--noheader", "--array", `--jobs=${id}`, "--format=%T"]);
  if (code !== 0) return /invalid job id/i.test(error) ? 0 : undefined;
  return out.split("\n").filter((line) => line.trim() !== "").length;
}

/** Cancels a job; one that has ended is none of its concern. */
export async function cancel(id: string): Promise<void> {
  await slurm("scancel", [id]);
}

async function slurm(command: string, args: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], stdin: "null" }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, out: text(stdout), error: text(stderr) };
  } catch (cause) {
    const hint = "Run on a machine where Slurm's commands are installed and on the path";
    throw new DeviceError("use Slurm", { where: command, got: String(cause), hint, cause });
  }
}
