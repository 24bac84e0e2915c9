/**
 * Accuracy over ADC resolution and bits per cell, as a Markdown table: how low the converter may go before the network notices.
 *
 *     deno run -A examples/adc_table.ts --images 10000
 */

import {
  cifar10,
  dorefa,
  lsq,
  lsqActivations,
  OptionError,
  type OptionValues,
  pact,
  pipeline,
  progressLine,
  resnet20Pretrained,
  runCommand,
  vgg7Pretrained,
} from "../mod.ts";

/** What ships for CIFAR-10, with the quantizers each was trained with. */
const NETWORKS = {
  vgg7: {
    load: (width?: number) => vgg7Pretrained(width === undefined ? {} : { width }),
    quantizers: { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) },
  },
  resnet20: {
    load: (_width?: number) => resnet20Pretrained(),
    quantizers: { weights: lsq({ bits: 4 }), activations: lsqActivations({ bits: 4 }) },
  },
} as const;

const command = {
  title: "Simulates a network that ships over ADC bits × cell bits and prints a Markdown table of accuracies.",
  usage: "deno run -A examples/adc_table.ts [options]",
  options: {
    network: { type: "string", default: "vgg7", choices: ["vgg7", "resnet20"], help: "what is simulated" },
    width: { type: "number", help: "channel multiplier of vgg7, 0.25 or 0.5; default 0.25" },
    images: { type: "number", default: 512, integer: true, least: 1, most: 10000, help: "test images, from the first on" },
    "adc-bits": { type: "string", default: "3,4,5,6,7,8", help: "resolutions, separated by commas" },
    "cell-bits": { type: "string", default: "1,2,4", help: "bits per cell, separated by commas" },
    scheme: {
      type: "string",
      default: "offset",
      choices: ["offset", "balanced", "pairs", "twosComplement"],
      help: "how signed weights become cells",
    },
    rows: { type: "number", default: 128, integer: true, least: 1, help: "word lines of an array" },
    range: {
      type: "string",
      default: "mse",
      choices: ["full", "minmax", "percentile", "mse", "dynamic"],
      help: "how ADC ranges are chosen",
    },
    backend: { type: "string", default: "auto", choices: ["auto", "reference", "cpu", "webgpu"], help: "where to run" },
    json: { type: "boolean", help: "print one JSON object instead" },
  },
} as const;

async function main(options: OptionValues<typeof command.options>): Promise<void> {
  const { width } = options;
  if (width !== undefined && options.network !== "vgg7") {
    throw new OptionError("make a table", { where: "--width", got: width, wanted: "--network vgg7 beside it" });
  }
  const { load, quantizers } = NETWORKS[options.network as keyof typeof NETWORKS];
  const { network } = await load(width);
  const data = await cifar10.test({ limit: options.images }), progress = progressLine();
  const adcBits = options["adc-bits"].split(",").map(Number), cellBits = options["cell-bits"].split(",").map(Number);
  const quantized = pipeline().quantize(quantizers);

  let baseline = NaN;
  const rows = [];
  for (const adc of adcBits) {
    const accuracies: number[] = [];
    for (const cell of cellBits) {
      const result = await quantized
        .decompose({ scheme: options.scheme, cellBits: cell })
        .map({ rows: options.rows, algorithm: "im2col" })
        .simulate({ adc: { bits: adc, range: options.range }, backend: options.backend })
        .run(network, data, {
          onProgress: (stage, done, total) => progress.update(`ADC ${adc} bits, cell ${cell}: ${stage} ${done} of ${total}`),
        });
      baseline = result.accuracy.quantized;
      accuracies.push(result.accuracy.crossbar);
    }
    rows.push({ adc, accuracies });
  }
  progress.clear();
  if (options.json) {
    return console.log(JSON.stringify({ network: options.network, width, images: options.images, baseline, cellBits, rows }));
  }
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  console.log(`Software baseline ${percent(baseline)} on ${options.images} images.\n`);
  console.log(
    [
      line([
        "ADC bits",
        ...cellBits.map((bits) => `${bits}-bit cells`),
      ]),
      line(["---", ...cellBits.map(() => "---")]),
      ...rows.map(({ adc, accuracies }) => line([adc, ...accuracies.map(percent)])),
    ].join("\n"),
  );
}

await runCommand(command, main);
