/**
 * Quantizers side by side: one float network, and from its weights the same further training with each quantizer at 1 to 4 bits, over several seeds.
 *
 *     deno run -A examples/lg_lsq.ts
 *     deno run -A examples/lg_lsq.ts --data cifar10 --images 50000 --test 10000 --epochs 30 --further 10 --methods lsq,lgLsq --bits 2,3,4
 *
 * The first and the last layer have 8 bits, all others and all activations the bits of the column. Methods whose weights need 2 bits have binary weights at 1.
 * Ctrl-C keeps what is done; the same command goes on.
 */

import {
  type ActivationSpec,
  cifar10,
  type Dataset,
  type DatasetSource,
  fashionMnist,
  lenet,
  lineChart,
  mean,
  mnist,
  type Network,
  OptionError,
  type OptionValues,
  progressLine,
  type QuantizerSpec,
  type Recipe,
  recipe,
  runCommand,
  standardDeviation,
  startFrom,
  train,
  vggSmall,
  writeAtomic,
} from "../mod.ts";
import { readState, stopped } from "./common/state.ts";

const SOURCES: Readonly<Record<string, DatasetSource>> = { mnist, "fashion-mnist": fashionMnist, cifar10 };

/** Weights and activations of a method; weights undefined where it has none of these bits. */
interface Method {
  readonly weights: (bits: number) => QuantizerSpec | undefined;
  readonly activations: (bits: number) => ActivationSpec;
}

const binary: QuantizerSpec = { kind: "binary", bits: 1 };
const fromTwo = (make: (bits: number) => QuantizerSpec) => (bits: number) => bits === 1 ? binary : make(bits);
const lgLsq = (parts: { readonly ssg?: false; readonly asr?: false; readonly mde?: false }): Method => ({
  weights: fromTwo((bits) => ({ kind: "lgLsq", bits, ...parts })),
  activations: (bits) => ({ kind: "lgLsq", bits, ...parts }),
});

/** Every method, each with the activations it was published with; PACT where it was published without. */
const METHODS: Readonly<Record<string, Method>> = {
  dorefa: { weights: (bits) => ({ kind: "dorefa", bits }), activations: (bits) => ({ kind: "pact", bits, alpha: "data" }) },
  uniform: { weights: fromTwo((bits) => ({ kind: "uniform", bits })), activations: (bits) => ({ kind: "pact", bits, alpha: "data" }) },
  sawb: { weights: fromTwo((bits) => ({ kind: "sawb", bits })), activations: (bits) => ({ kind: "pactPlus", bits, alpha: "data" }) },
  apot: {
    weights: (bits) => bits === 1 ? undefined : { kind: "apot", bits },
    activations: (bits) => ({ kind: "pact", bits, alpha: "data" }),
  },
  ternary: { weights: (bits) => bits === 2 ? { kind: "ternary", bits } : undefined, activations: (bits) => ({ kind: "lsq", bits }) },
  lsq: { weights: fromTwo((bits) => ({ kind: "lsq", bits })), activations: (bits) => ({ kind: "lsq", bits }) },
  lsqPlus: { weights: fromTwo((bits) => ({ kind: "lsqPlus", bits })), activations: (bits) => ({ kind: "lsqPlus", bits }) },
  llsq: { weights: fromTwo((bits) => ({ kind: "llsq", bits })), activations: (bits) => ({ kind: "llsq", bits }) },
  lgLsq: lgLsq({}),
  "lgLsq-ssg": lgLsq({ ssg: false }),
  "lgLsq-asr": lgLsq({ asr: false }),
  "lgLsq-mde": lgLsq({ mde: false }),
};
const USUAL = Object.keys(METHODS).filter((name) => !name.startsWith("lgLsq-")).join(",");

