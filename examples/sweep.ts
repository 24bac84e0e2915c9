/**
 * A sweep beyond one process: VGG7 as it ships, over ADC resolution, cell precision and array height, on this machine, a Slurm cluster or NATS workers.
 *
 *     deno run -A examples/sweep.ts --adc-bits 4,5,6 --rows 64,128,256 --images 512 --out vgg7_sweep
 *     deno run -A examples/sweep.ts --runner slurm --partition main --out /shared/vgg7_sweep
 *     deno run -A examples/sweep.ts --runner nats --servers broker:4222 --workers 0
 *
 * Every point is kept as it ends: the same command goes on from there. NATS workers join with lib/sweep/nats/worker_main.ts.
 */

import {
  cifar10,
  dorefa,
  gridSpace,
  halvingSpace,
  localRunner,
  natsRunner,
  OptionError,
  type OptionValues,
  pact,
  pipeline,
  progressLine,
  runCommand,
  type Runner,
  type ShardContext,
  slurmRunner,
  sweep,
  sweepTable,
  vgg7Pretrained,
} from "../mod.ts";

/** One configuration. */
type Configuration = {
  readonly adcBits: number;
  readonly cellBits: number;
  readonly rows: number;
  readonly width: number;
  readonly images: number;
};

/** The job: one configuration to accuracies, in whatever process. */
export async function job({ adcBits, cellBits, rows, width, images }: Configuration, { seed, signal, report }: ShardContext) {
  const { network } = await vgg7Pretrained({ width });
  const chip = pipeline()
    .quantize({ weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) })
    .decompose({ scheme: "offset", cellBits })
    .map({ rows, columns: 128, algorithm: "im2col" })
    .simulate({ adc: { bits: adcBits }, seed, threads: 1, backend: "cpu" });
  const { accuracy, logitError, cycles } = await chip.run(network, await cifar10.test({ limit: images }), {
    signal,
    onProgress: (stage, done, total) => stage === "crossbar" && report(done / total),
  });
  return { accuracy: { crossbar: accuracy.crossbar, quantized: accuracy.quantized }, logitError, cycles };
}

const command = {
  title: "Sweeps ADC bits × cell bits × rows on the VGG7 that ships, and prints accuracies.",
  usage: "deno run -A examples/sweep.ts [options]",
  options: {
    "adc-bits": { type: "string", default: "4,5,6,7", help: "ADC resolutions, separated by commas" },
    "cell-bits": { type: "string", default: "1,2", help: "bits per cell, separated by commas" },
    rows: { type: "string", default: "64,128", help: "word lines per array, separated by commas" },
    images: { type: "number", default: 64, integer: true, least: 1, most: 10000, help: "test images per point, from the first on" },
    width: { type: "number", default: 0.25, help: "channel multiplier of the network" },
    halving: { type: "boolean", help: "successive halving: all points on an eighth of the images, the best on more" },
    runner: { type: "string", default: "local", choices: ["local", "slurm", "nats"], help: "where points run" },
    workers: { type: "number", integer: true, least: 0, help: "processes here; default one per core (slurm: none)" },
    servers: { type: "string", default: "127.0.0.1:4222", help: "nats: addresses of the broker, separated by commas" },
    partition: { type: "string", help: "slurm: partition" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of the sweep" },
    out: { type: "string", default: "vgg7_sweep", help: "folder of the results; shared by the nodes for slurm" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  const { images, halving, seed, out } = options, fixed = { width: [options.width] };
  const axes = { adcBits: list(options, "adc-bits"), cellBits: list(options, "cell-bits"), rows: list(options, "rows"), ...fixed };
  const budget = { name: "images", least: Math.ceil(images / 8), most: images };
  const space = halving
    ? halvingSpace(gridSpace(axes), { budget, factor: 2, metric: "accuracy.crossbar", direction: "maximise" })
    : gridSpace({ ...axes, images: [images] });
  const control = new AbortController(), progress = progressLine();
  const interrupt = () => {
    Deno.removeSignalListener("SIGINT", interrupt); // a second Ctrl-C ends at once
    control.abort(new DOMException("interrupted", "AbortError"));
  };
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    const result = await sweep<Awaited<ReturnType<typeof job>>>(space, { module: import.meta.url, name: "job" }, {
      folder: out,
      seed,
      runner: runner(options),
      signal: control.signal,
      onProgress: ({ done, total, failed, share }) =>
        progress.update(`${done} of ${total} points, ${(100 * share).toFixed(0)} %${failed === 0 ? "" : `, ${failed} failed`}`),
    });
    progress.clear();
    const { rows, failed, resumed, errors, lost, seconds } = result;
    if (options.json) {
      console.log(JSON.stringify({ folder: result.folder, hash: result.hash, rows, failed, resumed, errors, lost, seconds }));
    } else {
      console.log(sweepTable(rows, { columns: ["adcBits", "cellBits", "rows", "images", "accuracy.crossbar", "accuracy.quantized"] }));
      for (const { point, error } of failed) console.error(`failed: ${JSON.stringify(point)}: ${error.split("\n")[0]}`);
      console.log(`${rows.length} points, ${resumed} of them from before, in ${seconds.toFixed(1)} s; ${result.folder}/results.jsonl`);
    }
    if (failed.length > 0) Deno.exitCode = 1;
  } catch (error) {
    if (!control.signal.aborted) throw error;
    console.error("Interrupted. The same command goes on from here.");
    Deno.exitCode = 130;
  } finally {
    progress.clear();
    if (!control.signal.aborted) Deno.removeSignalListener("SIGINT", interrupt);
  }
}

function runner({ runner, workers, servers, partition }: Options): Runner {
  switch (runner) {
    case "local":
      return localRunner(workers === undefined ? {} : { workers });
    case "slurm":
      return slurmRunner(partition === undefined ? {} : { partition });
    case "nats":
      return natsRunner({ servers: servers.split(","), workers: workers ?? navigator.hardwareConcurrency });
  }
}

function list(options: Options, name: "adc-bits" | "cell-bits" | "rows"): readonly number[] {
  const numbers = options[name].split(",").map(Number);
  if (numbers.every((value) => Number.isInteger(value) && value >= 1)) return numbers;
  throw new OptionError("read the command line", {
    where: `--${name}`,
    got: options[name],
    wanted: "positive integers, separated by commas",
  });
}

if (import.meta.main) await runCommand(command, main);
