/**
 * Trains a small network, prunes its channels to what the arrays' mapping has room for, trains on, and prints cycles and accuracy after every round.
 *
 *     deno run -A examples/prune.ts --network lenet --method vwc-sdk
 *
 * Rounds end when nothing is left to prune or accuracy has fallen by more than a point; the last network before that is the result.
 */

import {
  cifar10,
  cnn8,
  type Dataset,
  evaluate,
  lenet,
  mnist,
  type Network,
  OptionError,
  type OptionValues,
  progressLine,
  prune,
  type PruneOptions,
  quantizersOf,
  type Recipe,
  recipe,
  resnet20,
  runCommand,
  saveTrained,
  startFrom,
  svhn,
  ThreadPool,
  train,
  trainingGraph,
} from "../mod.ts";

const command = {
  title:
    "Prunes the channels of a network to the granularity of its arrays, round by round, with fine-tuning, until accuracy falls by a point.",
  usage: "deno run -A examples/prune.ts [options]",
  options: {
    network: { type: "string", default: "lenet", choices: ["lenet", "cnn8", "resnet20"], help: "lenet learns MNIST, the others CIFAR-10" },
    width: { type: "number", default: 1, help: "channel multiplier of cnn8 and resnet20" },
    svhn: { type: "string", help: "folder with SVHN, for cnn8 to learn instead" },
    images: { type: "number", default: 10000, integer: true, least: 1, help: "training images" },
    "test-images": { type: "number", default: 2000, integer: true, least: 1, most: 10000, help: "test images" },
    epochs: { type: "number", default: 4, integer: true, least: 1, help: "passes before pruning" },
    tune: { type: "number", default: 2, integer: true, least: 1, help: "passes after each round" },
    batch: { type: "number", default: 64, integer: true, least: 1, help: "images per step" },
    rate: { type: "number", default: 0.05, help: "peak learning rate; a fifth of it for fine-tuning" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of first weights, order and augmentation" },
    method: { type: "string", default: "granular", choices: ["granular", "vwc-sdk"], help: "how channel counts are chosen" },
    loss: { type: "number", default: 0.1, least: 0, most: 1, help: "share of weights a granular round may cost" },
    rounds: { type: "number", default: 20, integer: true, least: 1, most: 20, help: "rounds at most" },
    fall: { type: "number", default: 1, least: 0, help: "points of accuracy that end the rounds" },
    rows: { type: "number", default: 128, integer: true, least: 1, help: "word lines of an array" },
    columns: { type: "number", default: 128, integer: true, least: 1, help: "columns of an array" },
    "weight-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "bits per weight" },
    "activation-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "bits per activation" },
    "cell-bits": { type: "number", default: 1, integer: true, least: 1, most: 8, help: "bits per cell" },
    threads: { type: "number", integer: true, least: 1, help: "threads; default all cores" },
    out: { type: "string", help: "where to write the pruned network, as a file for examples/vgg7.ts --weights" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  if (options.rate <= 0) throw new OptionError("prune", { where: "--rate", got: options.rate, wanted: "a positive number" });
  const { data, validation } = await load(options);
  const folder = await Deno.makeTempDir({ prefix: "bitline-prune-" });
  try {
    await run(options, data, validation, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(options: Options, data: Dataset, validation: Dataset, folder: string): Promise<void> {
  const method: PruneOptions = options.method === "granular" ? { method: "granular", loss: options.loss } : { method: "vwc-sdk" };
  const chip = { rows: options.rows, columns: options.columns, weightBits: options["weight-bits"], cellBits: options["cell-bits"] };
  const wanted = { ...chip, ...method };
  let { network, latent, accuracy } = await fit("before pruning", build(options), options, data, validation, folder);
  const first = prune(latent, wanted).report;
  const original = { accuracy, cycles: first.cycles.before, weights: first.weights.before };
  const rounds: Record<string, unknown>[] = [], text: string[] = [];
  let stopped = `the ${options.rounds} rounds are done`;
  for (let round = 1; round <= options.rounds; round++) {
    const { network: smaller, report } = prune(latent, wanted);
    if (report.removed === 0) {
      stopped = "nothing is left to prune";
      break;
    }
    const untuned = await measure(smaller, options, validation);
    const tuned = await fit(`round ${round}`, smaller, options, data, validation, folder);
    const kept = original.accuracy - tuned.accuracy <= options.fall / 100;
    const { groups, layers, cycles, weights } = report;
    rounds.push({ kept, accuracy: { pruned: untuned, tuned: tuned.accuracy }, groups, layers, cycles, weights });
    text.push(
      report.table(),
      `Round ${round}: accuracy ${percent(untuned)} after pruning, ${percent(tuned.accuracy)} after fine-tuning${kept ? "" : ", not kept"}`,
    );
    if (!kept) {
      stopped = `accuracy fell by more than ${options.fall} points`;
      break;
    }
    ({ network, latent, accuracy } = tuned);
  }
  const last = prune(latent, wanted).report;
  const pruned = { accuracy, cycles: last.cycles.before, weights: last.weights.before };
  const notes = { command: ["deno run -A examples/prune.ts", ...Deno.args].join(" "), original, pruned, stopped };
  if (options.out !== undefined) await saveTrained(network, options.out, notes);
  if (options.json) return console.log(JSON.stringify({ network: network.name, data: validation.name, ...notes, rounds }));
  console.log(text.join("\n"));
  console.log(
    `${network.name}, ${options.method}: accuracy ${percent(original.accuracy)} → ${percent(pruned.accuracy)}, ` +
      `cycles ${original.cycles} → ${pruned.cycles}, weights ${original.weights} → ${pruned.weights}; ${stopped}.`,
  );
}

function build({ network, width, seed }: Options): Network {
  return network === "lenet" ? lenet({ seed }) : network === "cnn8" ? cnn8({ width, seed }) : resnet20({ width, seed });
}

async function load(options: Options): Promise<{ data: Dataset; validation: Dataset }> {
  const { network, images, "test-images": tests, svhn: folder } = options;
  if (folder !== undefined && network !== "cnn8") {
    throw new OptionError("prune", { where: "--svhn", got: network, wanted: "--network cnn8, which learns it" });
  }
  const source = network === "lenet" ? mnist : folder !== undefined ? svhn : cifar10, at = folder === undefined ? {} : { folder };
  return { data: await source.train({ limit: images, ...at }), validation: await source.test({ limit: tests, ...at }) };
}

function planOf(options: Options, tuning: boolean): Partial<Recipe> {
  const { network, epochs, tune, batch, seed, rate, svhn: folder } = options;
  return {
    epochs: tuning ? tune : epochs,
    batch,
    seed,
    schedule: { kind: "cosine", peak: tuning ? rate / 5 : rate, warmup: 0.2 },
    augment: { pad: network === "lenet" ? 2 : 4, flip: network !== "lenet" && folder === undefined },
    // DoReFa's weights reach 1 whatever their layer's size, which only a batch norm can follow; lenet has none.
    weights: { kind: network === "lenet" ? "uniform" : "dorefa", bits: options["weight-bits"] },
    activations: { bits: options["activation-bits"], alpha: 3 },
  };
}

/** Trains; gives the network with quantised weights, and with the real-valued ones behind them for the next round. */
async function fit(what: string, start: Network, options: Options, data: Dataset, validation: Dataset, folder: string) {
  const progress = progressLine(), checkpoint = `${folder}/${what.replaceAll(" ", "_")}.safetensors`;
  const { network, validation: accuracy } = await train(start, data, {
    recipe: planOf(options, what !== "before pruning"),
    validation,
    checkpoint,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    onProgress: ({ step, steps, loss }) => progress.update(`${what}: step ${step} of ${steps}, loss ${loss.toFixed(3)}`),
  });
  progress.clear();
  return { network, latent: await startFrom(start, checkpoint), accuracy: accuracy! };
}

/** Accuracy without training. */
async function measure(network: Network, options: Options, validation: Dataset): Promise<number> {
  using pool = await ThreadPool.create(options.threads === undefined ? {} : { threads: options.threads });
  const graph = await trainingGraph(pool, network, options.batch, quantizersOf(recipe(planOf(options, true)), network));
  return evaluate(graph, validation).accuracy;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

await runCommand(command, main);
