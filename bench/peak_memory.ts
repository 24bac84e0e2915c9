// A process that runs a network over so many images and prints the most memory it ever held, in MB. Started by processes.ts:
//
//     deno run -A bench/peak_memory.ts "VGG7 width 0.25" "6 bits" 512

import { cpuBackend } from "../lib/simulate/cpu/backend.ts";
import { predict } from "../lib/simulate/predict.ts";
import { arraysOf, type Converter, type NetworkName, pictures } from "./networks.ts";

/** Most resident memory of this process in MB: the kernel's own record on Linux, what is resident now elsewhere. */
function peak(): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"));
    if (found !== null) return Number(found[1]) * 1024 / 1e6;
  } catch {
    // Not Linux.
  }
  return Deno.memoryUsage().rss / 1e6;
}

const [network, converter, count] = Deno.args as [NetworkName, Converter, string];
await using backend = await cpuBackend();
await using session = await backend.prepare(await arraysOf(network, converter, backend));
const images = pictures(Number(count));
await predict(session, { name: "pictures", images, labels: new Uint8Array(Number(count)), classes: [] });
console.log(peak());
