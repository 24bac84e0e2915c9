// A sweep that is there to be killed. Arguments: its folder, and "slurm" to run it there.

import { localRunner } from "../../lib/sweep/local/runner.ts";
import { slurmRunner } from "../../lib/sweep/slurm/runner.ts";
import { countedSweep } from "./count.ts";

const [folder, where] = Deno.args, runner = where === "slurm" ? slurmRunner({ poll: 0.2, chunk: 50 }) : localRunner({ workers: 2 });
await countedSweep(folder!, runner, 100, 40, []);
