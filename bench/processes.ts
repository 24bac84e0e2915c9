// What only a fresh process shows: the time from its start to a first result, and the most memory it ever holds.

import { type Benchmark, timed } from "./measure.ts";
import type { Converter, NetworkName } from "./networks.ts";

/** Runs a script of this project in a process of its own; gives its standard output. */
async function script(path: string, ...args: string[]): Promise<string> {
  const file = new URL(`../${path}`, import.meta.url).href;
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", file, ...args] });
  const { success, stdout, stderr } = await command.output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`run ${path}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Seconds of the example from its start to its end. The first run fills caches (modules, CIFAR-10) and does not count. */
function start(images: number): Benchmark {
  const run = () => script("examples/vgg7.ts", "--images", String(images), "--no-float", "--backend", "cpu", "--json");
  return {
    group: "start",
    name: `examples/vgg7.ts, ${images === 1 ? "1 image" : `${images} images`}`,
    unit: "s",
    async measure() {
      await run();
      return Math.min(await timed(run), await timed(run), await timed(run));
    },
  };
}

/** MB at most over a run of that many images in batches of 64. */
function memory(network: NetworkName, converter: Converter, images: number): Benchmark {
  return {
    group: "memory",
    name: `${network}, ${converter}, ${images} images`,
    unit: "MB",
    measure: async () => Number(await script("bench/peak_memory.ts", network, converter, String(images))),
  };
}

/** Start-up of the example, and peak memory over the number of images. */
export const processBenchmarks: readonly Benchmark[] = [
  start(1),
  start(64),
  ...[64, 512, 2048].map((images) => memory("VGG7 width 0.25", "6 bits", images)),
  ...[64, 512].map((images) => memory("VGG7", "6 bits", images)),
];
