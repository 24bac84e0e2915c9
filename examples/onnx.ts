/**
 * Any classifier in an ONNX file on crossbar arrays: imported, calibrated, quantised, decomposed, mapped and simulated.
 *
 *     deno run -A examples/onnx.ts --model resnet18.onnx --mean 0.491,0.482,0.447 --std 0.247,0.243,0.262 --images 64
 */

import {
  type AdcRange,
  ALGORITHMS,
  BACKENDS,
  calibrateActivations,
  cifar10,
  type Dataset,
  imageFolder,
  layersWithoutCodes,
  type Network,
  OptionError,
  type OptionValues,
  pact,
  pipeline,
  progressLine,
  readOnnx,
  resizeImages,
  runCommand,
  runFloat,
  type Shape,
  sliceDataset,
  uniform,
} from "../mod.ts";

const command = {
  title: "Takes a classifier in an ONNX file through quantisation, decomposition, mapping and simulation, with no code written.",
  usage: "deno run -A examples/onnx.ts --model FILE [options]",
  options: {
    model: { type: "string", help: "the ONNX file, operator set 11 to 20" },
    input: { type: "string", help: "height,width,channels, where the file leaves them open" },
    mean: { type: "string", default: "0", help: "mean subtracted from pixels / 255, one number or one per channel" },
    std: { type: "string", default: "1", help: "deviation they are then divided by, one number or one per channel" },
    data: { type: "string", default: "cifar10", help: "cifar10, or a folder of PNG files with a subfolder per class" },
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
    backend: { type: "string", default: "auto", choices: BACKENDS, help: "where to run" },
    batch: { type: "number", default: 16, integer: true, least: 1, help: "images per batch" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of sampling" },
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
  const { data, calibration, labelled } = await load(options, network), backend = options.backend === "auto" ? "cpu" : options.backend;

  const ready = await calibrateActivations(network, calibration, {
    bits: options["activation-bits"],
    backend,
    keep: true,
    batch: options.batch,
  });
  const unavoidable = layersWithoutCodes(ready), weighted = ready.layers.filter(({ op }) => op === "conv" || op === "linear");
  const usual = weighted.filter((layer) => layer === weighted.find(({ op }) => op === "conv") || layer.op === "linear").map(({ name }) =>
    name
  );
  const digital = [...new Set([...options.digital === "usual" ? usual : [], ...unavoidable])];
  const weights = uniform({ bits: options["weight-bits"] });

  const progress = progressLine();
  const result = await pipeline()
    .quantize({ weights, activations: pact({ bits: options["activation-bits"] }), digital })
    .decompose({ scheme: options.scheme, cellBits: options["cell-bits"] })
    .map({ rows: options.rows, columns: options.columns, algorithm: options.algorithm })
    .simulate({
      adc: { bits: options["adc-bits"], range: options["adc-range"] as AdcRange },
      digitBits: options["digit-bits"],
      backend: options.backend,
      batch: options.batch,
      seed: options.seed,
      float: labelled,
    })
    .run(ready, data, { onProgress: (stage, done, total) => progress.update(`${stage}: ${done} of ${total} images`) });
  progress.clear();

  const { layers, cycles, accuracy, images, seconds, logitError } = result;
  const layerCounts = { onArrays: layers.length, digital: digital.length, unavoidable };
  if (options.json) {
    console.log(JSON.stringify({
      network: network.name,
      labels: labelled ? "data" : "the float network",
      images,
      accuracy,
      logitError,
      cycles,
      layerCounts,
      layers,
      notes,
      backend: result.backend,
      seconds,
    }));
    return;
  }
  for (const note of notes) console.log(note);
  if (!labelled) console.log("Images have no classes of this network: shares below are agreement with the float network.");
  console.log(
    `${layers.length} layers on arrays, ${digital.length} digital; of these ${unavoidable.length} because they read real numbers or padded pixels.`,
  );
  console.log(result.table());
}

/** Test and calibration images in the network's size. Labels that the network cannot have are replaced by its own float decisions. */
async function load(options: Options, network: Network): Promise<{ data: Dataset; calibration: Dataset; labelled: boolean }> {
  const size = network.input,
    sized = (set: Dataset): Dataset => {
      const same = set.images.shape.slice(1).every((extent, axis) => extent === size[axis]);
      return same ? set : { ...set, images: resizeImages(set.images, size) };
    };
  let data: Dataset, calibration: Dataset;
  if (options.data === "cifar10") {
    data = sized(await cifar10.test({ limit: options.images }));
    calibration = sized(await cifar10.train({ limit: options.calibration }));
  } else {
    data = await imageFolder(options.data, { size, limit: options.images });
    calibration = sliceDataset(data, 0, Math.min(options.calibration, data.labels.length));
  }
  const { logits } = runFloat(network, sliceDataset(data, 0, 1).images, { clip: true }), classes = logits.shape[1]!;
  if (data.classes.length === classes) {
    return { data: { ...data, calibration: () => Promise.resolve(calibration) }, calibration, labelled: true };
  }
  const own = runFloat(network, data.images, { clip: true }).logits.data, labels = new Uint8Array(data.labels.length);
  if (classes > 256) {
    throw new OptionError("label the images", {
      where: "--model",
      got: `${classes} classes`,
      wanted: "at most 256 without labels in the data",
    });
  }
  for (let image = 0; image < labels.length; image++) {
    const row = own.subarray(image * classes, (image + 1) * classes);
    labels[image] = row.indexOf(Math.max(...row));
  }
  return { data: { ...data, labels, calibration: () => Promise.resolve(calibration) }, calibration, labelled: false };
}

function numbers(where: string, text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.every(Number.isFinite)) return values;
  throw new OptionError("read the command line", { where, got: text, wanted: "numbers between commas" });
}

await runCommand(command, main);
