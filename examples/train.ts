/**
 * Trains what a JSON file says, and writes the network:
 *
 *     deno task train examples/recipes/lenet_float.json
 *     deno task train examples/recipes/lenet_w3a3.json
 *
 * The file names network, images and recipe; docs/training.md lists its fields. Everything that decides the result is in it: the same file gives the same bits
 * on any number of threads, interrupted or not. Ctrl-C keeps the checkpoint, the same command goes on from there.
 */

import {
  DATA_SOURCES,
  FileError,
  OptionError,
  type OptionValues,
  progressLine,
  runCommand,
  saveTrained,
  startFrom,
  train,
  type TrainingFile,
  trainingFile,
  type TrainingProgress,
  type TrainOptions,
} from "../mod.ts";
import { duration } from "./common/duration.ts";

const command = {
  title: "Trains a network as a JSON recipe says. Ctrl-C keeps the checkpoint; the same command goes on.",
  usage: "deno task train FILE [options]",
  options: {
    recipe: { type: "string", help: "the JSON file, if it is not the first argument" },
    check: { type: "boolean", help: "only check the file, and print what it means with all defaults" },
    fresh: { type: "boolean", help: "forget the checkpoint, begin anew" },
    backend: {
      type: "string",
      default: "cpu",
      choices: ["cpu", "webgpu", "auto"],
      help: "auto is webgpu on a real GPU, else cpu; checkpoints serve both",
    },
    threads: { type: "number", integer: true, least: 1, help: "threads of the CPU; default all cores" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

async function main(options: OptionValues<typeof command.options>): Promise<void> {
  const { recipe: path, threads, json } = options;
  if (path === undefined) {
    throw new OptionError("train", { where: "FILE", got: "nothing", wanted: "a JSON file, such as those in examples/recipes" });
  }
  const file = await readFile(path), { network, recipe, checkpoint, out, from } = file;
  if (options.check) {
    const { name, layers } = network;
    return console.log(JSON.stringify({ ...file, network: { name, layers: layers.length } }, null, 2));
  }
  const source = DATA_SOURCES[file.data.name]!, data = await source.train(file.data.load);
  const validation = file.validation === null ? undefined : await source.test(file.validation);
  const start = from === null ? network : await startFrom(network, from.checkpoint, { learned: from.learned });
  if (options.fresh) await removeIfThere(checkpoint);

  const progress = progressLine(), stop = new AbortController(), log: string[] = [];
  const interrupt = () => stop.signal.aborted ? Deno.exit(130) : stop.abort();
  Deno.addSignalListener("SIGINT", interrupt);
  const result = await train(start, data, {
    recipe,
    checkpoint,
    signal: stop.signal,
    backend: options.backend as TrainOptions["backend"] & string,
    ...(validation === undefined ? {} : { validation }),
    ...(threads === undefined ? {} : { threads }),
    onProgress: (state) => {
      progress.update(`${describe(state)}, ${state.imagesPerSecond.toFixed(0)} images/s, ${duration(state.secondsLeft)} left`);
      if (state.step % (state.steps / recipe.epochs) !== 0) return;
      progress.clear();
      log.push(describe(state));
      console.error(log.at(-1));
    },
  }).finally(() => {
    progress.clear();
    Deno.removeSignalListener("SIGINT", interrupt);
  });
  if (result.step < result.steps) {
    console.error(`Stopped after step ${result.step} of ${result.steps}; the state is in ${checkpoint}. The same command goes on.`);
    Deno.exit(130);
  }
  const notes = {
    network: network.name,
    data: data.name,
    images: data.labels.length,
    recipe,
    from,
    accuracy: result.validation ?? null,
    testImages: validation?.labels.length ?? 0,
    log,
  };
  await saveTrained(result.network, out, notes);
  if (json) return console.log(JSON.stringify({ ...notes, steps: result.steps, checkpoint, out }));
  // A checkpoint that was complete keeps what was measured then.
  const measured = validation === undefined
    ? ""
    : log.length === 0
    ? `Nothing was left to train; accuracy ${result.validation!.toFixed(4)} when it was. `
    : `Accuracy ${result.validation!.toFixed(4)} on ${notes.testImages} test images. `;
  console.log(`${measured}Written to ${out}, its checkpoint is ${checkpoint}`);
}

async function readFile(path: string): Promise<TrainingFile> {
  let value: unknown;
  try {
    value = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw new FileError("read a training file", {
      where: path,
      got: (error as Error).message,
      wanted: "a readable file of JSON",
      cause: error,
    });
  }
  return trainingFile(value, path.replace(/^.*[\\/]/, "").replace(/\.json$/, ""));
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw new FileError("begin anew", { where: path, got: (error as Error).message, cause: error });
    }
  }
}

function describe({ epoch, step, steps, loss, accuracy, validation }: TrainingProgress): string {
  const measured = validation === undefined ? "" : `, test accuracy ${validation.toFixed(4)}`;
  return `epoch ${epoch}, step ${step} of ${steps}: loss ${loss.toFixed(3)}, accuracy ${accuracy.toFixed(4)}${measured}`;
}

const [first, ...rest] = Deno.args;
await runCommand(command, main, first === undefined || first.startsWith("-") ? Deno.args : ["--recipe", first, ...rest]);
