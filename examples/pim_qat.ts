/**
 * The failure and the remedy: a 4-bit network trained the ordinary way, and the same one trained through the arrays, on converters of few bits.
 *
 *     deno run -A examples/pim_qat.ts
 *     deno run -A examples/pim_qat.ts --data cifar10 --images 50000 --test 10000 --epochs 20 --further 10 --bits 3,4,5,6,7,8
 *
 * One network is trained in floats, then with 4-bit weights and activations. From there each row of the table gets the same further epochs twice: the
 * ordinary way, simulated through the converters afterwards, and through the converters (PIM-QAT). Both have ranges chosen by the same rule on training
 * images. Ctrl-C keeps what is done; the same command goes on.
 */

import {
  cifar10,
  cpuBackend,
  type Dataset,
  type DatasetSource,
  fashionMnist,
  lineChart,
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
    range: { type: "string", default: "mse", choices: PIM_RANGES, help: "range of the converters" },
    width: { type: "number", default: 16, integer: true, least: 4, help: "channels of the first layer on arrays" },
    epochs: { type: "number", default: 3, integer: true, least: 1, help: "epochs in floats, and half as many quantised" },
    further: { type: "number", default: 2, integer: true, least: 1, help: "epochs that both ways get from there" },
    batch: { type: "number", default: 64, integer: true, least: 1, help: "images per step" },
    rate: { type: "number", default: 0.05, help: "peak learning rate" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of first weights and order" },
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
interface Row {
  readonly scheme: PimScheme;
  readonly adcBits: number;
  readonly ordinary: number;
  readonly pimQat: number;
  readonly curve: Curve;
}
/** What is done, as the state file holds it. */
interface State {
  readonly settings: string;
  readonly float?: number;
  readonly quantised?: number;
  readonly curve?: Curve;
  readonly rows: readonly Row[];
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
  const schemes = options.schemes.split(",") as PimScheme[], widths = options.bits.split(",").map(Number);
  const configurations = widths.flatMap((adcBits) =>
    schemes.map((scheme): PimOptions => {
      return {
        scheme,
        adcBits,
        rows: options.rows,
        digitBits: options["digit-bits"],
        range: options.range as PimOptions["range"] & string,
      };
    })
  );
  for (const pim of configurations) recipe({ pim });
  const strange = widths.find((bits) => !Number.isInteger(bits));
  if (strange !== undefined) {
    throw new OptionError("train through arrays", { where: "--bits", got: strange, wanted: "integers, separated by commas" });
  }

  const source = SOURCES[options.data]!, folder = options.folder === undefined ? {} : { folder: options.folder };
  const data = await source.train({ ...folder, limit: options.images }), test = await source.test({ ...folder, limit: options.test });
  const base = options.state.replace(/\.json$/, "");
  const { schemes: _schemes, bits: _bits, state: path, fresh, curves, threads, json, help: _help, ...deciding } = options;
  const settings = JSON.stringify(deciding);
  const nothing: State = { settings, rows: [] };
  let state = fresh ? nothing : await readState(path, nothing, "rows");
  const save = async (change: Partial<State>) => {
    state = { ...state, ...change };
    await writeAtomic(path, JSON.stringify(state), { makeFolders: true });
  };
  if (fresh) await save({});

  const stop = new AbortController(), interrupt = () => stop.signal.aborted ? Deno.exit(130) : stop.abort();
  Deno.addSignalListener("SIGINT", interrupt);
  const progress = progressLine();
  const size = threads === undefined ? {} : { threads };
  /** Trains with a checkpoint of its own; undefined if interrupted. */
  const run = async (label: string, name: string, from: Network, changes: Partial<Recipe>) => {
    const curve: [number, number][] = [], checkpoint = `${base}.${name}.safetensors`;
    if (fresh) await Deno.remove(checkpoint).catch(() => {});
    let before = 0, seen = 0;
    const shared = {
      batch: options.batch,
      seed: options.seed,
      augment: { pad: data.images.shape[1] === 32 ? 4 : 1, flip: options.data === "cifar10" },
    };
    const result = await train(from, data, {
      recipe: { ...shared, weights: WEIGHTS, first: EDGES, last: EDGES, activations: { bits: 4, alpha: 3 }, ...changes },
      validation: test,
      checkpoint,
      signal: stop.signal,
      ...size,
      onProgress: ({ step, steps, loss, imagesPerSecond, secondsLeft, validation }) => {
        // The loss is a mean since the epoch began.
        seen++;
        const sum = loss * seen;
        curve.push([step, sum - before]);
        [before, seen] = validation === undefined ? [sum, seen] : [0, 0];
        progress.update(
          `${label}: step ${step} of ${steps}, loss ${loss.toFixed(3)}, ${imagesPerSecond.toFixed(0)} images/s, ${
            secondsLeft.toFixed(0)
          } s left`,
        );
      },
    });
    return result.step < result.steps ? undefined : { ...result, checkpoint, curve: smooth(curve) };
  };
  const cosine = (peak: number) => ({ kind: "cosine", peak, warmup: 0.1 }) as const;
  try {
    const first = build(data.images.shape.slice(1) as unknown as Network["input"], options.width, data.classes.length, options.seed);
    const none = { weights: null, first: null, last: null, activations: null };
    const float = await run("floats", "float", first, { epochs: options.epochs, schedule: cosine(options.rate), ...none });
    if (float === undefined) return stopped(path);
    const half = { epochs: Math.ceil(options.epochs / 2), schedule: cosine(options.rate) };
    const start = await run("quantised", "start", await startFrom(first, float.checkpoint), half);
    if (start === undefined) return stopped(path);
    const from = await startFrom(first, start.checkpoint), further = { epochs: options.further, schedule: cosine(options.rate) };
    const ordinary = await run("ordinary", "ordinary", from, further);
    if (ordinary === undefined) return stopped(path);
    await save({
      float: float.validation!,
      quantised: ordinary.validation!,
      ...(state.curve === undefined ? { curve: ordinary.curve } : {}),
    });

    await using backend = await cpuBackend(size);
    const images = sliceDataset(data, 0, Math.min(64, data.labels.length)).images;
    const through = async (trained: Network, pim: PimOptions) => {
      const quantized = quantize(trained, {
        weights: uniform({ bits: 4 }),
        activations: pact({ bits: 4 }),
        digital: pimDigital(trained, pim),
      });
      const chip = await pimChip(quantized, pim, { images, backend });
      return (await simulate(chip.mapped, test, { ...chip.simulate, backend })).accuracy.crossbar;
    };
    for (const pim of configurations) {
      const { scheme, adcBits } = pim, name = `${scheme}-${adcBits}`;
      if (state.rows.some((row) => row.scheme === scheme && row.adcBits === adcBits)) continue;
      const trained = await run(`${scheme}, ${adcBits} bits`, name, from, { ...further, pim });
      if (trained === undefined) return stopped(path);
      const row: Row = {
        scheme,
        adcBits,
        ordinary: await through(ordinary.network, pim),
        pimQat: await through(trained.network, pim),
        curve: trained.curve,
      };
      await save({ rows: [...state.rows, row] });
      await Deno.remove(trained.checkpoint);
    }
  } finally {
    progress.clear();
    Deno.removeSignalListener("SIGINT", interrupt);
  }
  const rows = configurations.map(({ scheme, adcBits }) => state.rows.find((row) => row.scheme === scheme && row.adcBits === adcBits)!);
  if (curves !== undefined) await writeAtomic(curves, await chart(rows, state.curve ?? []), { makeFolders: true });
  if (json) {
    const plain = rows.map(({ scheme, adcBits, ordinary, pimQat }) => ({ scheme, adcBits, ordinary, pimQat }));
    return console.log(JSON.stringify({ float: state.float, rows: plain }));
  }
  print(state, rows, test);
}

function print({ float, quantised }: State, rows: readonly Row[], test: Dataset): void {
  const percent = (share: number) => (100 * share).toFixed(2).padStart(7);
  console.log(
    `${test.labels.length} images of ${test.name}, accuracy in %: floats ${percent(float!)}, 4 bits without arrays ${percent(quantised!)}`,
  );
  console.log("scheme         bits  ordinary  PIM-QAT  share of the loss recovered");
  for (const { scheme, adcBits, ordinary, pimQat } of rows) {
    const lost = quantised! - ordinary, share = lost > 0 ? `${(100 * (pimQat - ordinary) / lost).toFixed(0)} %` : "nothing lost";
    console.log(`${scheme.padEnd(14)} ${String(adcBits).padStart(4)}  ${percent(ordinary)}  ${percent(pimQat)}  ${share}`);
  }
}

function chart(rows: readonly Row[], ordinary: Curve): Promise<string> {
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
