/**
 * The whole zoo on six array sizes: cycles of every mapping method, Bitline's and the proved bound, as a Markdown page with a picture of a placement.
 *
 *     deno task docs
 */

import {
  bestMapping,
  compareMappings,
  type Comparison,
  layerGeometries,
  type OptionValues,
  placementSvg,
  publishedLayers,
  runCommand,
  writeAtomic,
  zoo,
} from "../mod.ts";

const ARRAYS = [[1024, 1024], [512, 512], [512, 256], [256, 512], [256, 256], [128, 128]] as const;

const command = {
  title: "Writes a Markdown page of cycles: every network of the zoo, with its real padding, stride and groups, on six array sizes.",
  usage: "deno run -A examples/zoo_mapping.ts [options]",
  options: {
    network: { type: "string", choices: Object.keys(zoo), help: "only this network" },
    out: { type: "string", help: "file to write the page to; default standard output" },
    svg: { type: "string", help: "file for the picture of a placement, which the page then shows" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

async function main(options: OptionValues<typeof command.options>): Promise<void> {
  const names = options.network === undefined ? Object.keys(zoo) : [options.network];
  const networks = names.flatMap((name) => {
    const layers = layerGeometries(zoo[name]!());
    return ARRAYS.map(([rows, columns]) => {
      if (options.out !== undefined) console.error(`${name} on ${rows} × ${columns}`);
      return compareMappings(name, layers, { rows, columns });
    });
  });
  if (options.json) return console.log(JSON.stringify({ networks }));
  if (options.svg !== undefined) await writeAtomic(options.svg, picture());
  const text = page(networks, options.svg);
  if (options.out === undefined) console.log(text);
  else await writeAtomic(options.out, text);
}

/** An array of the 64 → 64 layer of ResNet-18 under Bitline's mapper. */
function picture(): string {
  const mapping = bestMapping({ geometry: publishedLayers("ResNet-18")[1]!.geometry, rows: 512, columns: 512 });
  return placementSvg(mapping.place(), {
    title: `3 × 3, 64 → 64 channels on 512 × 512: ${mapping.method}, ${mapping.cycles} cycles for 54 × 54 outputs`,
  });
}

function page(networks: readonly Comparison[], svg: string | undefined): string {
  const head = ["network", "array", "im2col", "SMD", "SDK", "VW-SDK", "best", "bound", "VW-SDK / best", "best / bound"];
  const rows = networks.map((each) => [
    each.name,
    `${each.rows} × ${each.columns}`,
    ...[each.im2col, each.smd, each.sdk, each.vwSdk, each.best, each.bound].map(String),
    (each.vwSdk / each.best).toFixed(3),
    (each.best / each.bound).toFixed(3),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return `# Cycles of every mapping

Activations of one array per image, with one column per weight (1-bit weights on 1-bit cells), and the networks' real padding, strides, groups and linear
layers. _bound_ is proved: no mapping takes fewer (\`lowerBound\`). Made by \`deno task docs\`.

${[line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")}
${svg === undefined ? "" : `\n![Which cells hold which tap of the kernel](./${svg.slice(svg.lastIndexOf("/") + 1)})\n`}`;
}

await runCommand(command, main);