const command = {
  title: "Trains one network with many quantizers at few bits, from the same float weights with the same budget.",
  usage: "deno run -A examples/lg_lsq.ts [options]",
  options: {
    data: {
      type: "string",
      default: "mnist",
      choices: Object.keys(SOURCES),
      help: "images: a LeNet with batch norm on grey ones, else VGG-small",
    },
    folder: { type: "string", help: "folder with the images; default the set's own source" },
    images: { type: "number", default: 8192, integer: true, least: 1, help: "training images, from the first on" },
    test: { type: "number", default: 2000, integer: true, least: 1, help: "test images, from the first on" },
    methods: { type: "string", default: USUAL, help: `some of ${Object.keys(METHODS).join(",")}: the last three lack a part of LG-LSQ` },
    bits: { type: "string", default: "1,2,3,4", help: "bits of weights and activations, separated by commas" },
    seeds: { type: "string", default: "1,2,3", help: "seeds of first weights and order, separated by commas" },
    width: { type: "number", default: 0.25, help: "channel multiplier of VGG-small" },
    epochs: { type: "number", default: 3, integer: true, least: 1, help: "epochs in floats" },
    further: { type: "number", default: 1, integer: true, least: 1, help: "epochs that every method gets from there, floats too" },
    batch: { type: "number", default: 64, integer: true, least: 1, help: "images per step" },
    rate: { type: "number", default: 0.05, help: "peak learning rate in floats" },
    "further-rate": { type: "number", default: 0.05, help: "peak learning rate from there" },
    state: { type: "string", default: "checkpoints/lg_lsq.json", help: "runs done, and the start of checkpoints' names" },
    fresh: { type: "boolean", help: "forget what is done" },
    svg: { type: "string", help: "write errors against bits to this SVG file" },
    threads: { type: "number", integer: true, least: 1, help: "threads; default all cores" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;
/** One training run: a method's, or the float network's own further training (bits 32). */
interface Run {
  readonly method: string;
  readonly bits: number;
  readonly seed: number;
  readonly accuracy: number;
}
/** What is done, as the state file holds it. */
interface State {
  readonly settings: string;
  readonly runs: readonly Run[];
}
/** Accuracies of one cell of the table. */
interface Row {
  readonly method: string;
  readonly bits: number;
  readonly accuracy: readonly number[];
  readonly mean: number;
  /** Null of a single seed. */
  readonly std: number | null;
}

const FLOAT = "float", FLOAT_BITS = 32;
const IN_FLOATS: Partial<Recipe> = { weights: null, first: null, last: null, activations: null };

/** A list of names or integers from an option. */
function list(name: string, text: string, wanted: string, accepts: (item: string) => boolean): readonly string[] {
  const items = [...new Set(text.split(",").map((item) => item.trim()))];
  for (const item of items) {
    if (!accepts(item)) throw new OptionError("compare quantizers", { where: `--${name}`, got: item, wanted });
  }
  return items;
}

function build(options: Options, data: Dataset, seed: number): Network {
  const classes = data.classes.length;
  return options.data === "cifar10" ? vggSmall({ width: options.width, classes, seed }) : lenet({ batchNorm: true, classes, seed });
}

/** What each run trains, in order. */
function plan(methods: readonly string[], bits: readonly number[]): readonly { method: string; bits: number; changes: Partial<Recipe> }[] {
  const edges = { kind: "uniform", bits: 8 } as const;
  const quantised = bits.flatMap((width) =>
    methods.flatMap((method) => {
      const { weights, activations } = METHODS[method]!, own = weights(width);
      return own === undefined
        ? []
        : [{ method, bits: width, changes: { weights: own, first: edges, last: edges, activations: activations(width) } }];
    })
  );
  return [{ method: FLOAT, bits: FLOAT_BITS, changes: IN_FLOATS }, ...quantised];
}

async function main(options: Options): Promise<void> {
  const { folder, fresh, threads, svg, json, state: path, ...deciding } = options;
  const { methods: _, bits: __, seeds: ___, help: ____, ...settingsOf } = deciding;
  const methods = list("methods", options.methods, `some of ${Object.keys(METHODS).join(", ")}`, (item) => Object.hasOwn(METHODS, item));
  const bits = list("bits", options.bits, "integers from 1 to 4", (item) => /^[1-4]$/.test(item)).map(Number).sort();
  const seeds = list("seeds", options.seeds, "integers of at least 0", (item) => /^\d{1,9}$/.test(item)).map(Number);
  const runs = plan(methods, bits);
  const shared = { batch: options.batch, augment: options.data === "cifar10" ? { pad: 4, flip: true } : { pad: 0, flip: false } };
  const schedule = (peak: number) => ({ kind: "cosine", peak, warmup: 0.1 }) as const;
  for (const { changes } of runs) recipe({ ...shared, ...changes, schedule: schedule(options.rate) });

  const source = SOURCES[options.data]!, from = folder === undefined ? {} : { folder };
  const data = await source.train({ limit: options.images, ...from }), test = await source.test({ limit: options.test, ...from });
  const settings = JSON.stringify(settingsOf), base = path.replace(/\.json$/, "");
  const nothing: State = { settings, runs: [] };
  let state = fresh ? nothing : await readState(path, nothing, "runs");
  const save = async (done: readonly Run[]) => {
    state = { settings, runs: done };
    await writeAtomic(path, JSON.stringify(state), { makeFolders: true });
  };
  if (fresh) await save([]);

  const stop = new AbortController(), interrupt = () => stop.signal.aborted ? Deno.exit(130) : stop.abort();
  Deno.addSignalListener("SIGINT", interrupt);
  const progress = progressLine(), all = runs.length * seeds.length;
  /** Trains with a checkpoint of its own; its accuracy, or undefined if interrupted. */
  const run = async (label: string, checkpoint: string, network: Network, changes: Partial<Recipe>) => {
    if (fresh) await Deno.remove(checkpoint).catch(() => {});
    const result = await train(network, data, {
      recipe: { ...shared, ...changes },
      validation: test,
      checkpoint,
      signal: stop.signal,
      ...(threads === undefined ? {} : { threads }),
      onProgress: ({ step, steps, loss, imagesPerSecond }) =>
        progress.update(`${label}: step ${step} of ${steps}, loss ${loss.toFixed(3)}, ${imagesPerSecond.toFixed(0)} images/s`),
    });
    return result.step < result.steps ? undefined : result.validation!;
  };
  try {
    let begun = 0;
    for (const seed of seeds) {
      const network = build(options, data, seed), start = `${base}.${FLOAT}-${seed}.safetensors`;
      const left = runs.filter((each) => !state.runs.some((done) => same(done, each) && done.seed === seed));
      begun += runs.length - left.length;
      if (left.length === 0) continue;
      const floats = { ...IN_FLOATS, seed, epochs: options.epochs, schedule: schedule(options.rate) };
      if (await run(`floats, seed ${seed}`, start, network, floats) === undefined) return stopped(path);
      const trained = await startFrom(network, start);
      for (const { method, bits, changes } of left) {
        const checkpoint = `${base}.${method}-${bits}-${seed}-further.safetensors`;
        const accuracy = await run(`${++begun} of ${all}: ${method}, ${bits} bits, seed ${seed}`, checkpoint, trained, {
          ...changes,
          seed,
          epochs: options.further,
          schedule: schedule(options["further-rate"]),
        });
        if (accuracy === undefined) return stopped(path);
        await save([...state.runs, { method, bits, seed, accuracy }]);
        await Deno.remove(checkpoint);
      }
    }
  } finally {
    progress.clear();
    Deno.removeSignalListener("SIGINT", interrupt);
  }
  const rows = runs.map(({ method, bits }): Row => {
    const accuracy = seeds.map((seed) => state.runs.find((done) => same(done, { method, bits }) && done.seed === seed)!.accuracy);
    return { method, bits, accuracy, mean: mean(accuracy), std: accuracy.length < 2 ? null : standardDeviation(accuracy) };
  });
  const [float, ...quantised] = rows as [Row, ...Row[]];
  if (svg !== undefined) await writeAtomic(svg, await chart(options, float, quantised), { makeFolders: true });
  if (json) {
    const { accuracy, mean, std } = float;
    return console.log(JSON.stringify({ float: { accuracy, mean, std }, images: test.labels.length, rows: quantised }));
  }
  print(float, quantised, test, bits);
}

function same(a: { readonly method: string; readonly bits: number }, b: { readonly method: string; readonly bits: number }): boolean {
  return a.method === b.method && a.bits === b.bits;
}

/** Methods that have a row, in the order of the table above. */
function namesOf(rows: readonly Row[]): readonly string[] {
  return Object.keys(METHODS).filter((name) => rows.some(({ method }) => method === name));
}

function print(float: Row, rows: readonly Row[], test: Dataset, bits: readonly number[]): void {
  const cell = (row: Row | undefined) =>
    (row === undefined ? "–" : `${(100 * row.mean).toFixed(2)}${row.std === null ? "" : ` ± ${(100 * row.std).toFixed(2)}`}`).padStart(15);
  console.log(
    `Accuracy in % on ${test.labels.length} images of ${test.name}, mean ± standard deviation over ${float.accuracy.length} seeds`,
  );
  console.log(`method    ${bits.map((width) => `${width} bits`.padStart(15)).join("")}`);
  console.log(`${FLOAT.padEnd(10)}${cell(float)}`);
  for (const method of namesOf(rows)) {
    console.log(`${method.padEnd(10)}${bits.map((width) => cell(rows.find((row) => same(row, { method, bits: width })))).join("")}`);
  }
}

/** Errors on a logarithmic axis: methods that fail would hide the others on a linear one. */
function chart(options: Options, float: Row, rows: readonly Row[]): Promise<string> {
  const error = (row: Row) => Math.max(100 * (1 - row.mean), 50 / options.test);
  return lineChart({
    title: `Quantizers on ${options.data}`,
    x: { label: "bits of weights and activations", domain: [1, 4.5] },
    y: { label: "test images classified wrongly", unit: "%", scale: "log" },
    // Colours come back after seven lines.
    series: namesOf(rows).map((name, index) => ({
      name,
      dashed: index >= 7,
      points: rows.filter(({ method }) => method === name).map((row) => [row.bits, error(row)] as const),
    })),
    rules: [{ axis: "y", value: error(float), label: "floats" }],
  });
}

await runCommand(command, main);
