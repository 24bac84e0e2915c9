/**
 * How many write cycles selective write-verify saves: accuracy against normalised write cycles for several ways of choosing what to verify.
 *
 *     deno run -A examples/swim.ts --svg swim.svg
 *
 * LeNet on MNIST ships trained; `--epochs` trains it again, and the other networks always. The same command resumes from `--state`.
 */

import {
  cifar10,
  type CurvePoint,
  curvePoints,
  type CurveTable,
  cyclesWithin,
  type Dataset,
  drawErrors,
  effectiveDeviation,
  erroneousWeights,
  imageFolder,
  lineChart,
  loadTrained,
  magnitudeScores,
  mnist,
  type Network,
  OptionError,
  type OptionValues,
  pact,
  pointKey,
  progressLine,
  randomScores,
  type Recipe,
  runCommand,
  saveTrained,
  secondDerivatives,
  selectCells,
  selectWeights,
  sensitivityScores,
  sliceDataset,
  swimConvnet,
  swimLenet,
  swimLenetPretrained,
  swimResnet18,
  toleranceFor,
  train,
  trainInSitu,
  type VariationOptions,
  verifyCurves,
  verifyStatistics,
  weightGraph,
  writeAtomic,
} from "../mod.ts";
import { Table } from "@cliffy/table";

const METHODS = ["swim", "swim-noise", "swim-cells", "magnitude", "random", "in-situ"] as const;

