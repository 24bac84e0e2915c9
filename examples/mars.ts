/**
 * Puts networks on MARS, an accelerator of several SRAM macros that skips groups of zero weights, dense and sparse: frames per second, TOPS/W, storage,
 * utilisation of the macros. Trains a small network with group lasso, prunes and tunes it, and proves its packed weights exact.
 *
 *     deno run -A examples/mars.ts
 *     deno run -A examples/mars.ts --network vgg --images 4000 --svg pictures
 */

import { Table } from "@cliffy/table";
import {
  accuracy,
  cifar10,
  type Dataset,
  foldBatchNorm,
  lowerQuantized,
  lsq,
  mars,
  marsAccelerator,
  type MarsChanges,
  marsGroup,
  marsLayers,
  type MarsReport,
  marsSchedule,
  marsUtilisation,
  mnist,
  type Network,
  network,
  openBackend,
  OptionError,
  type OptionValues,
  packMars,
  pact,
  predict,
  progressLine,
  provePacked,
  pruneGroups,
  quantize,
  type QuantizedNetwork,
  type Recipe,
  runCommand,
  sliceDataset,
  swimResnet18,
  timelineSvg,
  train,
  uniform,
  vggSmall,
} from "../mod.ts";

const command = {
  title: "Schedules networks on a multi-macro SRAM accelerator, dense and with pruned groups, and trains a small one for it.",
  usage: "deno run -A examples/mars.ts [options]",
  options: {
    network: {
      type: "string",
      default: "cnn",
      choices: ["cnn", "vgg", "none"],
      help: "trained: four convolutions on MNIST, VGG-small on CIFAR-10, or none",
    },
    width: { type: "number", default: 1, least: 0.01, help: "channel multiplier of the trained network" },
    images: { type: "number", default: 2500, integer: true, least: 64, help: "training images" },
    "test-images": { type: "number", default: 1000, integer: true, least: 1, most: 10000, help: "test images" },
    epochs: {
      type: "number",
      default: 2,
      integer: true,
      least: 1,
      help: "passes of each stage: before pruning, with zeros held, quantised",
    },
    fold: {
      type: "string",
      default: "before",
      choices: ["before", "batch", "running"],
      help: "batch norms: folded before the quantised passes, or in each of their steps, by statistics of the batch or running ones",
    },
    lambda: { type: "number", default: 5e-4, least: 0, help: "weight of the group lasso" },
    sparsities: { type: "string", default: "0.5,0.75", help: "shares of groups to prune, comma-separated" },
    large: { type: "number", default: 1, least: 0, most: 1, help: "channel multiplier of VGG-16 and ResNet-18; 0 leaves them out" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of first weights, order and augmentation" },
    macros: { type: "number", default: 2, integer: true, least: 1, help: "macros of each of the 4 cores" },
    clock: { type: "number", default: 100, help: "activations per microsecond, MHz" },
    threads: { type: "number", integer: true, least: 1, help: "threads; default all cores" },
    svg: { type: "string", help: "folder for pictures of the macros over time" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

/** Published: TOPS/W, and more than 700 frames per second on CIFAR-10. */
const PUBLISHED = { VGG16: 52.3, "ResNet-18": 88.2 } as const;

/** Energies of an activation as macros in the literature have them (see `MARS`), and all assumed energies halved or doubled. */
const ENERGIES = { low: scaled(3.74, 0.5), default: {}, high: scaled(8.86, 2) } as const;

function scaled(activationPj: number, factor: number): MarsChanges["energy"] {
  const { activationPj: _, ...assumed } = marsAccelerator().energy;
  return { ...Object.fromEntries(Object.entries(assumed).map(([name, value]) => [name, value * factor])), activationPj };
}

async function main(options: Options): Promise<void> {
  const sparsities = options.sparsities.split(",").map(Number);
  if (sparsities.length === 0 || !sparsities.every((share) => share >= 0 && share < 1)) {
    throw new OptionError("run mars", { where: "--sparsities", got: options.sparsities, wanted: "shares from 0 to below 1" });
  }
  const hardware: MarsChanges = { macrosPerCore: options.macros, clockMhz: options.clock };
  marsAccelerator(hardware);
  const say = options.json ? () => {} : console.log;
  const large = options.large === 0 ? [] : [
    ...await scheduled("VGG16", vgg16Cifar(options), sparsities, hardware, options, say),
    ...await scheduled("ResNet-18", swimResnet18({ width: options.large, seed: options.seed }), sparsities, hardware, options, say),
  ];
  const trained = options.network === "none" ? null : await learnt(options, sparsities, hardware, say);
  if (options.json) console.log(JSON.stringify({ accelerator: marsAccelerator(hardware), large, trained }));
}

/** VGG-16 as usual for CIFAR-10: 13 convolutions with batch norm, one linear layer. */
function vgg16Cifar({ large, seed }: Options): Network {
  return network({ name: "vgg16_cifar", input: [32, 32, 3], encoding: { zero: 121, scale: 1 / 63 }, seed }, (b) => {
    let number = 0;
    [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]].forEach((stage, index) => {
      for (const channels of stage) {
        number++;
        b.conv(`conv${number}`, { channels: Math.max(1, Math.round(channels * large)), kernel: 3, padding: 1, bias: false });
        b.batchNorm(`bn${number}`);
        b.relu(`relu${number}`);
      }
      b.maxPool(`pool${index + 1}`, { kernel: 2 });
    });
    b.flatten("flatten");
    b.linear("fc", { features: 10 });
  });
}

/** Four convolutions for MNIST whose inner layers do most of the work. */
function cnn({ width, seed }: Options): Network {
  return network({ name: "cnn", input: [28, 28, 1], encoding: { zero: 0, scale: 1 / 255 }, seed }, (b) => {
    [[16, 5, 2], [32, 3, 1], [64, 3, 1], [64, 3, 2]].forEach(([channels = 0, kernel = 0, stride = 0], index) => {
      const number = index + 1, padding = (kernel - 1) / 2;
      b.conv(`conv${number}`, { channels: Math.max(1, Math.round(channels * width)), kernel, stride, padding, bias: false });
      b.batchNorm(`bn${number}`);
      b.relu(`relu${number}`);
    });
    b.maxPool("pool", { kernel: 2 });
    b.flatten("flatten");
    b.linear("fc", { features: 10 });
  });
}

/** All conv and linear layers but the first and the last. */
function inner(net: Network): string[] {
  return net.layers.filter(({ op }) => op === "conv" || op === "linear").map(({ name }) => name).slice(1, -1);
}

/** A network at one sparsity, with what TOPS/W becomes by high and low energies. */
interface Row extends ReturnType<typeof figures> {
  readonly topsPerWattRange: { readonly low: number; readonly high: number };
}

/** Schedules of a network with initial weights, its smallest groups pruned: what counts is how many groups are left. */
async function scheduled(
  name: keyof typeof PUBLISHED,
  net: Network,
  sparsities: readonly number[],
  hardware: MarsChanges,
  options: Options,
  say: (text: string) => void,
) {
  const group = marsGroup(marsAccelerator(hardware), marsAccelerator().weightBits), layers = inner(net);
  const rows: Row[] = [];
  let picture: Network = net;
  for (const wanted of [0, ...sparsities.filter((share) => share > 0)]) {
    const pruned = picture = pruneGroups(net, { ...group, sparsity: wanted, layers }).network;
    const of = (energy: MarsChanges["energy"]) =>
      mars(pruned, { accelerator: { ...hardware, ...(energy === undefined ? {} : { energy }) } });
    const report = of({}), watt = { low: of(ENERGIES.high).sparse.topsPerWatt, high: of(ENERGIES.low).sparse.topsPerWatt };
    rows.push({ ...figures(report), topsPerWattRange: watt });
  }
  if (options.svg !== undefined) await draw(options.svg, name, picture, hardware);
  const target = PUBLISHED[name], share = (row: Row) => percent(row.sparsity);
  const bracketed = rows.filter(({ topsPerWattRange: { low, high } }) => low <= target && target <= high);
  const fast = rows.filter(({ sparse: { fps } }) => fps > 700);
  say(
    `${name}, CIFAR-10 images, group ${group.rows} × ${group.columns}, initial weights\n` +
      new Table().header(["pruned", "fps", "speed-up", "TOPS/W", "TOPS/W, energies high … low", "weights KiB", "index KiB", "utilisation"])
        .body(rows.map((row) => [
          percent(row.sparsity),
          row.sparse.fps.toFixed(0),
          row.speedUp.toFixed(2),
          row.sparse.topsPerWatt.toFixed(1),
          `${row.topsPerWattRange.low.toFixed(1)} … ${row.topsPerWattRange.high.toFixed(1)}`,
          (row.sparse.weightBits / 8192).toFixed(0),
          (row.sparse.indexBits / 8192).toFixed(2),
          percent(row.sparse.utilisation),
        ])).border().toString() +
      `\nPublished ${target} TOPS/W lies between high and low energies at ${bracketed.map(share).join(", ") || "no share"} pruned` +
      `; more than 700 fps at ${fast.map(share).join(", ") || "no share"}\n`,
  );
  return [{ name, group, published: { topsPerWatt: target, fps: 700 }, bracketed: bracketed.map(({ sparsity }) => sparsity), rows }];
}

/** What is printed of a report. */
function figures({ network, sparsity, macs, dense, sparse, speedUp, energySaving }: MarsReport) {
  const one = ({ schedule, ...rest }: MarsReport["dense"]) => ({ ...rest, macros: schedule.macros, resident: schedule.resident });
  return { network, sparsity, macs, speedUp, energySaving, dense: one(dense), sparse: one(sparse), overTime: overTime(sparse.schedule) };
}

/** Utilisation of each macro in ten parts of the run. */
function overTime(schedule: MarsReport["sparse"]["schedule"]): number[][] {
  return marsUtilisation(schedule, 10).map((bins) => Array.from(bins, (share) => Math.round(1000 * share) / 1000));
}

async function draw(folder: string, name: string, net: Network | QuantizedNetwork, hardware: MarsChanges): Promise<void> {
  const accelerator = marsAccelerator(hardware), { timeline } = marsSchedule(marsLayers(net, accelerator), accelerator);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/mars_${name.toLowerCase().replace("-", "")}.svg`, timelineSvg(timeline));
}

/** Trains with group lasso, prunes, tunes with zeros held, trains quantised with batch norms folded before or meanwhile; against the same without pruning. */
async function learnt(options: Options, sparsities: readonly number[], hardware: MarsChanges, say: (text: string) => void) {
  const grey = options.network === "cnn", source = grey ? mnist : cifar10, { seed, lambda, epochs } = options;
  const data = await source.train({ limit: options.images }), validation = await source.test({ limit: options["test-images"] });
  const start = grey ? cnn(options) : vggSmall({ width: options.width, seed });
  const accelerator = marsAccelerator(hardware), group = marsGroup(accelerator, accelerator.weightBits), layers = inner(start);
  const base: Partial<Recipe> = {
    epochs,
    batch: 64,
    seed,
    augment: { pad: grey ? 2 : 4, flip: !grey },
    activations: { bits: accelerator.activationBits, alpha: 3 },
  };
  const floats = { ...base, weights: null, first: null, last: null } as const,
    at = (peak: number) => ({ kind: "cosine", peak, warmup: 0.2 }) as const;
  const groups = { ...group, layers };
  const dense = await fit("dense", start, { ...floats, schedule: at(0.05) }, data, options);
  const lasso = await fit(
    "with group lasso",
    start,
    { ...floats, schedule: at(0.05), groupLasso: { ...groups, lambda } },
    data,
    options,
  );
  const rows = [];
  for (const sparsity of [0, ...sparsities.filter((share) => share > 0)]) {
    const what = sparsity === 0 ? "dense" : `${percent(sparsity)} pruned`, held = sparsity === 0 ? {} : { holdZeros: groups };
    const pruned = sparsity === 0 ? dense : pruneGroups(lasso, { ...groups, sparsity, scope: "network" }).network;
    const tuned = await fit(`${what}, tuning`, pruned, { ...floats, ...held, schedule: at(0.02) }, data, options);
    const weights = { kind: "lsq", bits: accelerator.weightBits } as const;
    const before = options.fold === "before", folding = before ? {} : { foldBatchNorm: { statistics: options.fold } };
    const codes = await fit(
      `${what}, quantised`,
      before ? foldBatchNorm(tuned) : tuned,
      { ...base, ...held, ...folding, weights, schedule: at(0.005) },
      data,
      options,
    );
    const quantized = quantize(codes, {
      weights: lsq({ bits: accelerator.weightBits }),
      activations: pact({ bits: accelerator.activationBits }),
    });
    const packed = packMars(quantized, accelerator), few = sliceDataset(validation, 0, 2).images;
    const report = mars(quantized, { accelerator: hardware });
    rows.push({
      wanted: sparsity,
      accuracy: await measured(quantized, validation, options),
      afterPruning: sparsity === 0
        ? null
        : await measured(quantize(foldBatchNorm(pruned), quantizers(accelerator.activationBits)), validation, options),
      exact: (await provePacked(quantized, few, accelerator, packed)).exact,
      ...figures(report),
    });
    if (options.svg !== undefined && sparsity === Math.max(...sparsities)) await draw(options.svg, start.name, quantized, hardware);
  }
  const fastest = rows[0]!;
  say(
    `${start.name}, ${data.labels.length} images of ${data.name}, ${validation.labels.length} test images, batch norms folded ${
      options.fold === "before" ? "before" : `by ${options.fold} statistics in`
    } the quantised passes, trained\n` +
      new Table().header(["pruned", "accuracy", "before tuning", "fps", "speed-up", "TOPS/W", "weights KiB", "index bits", "packed exact"])
        .body(rows.map((row) => [
          percent(row.sparsity),
          percent(row.accuracy),
          row.afterPruning === null ? "" : percent(row.afterPruning),
          row.sparse.fps.toFixed(0),
          (fastest.sparse.cyclesPerImage / row.sparse.cyclesPerImage).toFixed(2),
          row.sparse.topsPerWatt.toFixed(1),
          (row.sparse.weightBits / 8192).toFixed(1),
          String(row.sparse.indexBits),
          row.exact ? "yes" : "NO",
        ])).border().toString(),
  );
  return {
    network: start.name,
    data: data.name,
    images: data.labels.length,
    testImages: validation.labels.length,
    lambda,
    fold: options.fold,
    group,
    rows,
  };
}

/** 8-bit weights: pruning alone, as yet without training for few bits. */
function quantizers(activationBits: number) {
  return { weights: uniform({ bits: 8 }), activations: pact({ bits: activationBits }) };
}

async function fit(
  what: string,
  start: Network,
  recipe: Partial<Recipe>,
  data: Dataset,
  options: Options,
): Promise<Network> {
  const progress = progressLine();
  const { network } = await train(start, data, {
    recipe,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    onProgress: ({ step, steps, loss }) => progress.update(`${what}: step ${step} of ${steps}, loss ${loss.toFixed(3)}`),
  });
  progress.clear();
  return network;
}

/** Accuracy of the integer network. */
async function measured(quantized: QuantizedNetwork, validation: Dataset, { threads }: Options): Promise<number> {
  await using backend = await openBackend("cpu", threads);
  await using session = await backend.prepare(lowerQuantized(quantized));
  return accuracy(await predict(session, validation), validation.labels);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

await runCommand(command, main);
