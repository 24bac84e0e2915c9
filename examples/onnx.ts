/**
 * Any classifier in an ONNX file on crossbar arrays: imported, calibrated, quantised, decomposed, mapped, simulated, and the chip estimated.
 *
 *     deno run -A examples/onnx.ts --model resnet18.onnx --mean 0.491,0.482,0.447 --std 0.247,0.243,0.262 --images 64
 *     deno run -A examples/onnx.ts --model resnet50.onnx --data imagenet/val --crop 0.875 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --html report.html
 */

import {
  accuracy as shareCorrect,
  type AdcRange,
  ALGORITHMS,
  BACKENDS,
  calibrateActivations,
  cifar10,
  type Dataset,
  defaultLibrary,
  htmlReport,
  imageFolder,
  layersWithoutCodes,
  lowerQuantized,
  type MappedNetwork,
  type Network,
  openBackend,
  OptionError,
  type OptionValues,
  pact,
  pipeline,
  predict,
  progressLine,
  readOnnx,
  resizeImages,
  type Result,
  runCommand,
  type Shape,
  shiftInputs,
  sliceDataset,
  type Tensor,
  uniform,
  writeAtomic,
} from "../mod.ts";

const command = {
  title:
    "Takes a classifier in an ONNX file through quantisation, decomposition, mapping, simulation and estimation, with no code written.",
  usage: "deno run -A examples/onnx.ts --model FILE [options]",
  options: {
    model: { type: "string", help: "the ONNX file, operator set 11 to 20" },
    input: { type: "string", help: "height,width,channels, where the file leaves them open" },
    mean: { type: "string", default: "0", help: "mean subtracted from pixels / 255, one number or one per channel" },
    std: { type: "string", default: "1", help: "deviation they are then divided by, one number or one per channel" },
    data: { type: "string", default: "cifar10", help: "cifar10, or a folder of PNG and JPEG files with a subfolder per class" },
    classes: {
      type: "string",
      help: "file with the names of the network's classes, a line each, where a folder has only some as subfolders",
    },
    crop: { type: "number", help: "cut the middle out of a folder's images, this share of the shorter side; default: they are stretched" },
    images: { type: "number", default: 32, integer: true, least: 1, help: "test images" },
    calibration: { type: "number", default: 32, integer: true, least: 1, help: "images that choose clipping levels" },
    "weight-bits": { type: "number", default: 8, integer: true, least: 2, most: 8, help: "bits per weight on the arrays" },
    "activation-bits": { type: "number", default: 8, integer: true, least: 1, most: 8, help: "bits per activation" },
    scheme: {
      type: "string",
      default: "offset",
      choices: ["offset", "balanced", "pairs", "twosComplement"],
      help: "how signed weights become cells",
    },
    "cell-bits": { type: "number", default: 1, integer: true, least: 1, most: 8, help: "bits per cell" },
    rows: { type: "number", default: 128, integer: true, least: 1, help: "word lines of an array" },
    columns: { type: "number", default: 128, integer: true, least: 1, help: "columns of an array" },
    algorithm: { type: "string", default: "im2col", choices: ALGORITHMS, help: "how layers are laid over arrays" },
    "digit-bits": { type: "number", default: 1, integer: true, least: 1, most: 8, help: "input bits per step" },
    "adc-bits": { type: "number", default: 8, integer: true, least: 1, most: 24, help: "ADC resolution" },
    "adc-range": {
      type: "string",
      default: "mse",
      choices: ["full", "minmax", "percentile", "mse", "dynamic"],
      help: "how ADC ranges are chosen",
    },
    digital: {
      type: "string",
      default: "usual",
      choices: ["usual", "least"],
      help: "usual: also the first conv and linear layers; least: only what must",
    },
    cell: { type: "string", default: "RRAM", choices: Object.keys(defaultLibrary.cells), help: "cell of the estimate" },
    node: { type: "string", default: "22", choices: Object.keys(defaultLibrary.technology), help: "technology node of the estimate" },
    "adc-type": { type: "string", default: "flash", help: "ADC circuit of the component library" },
    "columns-per-adc": { type: "number", default: 8, integer: true, least: 1, help: "columns that share an ADC" },
    schedule: {
      type: "string",
      default: "pipelined",
      choices: ["pipelined", "layer-by-layer"],
      help: "layers on different images at once",
    },
    "real-inputs": {
      type: "string",
      default: "shifted",
      choices: ["shifted", "digital"],
      help: "layers that read real numbers, as behind linear bottlenecks: inputs shifted above 0 for arrays, or left digital",
    },
    backend: { type: "string", default: "auto", choices: BACKENDS, help: "where to run" },
    batch: { type: "number", default: 16, integer: true, least: 1, help: "images per batch" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of sampling" },
    html: { type: "string", help: "also write a report as one HTML file" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  if (options.model === undefined) {
    throw new OptionError("read the command line", { where: "--model", got: "nothing", wanted: "an ONNX file" });
  }
  const notes: string[] = [], mean = numbers("--mean", options.mean), std = numbers("--std", options.std);
  const network = await readOnnx(options.model, {
    mean: mean.length === 1 ? mean[0]! : mean,
    std: std.length === 1 ? std[0]! : std,
    onNote: (note) => notes.push(note),
    ...(options.input === undefined ? {} : { input: numbers("--input", options.input) as unknown as Shape }),
  });
  const { data, calibration, labelled, float } = await load(options, network);
  const running = { backend: floatBackend(options), batch: options.batch };
  const shifted = options["real-inputs"] === "shifted" ? await shiftInputs(network, calibration, running) : network;
  const ready = await calibrateActivations(shifted, calibration, { bits: options["activation-bits"], keep: true, ...running });
  const unavoidable = layersWithoutCodes(ready), weighted = ready.layers.filter(({ op }) => op === "conv" || op === "linear");
  const usual = weighted.filter((layer) => layer === weighted.find(({ op }) => op === "conv") || layer.op === "linear").map(({ name }) =>
    name
  );
  const digital = [...new Set([...options.digital === "usual" ? usual : [], ...unavoidable])];
  const weights = uniform({ bits: options["weight-bits"] });

  const progress = progressLine();
  let mapped: MappedNetwork | undefined;
  const result = await pipeline()
    .quantize({ weights, activations: pact({ bits: options["activation-bits"] }), digital })
    .decompose({ scheme: options.scheme, cellBits: options["cell-bits"] })
    .map({ rows: options.rows, columns: options.columns, algorithm: options.algorithm })
    .pipe({ name: "keep", run: (network: MappedNetwork) => mapped = network })
    .simulate({
      adc: { bits: options["adc-bits"], range: options["adc-range"] as AdcRange },
      digitBits: options["digit-bits"],
      backend: options.backend,
      batch: options.batch,
      seed: options.seed,
      estimate: {
        cell: options.cell,
        node: options.node,
        adc: { type: options["adc-type"] },
        columnsPerAdc: options["columns-per-adc"],
        schedule: options.schedule,
      },
    })
    .run(ready, data, { onProgress: (stage, done, total) => progress.update(`${stage}: ${done} of ${total} images`) });
  progress.clear();

  if (options.html !== undefined) {
    const title = `${result.network} on ${result.data}${labelled ? "" : ", agreement with the float network"}`;
    await writeAtomic(options.html, await htmlReport(result, { title, mapped: mapped! }), { makeFolders: true });
  }
  const layerCounts = { onArrays: result.layers.length, digital: digital.length, unavoidable };
  if (options.json) print(result, { labels: labelled ? "data" : "the float network", float, layerCounts, notes });
  else {
    for (const note of notes) console.log(note);
    if (labelled) console.log(`The float network classifies ${percent(float)} correctly.`);
    else console.log("Images have no classes of this network: shares below are agreement with the float network.");
    console.log(result.table());
    console.log(summary(result, layerCounts));
  }
}

interface Counts {
  readonly onArrays: number;
  readonly digital: number;
  readonly unavoidable: readonly string[];
}

/** What matters of chip and network in three lines. */
function summary({ accuracy, estimate }: Result, { onArrays, digital, unavoidable }: Counts): string {
  const { areaUm2, energyPj, latencyNs, fps, topsPerWatt } = estimate!.chip,
    short = (value: number) => String(Number(value.toPrecision(4)));
  return [
    `${onArrays} layers on arrays, ${digital} digital; of these ${unavoidable.length} because they read real numbers or padded pixels.`,
    `Through the arrays ${percent(accuracy.crossbar)}, quantised alone ${percent(accuracy.quantized)}.`,
    `The arrays and what serves them, digital layers not counted: ${short(areaUm2 / 1e6)} mm², ${short(energyPj / 1e6)} µJ per image, ` +
    `${short(latencyNs / 1e3)} µs, ${short(fps)} images/s, ${short(topsPerWatt)} TOPS/W.`,
  ].join("\n");
}

/** One JSON object. */
function print(result: Result, more: Readonly<Record<string, unknown>>): void {
  const { network, images, accuracy, logitError, cycles, layers, estimate, seconds, backend } = result;
  console.log(JSON.stringify({ network, ...more, images, accuracy, logitError, cycles, layers, estimate, backend, seconds }));
}

/** Test and calibration images in the network's size. Labels that the network cannot have are replaced by its own float decisions. */
async function load(
  options: Options,
  network: Network,
): Promise<{ data: Dataset; calibration: Dataset; labelled: boolean; float: number }> {
  const size = network.input, fit = options.crop === undefined ? {} : { crop: options.crop };
  const sized = (set: Dataset): Dataset => {
    const same = set.images.shape.slice(1).every((extent, axis) => extent === size[axis]);
    return same ? set : { ...set, images: resizeImages(set.images, size, fit) };
  };
  let data: Dataset, calibration: Dataset;
  if (options.data === "cifar10") {
    data = sized(await cifar10.test({ limit: options.images }));
    calibration = sized(await cifar10.train({ limit: options.calibration }));
  } else {
    const names = options.classes === undefined ? {} : { classes: await lines(options.classes) };
    data = await imageFolder(options.data, { size, limit: options.images, ...fit, ...names });
    calibration = sliceDataset(data, 0, Math.min(options.calibration, data.labels.length));
  }
  const own = await floatLogits(network, data, options), classes = own.shape[1]!, labelled = data.classes.length === classes;
  if (!labelled && options.classes !== undefined) {
    throw new OptionError("label the images", {
      where: "--classes",
      got: `${data.classes.length} names`,
      wanted: `${classes}, as the network has`,
    });
  }
  const labels = new Uint16Array(data.labels.length).map((_, image) => {
    const row = own.data.subarray(image * classes, (image + 1) * classes);
    return row.indexOf(row.reduce((most, value) => Math.max(most, value), -Infinity));
  });
  const chosen = labelled ? data : { ...data, labels };
  return {
    ...{ data: { ...chosen, calibration: () => Promise.resolve(calibration) }, calibration, labelled },
    float: shareCorrect(own, chosen.labels),
  };
}

/** Outputs of the network as it was imported. */
async function floatLogits(network: Network, data: Dataset, options: Options): Promise<Tensor> {
  await using backend = await openBackend(floatBackend(options));
  await using session = await backend.prepare(
    lowerQuantized({ kind: "quantized", network, weights: {}, activations: {}, digital: [] }),
  );
  return await predict(session, data, { batch: options.batch });
}

/** Real numbers run where they are the same everywhere, unless a backend is asked for. */
function floatBackend({ backend }: Options) {
  return backend === "auto" ? "cpu" : backend;
}

async function lines(path: string): Promise<string[]> {
  try {
    return (await Deno.readTextFile(path)).split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  } catch (cause) {
    throw new OptionError("read the classes", { where: "--classes", got: (cause as Error).message, wanted: "a readable text file", cause });
  }
}

function numbers(where: string, text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.every(Number.isFinite)) return values;
  throw new OptionError("read the command line", { where, got: text, wanted: "numbers between commas" });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

await runCommand(command, main);