const command = {
  title: "Accuracy over the write cycles that selective write-verify spends, for several ways of choosing weights.",
  usage: "deno run -A examples/swim.ts [options]",
  options: {
    network: {
      type: "string",
      default: "lenet",
      choices: ["lenet", "convnet", "resnet18"],
      help: "LeNet on MNIST, or a network on CIFAR-10",
    },
    sigma: { type: "string", default: "0.2,0.3", help: "deviations of open-loop writes, in steps of a 1-bit cell" },
    shares: { type: "string", default: "0,0.01,0.05,0.1,0.2,0.3,0.5,0.9,1", help: "shares verified" },
    methods: { type: "string", default: "swim,swim-cells,magnitude,random,in-situ", help: `some of ${METHODS.join(",")}` },
    passes: { type: "string", default: "0.2,0.5,1,10", help: "write cycles of in-situ training, over those of full write-verify" },
    draws: { type: "number", default: 5, integer: true, least: 1, help: "chips per point" },
    verified: { type: "number", default: 0.03, least: 0.001, help: "deviation that write-verify leaves" },
    images: { type: "number", integer: true, least: 1, help: "training images to rank with; default all" },
    limit: { type: "number", integer: true, least: 1, help: "test images; default all" },
    weights: { type: "string", help: "trained network file instead of the one that ships" },
    epochs: { type: "number", integer: true, least: 1, help: "train for so many epochs first" },
    noise: { type: "number", default: 0, least: 0, help: "with --epochs: σ of the errors that training meets in all layers but the first" },
    width: { type: "number", default: 1, help: "channel multiplier of the networks for CIFAR-10" },
    folder: {
      type: "string",
      help: "folder with the data; for resnet18 also one of train/ and test/ with a subfolder of PNG files per class",
    },
    out: { type: "string", help: "where to write the trained network" },
    svg: { type: "string", help: "where to draw the curves" },
    state: { type: "string", help: "file of samples: written after every chip, resumed from if there" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of training and chips" },
    threads: { type: "number", integer: true, least: 1, help: "threads; default all cores" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  const sigmas = numbers("--sigma", options.sigma, 1e-6), shares = numbers("--shares", options.shares, 0).filter((share) => share <= 1);
  const passes = numbers("--passes", options.passes, 1e-6).sort((a, b) => a - b), wanted = options.methods.split(",");
  const strange = wanted.find((name) => !METHODS.some((each) => each === name));
  if (strange !== undefined) throw new OptionError("choose methods", { where: "--methods", got: strange, wanted: METHODS.join(", ") });
  const progress = progressLine(), threads = options.threads === undefined ? {} : { threads: options.threads };
  const { training, test, network } = await prepare(options, progress);
  const bits = options.network === "convnet" ? 6 : 4, activations = pact({ bits });
  const ranking = options.images === undefined ? training : sliceDataset(training, 0, Math.min(options.images, training.labels.length));
  const say = (what: string) => (done: number, total: number) => progress.update(`${what}: ${done} of ${total} images`);

  using graph = await weightGraph(network, { activations, ...threads });
  const clean = graph.evaluate(test).accuracy;
  const plain = wanted.includes("swim")
    ? sensitivityScores(network, await secondDerivatives(network, ranking, { activations, ...threads, onProgress: say("curvature") }), {
      gradient: 2 / 128, // the original adds twice the gradient of a mean over 128 images
    })
    : undefined;
  const noisy = new Map(
    await Array.fromAsync(wanted.some((name) => name.startsWith("swim-")) ? sigmas : [], async (sigma) => {
      const few = sliceDataset(ranking, 0, Math.min(10_000, ranking.labels.length));
      const weights = (batch: number) => erroneousWeights(network, drawErrors(network, { sigma }, { seed: options.seed + 1, draw: batch }));
      const derivatives = await secondDerivatives(network, few, {
        activations,
        weights,
        ...threads,
        onProgress: say(`curvature at σ ${sigma}`),
      });
      return [sigma, sensitivityScores(network, derivatives)] as const;
    }),
  );
  const magnitudes = magnitudeScores(network);
  const choose: Record<string, (share: number, draw: number, sigma: number) => ReturnType<typeof selectWeights>> = {
    "swim": (share) => selectWeights(network, plain!, { share }),
    "swim-noise": (share, _, sigma) => selectWeights(network, noisy.get(sigma)!, { share }),
    "swim-cells": (share, _, sigma) => selectCells(network, noisy.get(sigma)!, { share }),
    "magnitude": (share) => selectWeights(network, magnitudes, { share }),
    "random": (share, draw) => selectWeights(network, randomScores(network, options.seed + 7 * draw), { share }),
  };
  const variation = (sigma: number): VariationOptions => {
    return sigma > options.verified
      ? { sigma, verify: { tolerance: toleranceFor(sigma, options.verified), maxPulses: 1000 } }
      : { sigma, verify: { tolerance: 4 * sigma } };
  };
  const subject = JSON.stringify({ ...options, svg: "", state: "", out: "", json: false, draws: 0, threads: 0 });
  let table = await restore(options.state, subject);
  const keep = async (next: CurveTable) => {
    table = next;
    if (options.state !== undefined) await writeAtomic(options.state, JSON.stringify({ subject, table }), { makeFolders: true });
  };
  const methods = wanted.filter((name) => name !== "in-situ").map((name) => ({ name, select: choose[name]! }));
  for (const sigma of methods.length > 0 ? sigmas : []) {
    for (let draws = 1; draws <= options.draws; draws++) {
      progress.update(`σ ${sigma}: chip ${draws} of ${options.draws}`);
      await keep(
        verifyCurves(network, graph, test, { methods, sigmas: [sigma], shares, draws, variation, seed: options.seed, resume: table }),
      );
    }
  }
  for (const sigma of wanted.includes("in-situ") ? sigmas : []) {
    const perCell = verifyStatistics(sigma, variation(sigma).verify!.tolerance).cycles;
    const steps = [...new Set(passes.map((cycles) => Math.max(1, Math.round(cycles * perCell))))];
    for (let draw = table[pointKey("in-situ", sigma, steps.at(-1)! / perCell)]?.accuracy.length ?? 0; draw < options.draws; draw++) {
      progress.update(`in situ, σ ${sigma}: chip ${draw + 1} of ${options.draws}`);
      const fresh: Record<string, { accuracy: number[]; writeCycles: number[] }> = {};
      await trainInSitu(network, training, {
        variation: { sigma },
        steps: steps.at(-1)!,
        activations,
        seed: options.seed,
        draw,
        ...threads,
        batch: Math.min(128, training.labels.length),
        onStep(step, weights) {
          if (!steps.includes(step)) return;
          const key = pointKey("in-situ", sigma, step / perCell), before = table[key] ?? { accuracy: [], writeCycles: [] };
          const { accuracy } = graph.evaluate(test, weights);
          fresh[key] = { accuracy: [...before.accuracy, accuracy], writeCycles: [...before.writeCycles, step / perCell] };
        },
      });
      await keep({ ...table, ...fresh });
    }
  }
  progress.clear();
  // In-situ training does not end at full write-verify.
  const points = curvePoints(table, wanted).filter(({ method, share }) => method !== "in-situ" || share !== 1);
  if (options.svg !== undefined) await writeAtomic(options.svg, await draw(points, sigmas, clean), { makeFolders: true });
  if (options.json) {
    const curves = points.map(({ method, sigma, share, writeCycles, mean, std }) => ({ method, sigma, share, writeCycles, mean, std }));
    console.log(JSON.stringify({ clean, curves }));
  } else console.log(`${test.labels.length} images of ${test.name}, clean accuracy ${percent(clean)}\n${text(points, sigmas, wanted)}`);
}

/** Data and the trained network. */
async function prepare(options: Options, progress: ReturnType<typeof progressLine>) {
  const { folder, seed, width, epochs } = options, lenet = options.network === "lenet";
  const source = { ...(folder === undefined ? {} : { folder }) }, limit = options.limit === undefined ? {} : { limit: options.limit };
  const own = !lenet && folder !== undefined && await Deno.stat(`${folder}/train`).then(({ isDirectory }) => isDirectory, () => false);
  const image = own ? 64 : 32, size = [image, image, 3] as const;
  const training: Dataset = lenet
    ? await mnist.train(source)
    : own
    ? await imageFolder(`${folder}/train`, { size })
    : await cifar10.train(source);
  const test: Dataset = lenet
    ? await mnist.test({ ...source, ...limit })
    : own
    ? await imageFolder(`${folder}/test`, { size, ...limit })
    : await cifar10.test({ ...source, ...limit });
  if (options.weights !== undefined) return { training, test, network: (await loadTrained(options.weights)).network };
  if (lenet && epochs === undefined) return { training, test, network: (await swimLenetPretrained()).network };
  const classes = training.classes.length || 10, shape = { classes, image, width, seed };
  const fresh: Network = lenet ? swimLenet({ seed }) : options.network === "convnet" ? swimConvnet(shape) : swimResnet18(shape);
  const bits = options.network === "convnet" ? 6 : 4, weights = { kind: "uniform", bits } as const, log: string[] = [];
  const recipe: Partial<Recipe> = {
    epochs: epochs ?? 30,
    seed,
    schedule: { kind: "cosine", peak: 0.05, warmup: 0.1 },
    optimizer: {
      momentum: 0.9,
      nesterov: true,
      decay: { weight: lenet ? 2e-4 : 5e-4, normalization: 0, alpha: 1e-4 },
      rate: { weight: 1, normalization: 1, alpha: 1 },
    },
    augment: lenet ? { pad: 0, flip: false } : { pad: 4, flip: true },
    weights,
    first: weights,
    last: weights,
    activations: { bits, alpha: 3 },
    // Signed cells of 8 bits behind converters that lose nothing: what is left of an array is its noise.
    pim: options.noise === 0 ? null : {
      scheme: "native",
      adcBits: 16,
      range: "max",
      xi: 1,
      eta: 1,
      layers: fresh.layers.filter(({ op }) => op === "conv" || op === "linear").slice(1).map(({ name }) => name),
      noise: { weights: options.noise * effectiveDeviation({ sigma: options.noise }) },
      seed,
    },
  };
  const result = await train(fresh, training, {
    recipe,
    validation: test,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.state === undefined ? {} : { checkpoint: `${options.state}.training` }),
    onProgress({ epoch, step, steps, loss, validation, secondsLeft }) {
      progress.update(`training, epoch ${epoch}, step ${step} of ${steps}: loss ${loss.toFixed(3)}, ${Math.round(secondsLeft)} s left`);
      if (validation !== undefined) log.push(`epoch ${epoch}: loss ${loss.toFixed(4)}, test accuracy ${validation.toFixed(4)}`);
    },
  });
  const line = ["deno run -A examples/swim.ts", ...Deno.args].join(" ");
  if (options.out !== undefined) {
    await saveTrained(result.network, options.out, {
      command: line,
      seed,
      accuracy: result.validation,
      images: test.labels.length,
      recipe: result.recipe,
      log,
    });
  }
  return { training, test, network: result.network };
}

/** Samples of an earlier run of the same options. */
async function restore(path: string | undefined, subject: string): Promise<CurveTable> {
  const text = path === undefined ? undefined : await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) return {};
  const saved = JSON.parse(text) as { subject: string; table: CurveTable };
  if (saved.subject === subject) return saved.table;
  throw new OptionError("resume", {
    where: "--state",
    got: `samples of other options, ${saved.subject}`,
    wanted: "the same options, or another file",
  });
}

function numbers(where: string, given: string, least: number): number[] {
  const found = given.split(",").map(Number);
  if (found.every((value) => Number.isFinite(value) && value >= least)) return found;
  throw new OptionError("read the command line", { where, got: given, wanted: `numbers of at least ${least}, with commas between` });
}

function text(points: readonly CurvePoint[], sigmas: readonly number[], methods: readonly string[]): string {
  const found = (sigma: number, method: string) => points.filter((point) => point.sigma === sigma && point.method === method);
  const tables = sigmas.map((sigma) => {
    const rows = methods.flatMap((method) =>
      found(sigma, method).map(({ share, writeCycles, mean, std, p5 }, index) => [
        index === 0 ? method : "",
        share.toFixed(3),
        writeCycles.toFixed(3),
        percent(mean),
        `± ${percent(std)}`,
        percent(p5),
      ])
    );
    const header = ["method", "share", "write cycles", "accuracy", "", "95 % reach"];
    return `\nσ ${sigma}\n${new Table().header(header).body(rows).border().toString()}`;
  });
  const summary = sigmas.flatMap((sigma) =>
    methods.map((method) => [String(sigma), method, cyclesWithin(found(sigma, method), 0.005)?.toFixed(3) ?? "never"])
  );
  return `${tables.join("\n")}\n\nWrite cycles within 0.5 points of full write-verify\n${
    new Table().header(["σ", "method", "write cycles"]).body(summary).border().toString()
  }`;
}

async function draw(points: readonly CurvePoint[], sigmas: readonly number[], clean: number): Promise<string> {
  const keys = [...new Set(points.map(({ method }) => method))].flatMap((method) => sigmas.map((sigma) => [method, sigma] as const));
  const series = keys.flatMap(([method, sigma]) => {
    const own = points.filter((point) =>
      point.method === method && point.sigma === sigma && point.writeCycles > 0 && point.writeCycles <= 1.1
    );
    if (own.length === 0) return [];
    return [{
      name: sigmas.length === 1 ? method : `${method}, σ ${sigma}`,
      points: own.map(({ writeCycles, mean }) => [writeCycles, 100 * mean] as const),
      band: own.map(({ writeCycles, mean, std }) => [writeCycles, 100 * (mean - std), 100 * (mean + std)] as const),
      dashed: sigma !== sigmas[0],
    }];
  });
  return await lineChart({
    title: "Accuracy over write-verify cycles, mean ± deviation over chips",
    width: 900,
    height: 500,
    x: { label: "write cycles over those of full write-verify", scale: "log" },
    y: { label: "accuracy", unit: "%" },
    series,
    rules: [{ axis: "y", value: 100 * clean, label: "clean" }],
  });
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

await runCommand(command, main);
