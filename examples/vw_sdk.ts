/**
 * Mapping methods side by side: the tables of the VW-SDK and VWC-SDK papers, with Bitline's mapper and the proved lower bound beside them.
 *
 *     deno run examples/vw_sdk.ts
 */

import {
  bestMapping,
  chainModel,
  type ComparedLayer,
  compareMappings,
  type CompareOptions,
  comparisonTable,
  layerTable,
  OptionError,
  type OptionValues,
  placementSvg,
  publishedLayers,
  type PublishedNetwork,
  runCommand,
  vwcSdkChannels,
  writeAtomic,
} from "../mod.ts";

const NAMES = ["CNN-8", "ResNet-20 wide", "VGG-13", "ResNet-18"] as const satisfies readonly PublishedNetwork[];

const command = {
  title:
    "Cycles of im2col, SMD, SDK, VW-SDK and Bitline's mapper on the layers and arrays of the mapping papers (no padding, stride 1, as they count).",
  usage: "deno run examples/vw_sdk.ts [options]",
  options: {
    network: { type: "string", choices: NAMES, help: "only this network" },
    rows: { type: "number", integer: true, least: 1, help: "word lines; default the arrays of the papers" },
    columns: { type: "number", integer: true, least: 1, help: "physical columns; default the arrays of the papers" },
    "weight-bits": { type: "number", integer: true, least: 1, most: 8, help: "bits of a weight; default 1, and 2 for the wide ResNet-20" },
    "cell-bits": { type: "number", integer: true, least: 1, most: 8, default: 1, help: "bits of a cell" },
    layers: { type: "boolean", help: "also a table per network with a line per layer" },
    svg: { type: "string", help: "draw the first array of the first layer's best mapping into this file" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

/** Arrays of the papers: VW-SDK's five, and the one each network of VWC-SDK is pruned for. */
const FIVE = [[512, 512], [512, 256], [256, 512], [256, 256], [128, 128]] as const;
const ARRAYS: Readonly<Record<PublishedNetwork, readonly (readonly [number, number])[]>> = {
  "CNN-8": [[256, 512]],
  "ResNet-20 wide": [[512, 256]],
  "VGG-13": FIVE,
  "ResNet-18": FIVE,
};

/** Rounds of channel pruning VWC-SDK publishes. */
const ROUNDS: Readonly<Partial<Record<PublishedNetwork, number>>> = { "CNN-8": 2, "ResNet-20 wide": 1 };

async function main(options: OptionValues<typeof command.options>): Promise<void> {
  const { rows, columns, network } = options;
  if ((rows === undefined) !== (columns === undefined)) {
    throw new OptionError("read the command line", { where: "--rows, --columns", got: "one of them", wanted: "both or neither" });
  }
  const names = network === undefined ? NAMES : [network];
  const networks = names.flatMap((name) => {
    const arrays = rows === undefined ? ARRAYS[name] : [[rows, columns!] as const];
    return arrays.map(([rows, columns]) => {
      const weightBits = options["weight-bits"] ?? (name === "ResNet-20 wide" ? 2 : 1);
      const array: CompareOptions = { rows, columns, weightBits, cellBits: options["cell-bits"] };
      const logical = Math.floor(columns * Math.min(array.cellBits!, weightBits) / weightBits);
      const pruned = prunedLayers(name, rows, logical).map((layers, round) => compareMappings(`${name}, RCP${round + 1}`, layers, array));
      return [compareMappings(name, publishedLayers(name), array), ...pruned];
    }).flat();
  });
  if (options.svg !== undefined) {
    const first = networks[0]!;
    const logical = Math.floor(first.columns * Math.min(first.cellBits, first.weightBits) / first.weightBits);
    const mapping = bestMapping({ geometry: publishedLayers(names[0]!)[0]!.geometry, rows: first.rows, columns: logical });
    const title = `${first.name}, ${
      first.layers[0]!.name
    } on ${first.rows} × ${first.columns}: ${mapping.method}, ${mapping.cycles} cycles`;
    await writeAtomic(options.svg, placementSvg(mapping.place(), { title }));
  }
  if (options.json) return console.log(JSON.stringify({ networks }));
  console.log(comparisonTable(networks));
  if (options.layers) {
    for (const each of networks) console.log(`\n${each.name} on ${each.rows} × ${each.columns}\n${layerTable(each)}`);
  }
}

/** The layers left after each published round of VWC-SDK's channel pruning; none for networks it was not published for. */
function prunedLayers(name: PublishedNetwork, rows: number, columns: number): ComparedLayer[][] {
  const rounds = ROUNDS[name], layers = publishedLayers(name);
  if (rounds === undefined) return [];
  // In a residual stage all sums have one channel count; in a chain a layer makes what the next one reads.
  const tied = (at: number) => layers[at]!.repeat > 1;
  const groups = Object.fromEntries(layers.map((layer) => [layer.name, layer.in]));
  const model = chainModel(
    groups,
    layers.map(({ name, image, kernel, out }, at) => ({ image, kernel, in: name, out: tied(at) ? name : layers[at + 1]?.name ?? out })),
  );
  return vwcSdkChannels(model, { rows, columns, rounds, search: "published" }).rounds.map(({ counts }) =>
    layers.map(({ name, repeat, geometry, out }, at) => ({
      name,
      repeat,
      geometry: {
        ...geometry,
        inputShape: [geometry.inputShape[0], geometry.inputShape[1], counts[at]!],
        outputShape: [geometry.outputShape[0], geometry.outputShape[1], tied(at) ? counts[at]! : counts[at + 1] ?? out],
      },
    }))
  );
}

await runCommand(command, main);
