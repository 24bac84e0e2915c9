/**
 * The failure and the remedy: a 4-bit network trained the ordinary way, and the same one trained through the arrays, on converters of few bits.
 *
 *     deno run -A examples/pim_qat.ts
 *     deno run -A examples/pim_qat.ts --data cifar10 --images 50000 --test 10000 --epochs 20 --further 10 --bits 3,4,5,6,7,8 --seeds 1,2,3
 *
 * One network is trained in floats, then with 4-bit weights and activations. From there each row of the table gets the same further epochs twice: the
 * ordinary way, simulated through the converters afterwards, and through the converters (PIM-QAT). The ordinary one is simulated three times: with converters
 * that hold any sum, with ranges that fit the sums of training images ("ordinary" proper: the ranges PIM-QAT starts from), and with batch norm measured anew
 * on these. Ctrl-C keeps what is done; the same command goes on.
 */

import {
  calibrateBatchNorm,
  cifar10,
  cpuBackend,
  type Dataset,
  type DatasetSource,
  fashionMnist,
  lineChart,
  type MappedNetwork,
  mnist,
  type Network,
  network,
  OptionError,
  type OptionValues,
  pact,
  PIM_RANGES,
  PIM_SCHEMES,
  pimChip,
  pimDigital,
  type PimOptions,
  type PimScheme,
  progressLine,
  quantize,
  type Recipe,
  recipe,
  runCommand,
  simulate,
  sliceDataset,
  startFrom,
  train,
  uniform,
  writeAtomic,
} from "../mod.ts";
import { type Accuracies, mean, percent, summary, table } from "./common/recovery.ts";
import { readState, stopped } from "./common/state.ts";

const SOURCES: Readonly<Record<string, DatasetSource>> = { mnist, "fashion-mnist": fashionMnist, cifar10 };

