// A sweep that is there to be killed: the first argument is its folder.

import { localRunner } from "../../lib/sweep/local/runner.ts";
import { countedSweep } from "./count.ts";

await countedSweep(Deno.args[0]!, localRunner({ workers: 2 }), 100, 20, []);
