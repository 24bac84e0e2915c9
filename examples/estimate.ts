/**
 * Power, area and latency of any network of the zoo on a chip of your choice, part by part, with pictures of the chip and of its pipeline.
 *
 *     deno run -A examples/estimate.ts --network ResNet-18 --cell RRAM --node 22 --svg chip
 */

import {
  columnLayout,
  decompose,
  defaultLibrary,
  dorefa,
  elements,
  estimate,
  estimateTimeline,
  floorplanSvg,
  inferShapes,
  layerGeometries,
  layerWork,
  type Network,
  OptionError,
  type OptionValues,
  pact,
  quantize,
  runCommand,
  timelineSvg,
  writeAtomic,
  zoo,
} from "../mod.ts";

const command = {
  title: "Estimates power, area and latency of a network of the zoo. Weights do not matter: cells are taken at half their range.",
  usage: "deno run -A examples/estimate.ts [options]",
  options: {
    network: { type: "string", default: "VGG7", choices: Object.keys(zoo), help: "network" },
    digital: { type: "string", default: "", help: "layers outside the arrays, a list; default none" },
    "weight-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "bits per weight" },
    "activation-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "bits per activation; 8 for the first layer" },
    scheme: {
      type: "string",
      default: "offset",
      choices: ["offset", "balanced", "pairs", "twosComplement"],
      help: "signed weights as cells",
    },
    "cell-bits": { type: "number", default: 1, integer: true, least: 1, most: 8, help: "bits per cell" },
    cell: { type: "string", default: "RRAM", choices: Object.keys(defaultLibrary.cells), help: "cell" },
    node: { type: "string", default: "22", choices: Object.keys(defaultLibrary.technology), help: "technology node" },
    rows: { type: "number", default: 128, integer: true, least: 1, help: "word lines of an array" },
    columns: { type: "number", default: 128, integer: true, least: 1, help: "columns of an array" },
    layout: { type: "string", choices: ["kernel", "im2col"], help: "how rows lie; default per layer, the one of fewer arrays" },
    "adc-type": { type: "string", default: "flash", help: "ADC circuit of the component library" },
    "adc-bits": { type: "number", default: 5, integer: true, least: 1, most: 14, help: "ADC resolution" },
    "columns-per-adc": { type: "number", default: 8, integer: true, least: 1, help: "columns that share an ADC" },
    "rows-in-parallel": { type: "number", integer: true, least: 1, help: "word lines active at once; default all" },
    "digit-bits": { type: "number", default: 1, integer: true, least: 1, most: 8, help: "input bits per step" },
    schedule: {
      type: "string",
      default: "pipelined",
      choices: ["pipelined", "layer-by-layer"],
      help: "layers on different images at once",
    },
    interconnect: { type: "string", default: "xy-bus", help: "interconnect of the component library" },
    temperature: { type: "number", default: 300, help: "K" },
    "speed-up": { type: "number", default: 8, integer: true, least: 1, help: "most copies of a layer" },
    "timeline-images": { type: "number", default: 4, integer: true, least: 1, most: 64, help: "images in the picture of the pipeline" },
    svg: { type: "string", help: "prefix of pictures: PREFIX_floorplan.svg and PREFIX_timeline.svg" },
    sources: { type: "boolean", help: "also print where each number comes from" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  const network = zoo[options.network]!(), { rows, columns } = options;
  const found = estimate({ rows, columns, layers: works(network, options) }, {
    ...{ cell: options.cell, node: options.node, adc: { type: options["adc-type"], bits: options["adc-bits"] } },
    ...{ columnsPerAdc: options["columns-per-adc"], digitBits: options["digit-bits"], schedule: options.schedule },
    ...{ interconnect: options.interconnect, temperatureK: options.temperature, speedUp: options["speed-up"] },
    ...(options["rows-in-parallel"] === undefined ? {} : { rowsInParallel: options["rows-in-parallel"] }),
  });
  if (options.svg !== undefined) {
    await writeAtomic(`${options.svg}_floorplan.svg`, floorplanSvg(found), { makeFolders: true });
    await writeAtomic(`${options.svg}_timeline.svg`, timelineSvg(estimateTimeline(found, { images: options["timeline-images"] })));
  }
  if (options.json) return console.log(JSON.stringify({ network: network.name, ...found }));
  const { arrays, tiles } = found.floorplan;
  console.log(`${options.network}: ${found.layers.length} layers in ${arrays} arrays of ${rows} × ${columns}, ${tiles} tiles`);
  console.log(found.table());
  if (options.sources) { for (const [path, source] of Object.entries(found.sources)) console.log(`${path}: ${source}`); }
}

/** Work of every layer on arrays, from its window alone. */
function works(network: Network, options: Options) {
  const digital = options.digital.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const geometries = layerGeometries(network), strange = digital.find((name) => !geometries.some((layer) => layer.name === name));
  if (strange !== undefined) {
    const wanted = `names among ${geometries.map(({ name }) => name).join(", ")}`;
    throw new OptionError("read the command line", { where: "--digital", got: strange, wanted });
  }
  const { perWeight: cellsPerWeight, references } = cells(options), pooled = pooledBehind(network);
  return geometries.filter(({ name }) => !digital.includes(name)).map(({ name, geometry }) =>
    layerWork({
      ...{ name, geometry, rows: options.rows, columns: options.columns, cellsPerWeight, references, cellBits: options["cell-bits"] },
      inputBits: name === geometries[0]!.name ? 8 : options["activation-bits"],
      ...(options.layout === undefined ? {} : { layout: options.layout }),
      pooled: pooled.get(name) ?? 0,
    })
  );
}

/** Cells of a weight, as they are for a layer of one. */
function cells(options: Options) {
  const weights = dorefa({ bits: options["weight-bits"] });
  const network: Network = {
    kind: "network",
    name: "one weight",
    input: [1, 1, 1],
    encoding: { zero: 0, scale: 1 },
    layers: [{ op: "linear", name: "fc", inputs: ["input"], features: 1, bias: false }],
    parameters: { "fc.weight": { shape: [1, 1], data: Float32Array.of(1) } },
  };
  const quantized = quantize(network, { weights, activations: pact({ bits: options["activation-bits"] }), last: weights, digital: [] });
  return columnLayout(decompose(quantized, { scheme: options.scheme, cellBits: options["cell-bits"] }).layer("fc"));
}

/** Values read by pooling layers behind each convolution, by its name. */
function pooledBehind(network: Network): Map<string, number> {
  const shapes = inferShapes(network), owners = new Map<string, string>(), pooled = new Map<string, number>();
  for (const { name, op, inputs: [first] } of network.layers) {
    const owner = op === "conv" || op === "linear" ? name : owners.get(first!);
    if (owner === undefined) continue;
    owners.set(name, owner);
    if (/pool/i.test(op)) pooled.set(owner, (pooled.get(owner) ?? 0) + elements(shapes.get(first!)!));
  }
  return pooled;
}

await runCommand(command, main);