const command = {
  title: "Ordinary quantisation-aware training against training through arrays and converters of few bits, scheme by scheme.",
  usage: "deno run -A examples/pim_qat.ts [options]",
  options: {
    data: { type: "string", default: "mnist", choices: Object.keys(SOURCES), help: "images" },
    folder: { type: "string", help: "folder with the images; default the set's own source" },
    images: { type: "number", default: 8192, integer: true, least: 1, help: "training images, from the first on" },
    test: { type: "number", default: 2000, integer: true, least: 1, help: "test images, from the first on" },
    schemes: { type: "string", default: PIM_SCHEMES.join(","), help: "schemes, separated by commas" },
    bits: { type: "string", default: "3,4,5", help: "bits of the converters, separated by commas" },
    rows: { type: "number", default: 144, integer: true, least: 1, help: "rows summed before a conversion" },
    "digit-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "input bits per step" },
    range: { type: "string", choices: PIM_RANGES, help: "range of the converters in PIM-QAT; default mse for native, learned for others" },
    width: { type: "number", default: 16, integer: true, least: 4, help: "channels of the first layer on arrays" },
    epochs: { type: "number", default: 3, integer: true, least: 1, help: "epochs in floats, and half as many quantised" },
    further: { type: "number", default: 2, integer: true, least: 1, help: "epochs that both ways get from there" },
    batch: { type: "number", default: 64, integer: true, least: 1, help: "images per step" },
    rate: { type: "number", default: 0.05, help: "peak learning rate" },
    "further-rate": { type: "number", default: 0.05, help: "peak learning rate of the further epochs" },
    "step-rate": { type: "number", default: 10, help: "rate of a learned range's steps, relative to that of weights" },
    seeds: { type: "string", default: "1", help: "seeds of first weights and order, separated by commas" },
    state: { type: "string", default: "checkpoints/pim_qat.json", help: "rows done, and the start of checkpoints' names" },
    fresh: { type: "boolean", help: "forget what is done" },
    curves: { type: "string", help: "write learning curves of the further epochs to this SVG file" },
    threads: { type: "number", integer: true, least: 1, help: "threads; default all cores" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;
/** Step and loss. */
type Curve = readonly (readonly [number, number])[];
/** Accuracies of one seed. */
interface Cell extends Accuracies {
  readonly scheme: PimScheme;
  readonly adcBits: number;
  readonly seed: number;
  readonly curve: Curve;
}
/** What one seed's networks reach without arrays. */
interface Base {
  readonly float: number;
  readonly quantised: number;
  readonly curve: Curve;
}
/** What is done, as the state file holds it. */
interface State {
  readonly settings: string;
  readonly bases: Readonly<Record<string, Base>>;
  readonly cells: readonly Cell[];
}

/** Six convolutions with batch norm and ReLU, the first of them digital, three of them halving the image, and a fully connected layer. */
function build(input: Network["input"], width: number, classes: number, seed: number): Network {
  return network({ name: "vgg_small", input, encoding: { zero: 0, scale: 1 / 255 }, seed }, (b) => {
    for (
      const [index, [channels, stride]] of [[width / 2, 2], [width, 1], [width, 1], [2 * width, 2], [2 * width, 1], [2 * width, 2]]
        .entries()
    ) {
      b.conv(`conv${index + 1}`, { channels: Math.ceil(channels!), kernel: 3, stride: stride!, padding: 1, bias: false });
      b.batchNorm(`bn${index + 1}`);
      b.relu(`relu${index + 1}`);
    }
    b.flatten("flatten");
    b.linear("fc", { features: classes });
  });
}

const WEIGHTS = { kind: "uniform", bits: 4 } as const, EDGES = { kind: "uniform", bits: 8 } as const;

async function main(options: Options): Promise<void> {
  const schemes = options.schemes.split(",") as PimScheme[],
    widths = options.bits.split(",").map(Number),
    seeds = wholes("--seeds", options.seeds);
  const configurations = widths.flatMap((adcBits) =>
    schemes.map((scheme): PimOptions => {
      return {
        scheme,
        adcBits,
        rows: options.rows,
        digitBits: options["digit-bits"],
        range: (options.range ?? (scheme === "native" ? "mse" : "learned")) as PimOptions["range"] & string,
      };
    })
  );
  for (const pim of configurations) recipe({ pim });
  wholes("--bits", options.bits);

  const source = SOURCES[options.data]!, folder = options.folder === undefined ? {} : { folder: options.folder };
  const data = await source.train({ ...folder, limit: options.images }), test = await source.test({ ...folder, limit: options.test });
  const { schemes: _schemes, bits: _bits, seeds: _seeds, state: path, fresh, curves, threads, json, help: _help, ...deciding } = options;
  const nothing: State = { settings: JSON.stringify(deciding), bases: {}, cells: [] };
  let state = fresh ? nothing : await readState(path, nothing, "rows");
  const save = async (change: Partial<State>) => {
    state = { ...state, ...change };
    await writeAtomic(path, JSON.stringify(state), { makeFolders: true });
  };
  if (fresh) await save({});

  const stop = new AbortController(), interrupt = () => stop.signal.aborted ? Deno.exit(130) : stop.abort();
  Deno.addSignalListener("SIGINT", interrupt);
  const progress = progressLine(), size = threads === undefined ? {} : { threads };
  const trainer: Trainer = {
    options,
    data,
    test,
    size,
    fresh: fresh ?? false,
    stop: stop.signal,
    progress,
    base: path.replace(/\.json$/, ""),
  };
  try {
    await using backend = await cpuBackend(size);
    const images = sliceDataset(data, 0, Math.min(64, data.labels.length)).images,
      few = sliceDataset(data, 0, Math.min(256, data.labels.length));
    for (const seed of seeds) {
      const missing = configurations.filter((pim) => !state.cells.some((cell) => matches(cell, pim) && cell.seed === seed));
      if (missing.length === 0) continue;
      const ready = await prepare(trainer, seed);
      if (ready === undefined) return stopped(path);
      const { from, ordinary, further, base } = ready;
      await save({ bases: { [seed]: base, ...state.bases } });
      const through = async (trained: Network, pim: PimOptions, calibrate = false) => {
        const quantized = quantize(trained, {
          weights: uniform({ bits: 4 }),
          activations: pact({ bits: 4 }),
          digital: pimDigital(trained, pim),
        });
        const chip = await pimChip(quantized, pim, { images, backend }), settings = { ...chip.simulate, backend };
        const accuracy = async (mapped: MappedNetwork) => (await simulate(mapped, test, settings)).accuracy.crossbar;
        const plain = await accuracy(chip.mapped);
        return [plain, calibrate ? await accuracy(await calibrateBatchNorm(chip.mapped, few, settings)) : plain] as const;
      };
      for (const pim of missing) {
        const { scheme, adcBits } = pim, name = `${seed}.${scheme}-${adcBits}`, label = `seed ${seed}, ${scheme}, ${adcBits} bits`;
        const trained = await run(trainer, label, name, from, {
          ...further,
          pim,
          optimizer: { rate: { scale: options["step-rate"] } },
        });
        if (trained === undefined) return stopped(path);
        const [ordinaryMax] = await through(ordinary, { ...pim, range: "max" });
        const [fitted, calibrated] = await through(ordinary, { ...pim, range: pim.range === "learned" ? "mse" : pim.range! }, true);
        const [pimQat] = await through(trained.network, pim);
        const cell = { scheme, adcBits, seed, ordinaryMax, ordinary: fitted, ordinaryCalibrated: calibrated, pimQat, curve: trained.curve };
        await save({ cells: [...state.cells, cell] });
        await Deno.remove(trained.checkpoint);
      }
    }
  } finally {
    progress.clear();
    Deno.removeSignalListener("SIGINT", interrupt);
  }
  const bases = seeds.map((seed) => state.bases[seed]!);
  const rows = configurations.map((pim) => {
    const cells = seeds.map((seed) => state.cells.find((cell) => matches(cell, pim) && cell.seed === seed)!);
    return { ...summary(cells, bases.map(({ quantised }) => quantised)), scheme: pim.scheme, adcBits: pim.adcBits, curve: cells[0]!.curve };
  });
  if (curves !== undefined) await writeAtomic(curves, await chart(rows, bases[0]!.curve), { makeFolders: true });
  const float = mean(bases.map((base) => base.float));
  if (json) return console.log(JSON.stringify({ float, rows: rows.map(({ curve: _curve, ...row }) => row) }));
  console.log(
    `${test.labels.length} images of ${test.name}, accuracy in %, ${
      seeds.length === 1 ? "one seed" : `mean ± deviation of ${seeds.length} seeds`
    }`,
  );
  console.log(`floats ${percent(float)}, 4 bits without arrays ${percent(mean(bases.map(({ quantised }) => quantised)))}`);
  console.log(table(rows, test.labels.length * seeds.length));
}

const matches = (cell: Cell, { scheme, adcBits }: PimOptions) => cell.scheme === scheme && cell.adcBits === adcBits;

/** Numbers of a list. @throws {OptionError} if one is no integer of at least 0. */
function wholes(where: string, list: string): number[] {
  const numbers = list.split(",").map((part) => part.trim() === "" ? NaN : Number(part)),
    strange = numbers.find((each) => !Number.isInteger(each) || each < 0);
  if (strange === undefined) return numbers;
  throw new OptionError("train through arrays", { where, got: strange, wanted: "integers, separated by commas" });
}

/** What trainings have in common. */
interface Trainer {
  readonly options: Options;
  readonly data: Dataset;
  readonly test: Dataset;
  readonly size: { readonly threads?: number };
  readonly fresh: boolean;
  readonly stop: AbortSignal;
  readonly progress: ReturnType<typeof progressLine>;
  /** Start of checkpoints' names. */
  readonly base: string;
}

/** Trains with a checkpoint of its own; undefined if interrupted. */
async function run(
  { options, data, test, size, fresh, stop, progress, base }: Trainer,
  label: string,
  name: string,
  from: Network,
  changes: Partial<Recipe>,
) {
  const curve: [number, number][] = [], checkpoint = `${base}.${name}.safetensors`;
  if (fresh) await Deno.remove(checkpoint).catch(() => {});
  let before = 0, seen = 0;
  const augment = { pad: data.images.shape[1] === 32 ? 4 : 1, flip: options.data === "cifar10" };
  const quantised = { weights: WEIGHTS, first: EDGES, last: EDGES, activations: { bits: 4, alpha: 3 } };
  const result = await train(from, data, {
    recipe: { batch: options.batch, augment, ...quantised, ...changes },
    validation: test,
    checkpoint,
    signal: stop,
    ...size,
    onProgress: ({ step, steps, loss, imagesPerSecond, secondsLeft, validation }) => {
      // The loss is a mean since the epoch began.
      seen++;
      const sum = loss * seen;
      curve.push([step, sum - before]);
      [before, seen] = validation === undefined ? [sum, seen] : [0, 0];
      const rates = `${imagesPerSecond.toFixed(0)} images/s, ${secondsLeft.toFixed(0)} s left`;
      progress.update(`${label}: step ${step} of ${steps}, loss ${loss.toFixed(3)}, ${rates}`);
    },
  });
  return result.step < result.steps ? undefined : { ...result, checkpoint, curve: smooth(curve) };
}

/** The networks of a seed: quantised to start from, and trained further the ordinary way; undefined if interrupted. */
async function prepare(trainer: Trainer, seed: number) {
  const { options, data } = trainer, schedule = { kind: "cosine", peak: options.rate, warmup: 0.1 } as const;
  const first = build(data.images.shape.slice(1) as unknown as Network["input"], options.width, data.classes.length, seed);
  const shared = { seed, schedule }, none = { weights: null, first: null, last: null, activations: null };
  const float = await run(trainer, `seed ${seed}, floats`, `${seed}.float`, first, { ...shared, epochs: options.epochs, ...none });
  if (float === undefined) return undefined;
  const half = { ...shared, epochs: Math.ceil(options.epochs / 2) };
  const start = await run(trainer, `seed ${seed}, quantised`, `${seed}.start`, await startFrom(first, float.checkpoint), half);
  if (start === undefined) return undefined;
  const from = await startFrom(first, start.checkpoint),
    further = {
      ...shared,
      epochs: options.further,
      schedule: { ...schedule, peak: options["further-rate"] },
    };
  const ordinary = await run(trainer, `seed ${seed}, ordinary`, `${seed}.ordinary`, from, further);
  if (ordinary === undefined) return undefined;
  const base: Base = { float: float.validation!, quantised: ordinary.validation!, curve: ordinary.curve };
  return { from, ordinary: ordinary.network, further, base };
}

function chart(rows: readonly (Pick<Cell, "scheme" | "adcBits" | "curve">)[], ordinary: Curve): Promise<string> {
  const series = [
    ...(ordinary.length === 0 ? [] : [{ name: "ordinary, no arrays", points: ordinary, dashed: true }]),
    ...rows.filter(({ curve }) => curve.length > 0).map(({ scheme, adcBits, curve }) => ({
      name: `${scheme}, ${adcBits} bits`,
      points: curve,
    })),
  ];
  return lineChart({ title: "Training loss through converters", x: { label: "step" }, y: { label: "loss", unit: "nats" }, series });
}

/** Means over at most 40 stretches. */
function smooth(curve: Curve): Curve {
  const each = Math.ceil(curve.length / 40);
  return Array.from({ length: Math.ceil(curve.length / each) }, (_, index) => {
    const part = curve.slice(index * each, (index + 1) * each);
    return [part.at(-1)![0], part.reduce((sum, [, loss]) => sum + loss, 0) / part.length] as const;
  });
}

await runCommand(command, main);
