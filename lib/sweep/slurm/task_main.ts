// Main program of one task of a job array: its share of the shards, one after the other, each written into the shared folder as it ends.

import { FileError } from "../../errors.ts";
import { shardExecutor } from "../execute.ts";
import type { ShardTask } from "../runner.ts";
import { readError, readShard, writeOutcome } from "../store.ts";

const [folder = ".", file = "", chunk = "1"] = Deno.args, index = Number(Deno.env.get("SLURM_ARRAY_TASK_ID") ?? NaN);
if (!Number.isInteger(index)) {
  throw new FileError("run a share of the sweep", { where: "SLURM_ARRAY_TASK_ID", got: "nothing", wanted: "a number" });
}
const control = new AbortController();
// Cancelled, out of time or making room: the shard under way is left undone.
Deno.addSignalListener("SIGTERM", () => {
  control.abort(new DOMException("told to stop", "AbortError"));
  Deno.exit(143);
});
const tasks: readonly ShardTask[] = JSON.parse(await Deno.readTextFile(`${folder}/${file}`)), execute = shardExecutor();
for (const task of tasks.slice(index * Number(chunk), (index + 1) * Number(chunk))) {
  // A task that was started again skips what its first run has finished.
  if (await readShard(folder, task) !== undefined || await readError(folder, task.shard, task.attempt) !== undefined) continue;
  await writeOutcome(folder, task, await execute(task, control.signal, () => {}));
}
Deno.exit(0);
