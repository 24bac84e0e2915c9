/**
 * A trained float network in few bits without training it again: ways to choose clipping levels, bias correction, AdaRound.
 *
 *     deno task train examples/recipes/lenet_float.json
 *     deno run -A examples/post_training.ts --network checkpoints/lenet_float.safetensors
 *
 * Weights are uniform, the first and the last layer have 8 bits, as in training. Everything is chosen on a few training images.
 */

import {
  accuracy,
  ACTIVATION_METHODS,
  adaRound,
  type Backend,
  calibrateActivations,
  correctBias,
  cpuBackend,
  DATA_SOURCES,
  type Dataset,
  loadTrained,
  lowerQuantized,
  type Network,
  OptionError,
  type OptionValues,
  pact,
  predict,
  progressLine,
  quantize,
  type QuantizedNetwork,
  runCommand,
  uniform,
} from "../mod.ts";

const command = {
  title: "Accuracy of a float network put into few bits by post-training methods.",
  usage: "deno run -A examples/post_training.ts --network FILE [options]",
  options: {
    network: { type: "string", help: "network file, as deno task train writes it" },
    data: { type: "string", default: "mnist", choices: Object.keys(DATA_SOURCES), help: "images" },
    folder: { type: "string", help: "folder with the images; default the set's own source" },
    calibration: {
      type: "number",
      default: 128,
      integer: true,
      least: 1,
      help: "training images that levels, biases and roundings are chosen on",
    },
    test: { type: "number", default: 10000, integer: true, least: 1, help: "test images, from the first on" },
    bits: { type: "string", default: "8,4,3,2", help: "bits of weights and activations, separated by commas" },
    steps: { type: "number", default: 1000, integer: true, least: 1, help: "steps of AdaRound per layer" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of AdaRound's samples" },
    threads: { type: "number", integer: true, least: 1, help: "threads; default all cores" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;
interface Row {
  readonly method: string;
  readonly bits: number;
  readonly accuracy: number;
}

async function main(options: Options): Promise<void> {
  const { network: path, folder, threads, steps, seed, json } = options;
  if (path === undefined) {
    throw new OptionError("read the command line", { where: "--network", got: "nothing", wanted: "a network file" });
  }
  const widths = [...new Set(options.bits.split(",").map((item) => item.trim()))].map((item) => {
    if (/^[2-8]$/.test(item)) return Number(item);
    throw new OptionError("read the command line", { where: "--bits", got: item, wanted: "integers from 2 to 8, separated by commas" });
  });
  const { network } = await loadTrained(path), source = DATA_SOURCES[options.data]!, from = folder === undefined ? {} : { folder };
  if (Object.keys(network.codes ?? {}).length > 0) {
    throw new OptionError("quantize after training", {
      where: path,
      got: "a network with quantised weights",
      wanted: "one trained in floats",
    });
  }
  const data = await source.train({ limit: options.calibration, ...from }), test = await source.test({ limit: options.test, ...from });
  await using backend = await cpuBackend(threads === undefined ? {} : { threads });

  const progress = progressLine(), rows: Row[] = [];
  const measure = async (method: string, bits: number, quantized: QuantizedNetwork) => {
    progress.update(`${bits} bits: ${method}`);
    rows.push({ method, bits, accuracy: await share(backend, quantized, test) });
  };
  const float = await share(backend, { kind: "quantized", network, weights: {}, activations: {}, digital: [] }, test);
  for (const bits of widths) {
    const plain = async (method: (typeof ACTIVATION_METHODS)[number]) =>
      quantized(await calibrateActivations(network, data, { bits, method, backend }), bits);
    for (const method of ACTIVATION_METHODS) await measure(method, bits, await plain(method));
    const start = await plain("mse");
    await measure("mse, correctBias", bits, await correctBias(network, start, data, { backend }));
    const rounded = await adaRound(start, data, {
      steps,
      seed,
      backend,
      onProgress: (done, total, layer) => progress.update(`${bits} bits: AdaRound, ${layer} (${done} of ${total})`),
    });
    await measure("mse, adaRound", bits, rounded);
    await measure("mse, adaRound, correctBias", bits, await correctBias(network, rounded, data, { backend }));
  }
  progress.clear();
  if (json) return console.log(JSON.stringify({ float, images: test.labels.length, rows }));
  print(float, rows, widths, test);
}

function quantized(network: Network, bits: number): QuantizedNetwork {
  const edge = uniform({ bits: 8 });
  return quantize(network, { weights: uniform({ bits }), first: edge, last: edge, activations: pact({ bits }) });
}

/** Share of test images that a quantised network classifies correctly, without arrays. */
async function share(backend: Backend, quantized: QuantizedNetwork, test: Dataset): Promise<number> {
  await using session = await backend.prepare(lowerQuantized(quantized));
  return accuracy(await predict(session, test), test.labels);
}

function print(float: number, rows: readonly Row[], widths: readonly number[], test: Dataset): void {
  const percent = (value: number) => (100 * value).toFixed(2).padStart(8);
  console.log(`Accuracy in % on ${test.labels.length} images of ${test.name}; floats ${percent(float).trim()}`);
  console.log(`method                      ${widths.map((bits) => `${bits} bits`.padStart(8)).join("")}`);
  for (const method of new Set(rows.map(({ method }) => method))) {
    const cells = widths.map((bits) => percent(rows.find((row) => row.method === method && row.bits === bits)!.accuracy));
    console.log(`${method.padEnd(28)}${cells.join("")}`);
  }
}

await runCommand(command, main);
