// Thousands of random layers on a backend against the oracle: deno run -A tests/simulate/agreement_run.ts --count 3000 --seed 1 --backend webgpu|cpu. With
// --images 64 and --threads 1 there are positions enough for the CPU's tables of subset sums.

import { parseArgs } from "@std/cli/parse-args";
import { cpuBackend } from "../../lib/simulate/cpu/backend.ts";
import { openDevice } from "../../lib/gpu/device.ts";
import { disagreements } from "./agreement.ts";
import { mixedBackend } from "./agreement_ways.ts";

if (import.meta.main) {
  const { count, seed, backend: name, images, threads } = parseArgs(Deno.args, {
    string: ["count", "seed", "backend", "images", "threads"],
  });
  const [cases, first, batch] = [Number(count ?? 3000), Number(seed ?? 1), Number(images ?? 2)];
  if (!(cases > 0) || !(first >= 0) || !(batch > 0) || !["cpu", "webgpu"].includes(name ?? "cpu")) {
    console.error("usage: agreement_run.ts [--count N] [--seed N] [--backend cpu|webgpu] [--images N] [--threads N]");
    Deno.exit(2);
  }
  await using owned = new AsyncDisposableStack();
  const backend = name === "webgpu"
    ? mixedBackend(owned.use(await openDevice()))
    : owned.use(await cpuBackend(threads === undefined ? {} : { threads: Number(threads) }));
  console.log(`${cases} cases from seed ${first} on ${backend.description}`);
  const started = performance.now();
  let told = 0;
  const wrong = await disagreements(backend, first, cases, (done, found) => {
    for (const { seed, what } of found.slice(told)) console.log(`seed ${seed}: ${what}`);
    told = found.length;
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`${done} of ${cases}, ${told} wrong, ${seconds} s`);
  }, batch);
  if (wrong.length > 0) Deno.exitCode = 1;
}
