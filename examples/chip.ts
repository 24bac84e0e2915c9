/**
 * A network on a chip of a limited number of arrays: copies that balance the pipeline, or loads in turn where it does not fit, and which array is busy when.
 *
 *     deno run -A examples/chip.ts --network ResNet-18 --arrays 400
 */

import { Table } from "@cliffy/table";
import {
  allocate,
  bestMapping,
  chipLayers,
  layerGeometries,
  MappingError,
  type OptionValues,
  partition,
  runCommand,
  timeline,
  timelineSvg,
  vwSdkMapping,
  writeAtomic,
  zoo,
} from "../mod.ts";

const command = {
  title: "Puts a network on a chip of so many arrays and prints copies, cycles and utilisation per layer.",
  usage: "deno run -A examples/chip.ts [options]",
  options: {
    network: { type: "string", default: "ResNet-18", choices: Object.keys(zoo), help: "network of the zoo" },
    arrays: { type: "number", default: 400, integer: true, least: 1, help: "arrays of the chip" },
    rows: { type: "number", default: 256, integer: true, least: 1, help: "word lines of an array" },
    columns: { type: "number", default: 256, integer: true, least: 1, help: "physical columns of an array" },
    "cells-per-weight": { type: "number", default: 1, integer: true, least: 1, help: "physical columns of one weight" },
    algorithm: { type: "string", default: "best", choices: ["best", "vw-sdk"], help: "how layers are laid over arrays" },
    objective: { type: "string", default: "interval", choices: ["interval", "latency"], help: "what copies are to shorten" },
    "programming-cycles": {
      type: "number",
      default: 1000,
      integer: true,
      least: 0,
      help: "cycles to program one array, where loads are needed",
    },
    batch: { type: "number", default: 64, integer: true, least: 1, help: "images per load" },
    svg: { type: "string", help: "draw which array is busy when into this file" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

async function main(options: OptionValues<typeof command.options>): Promise<void> {
  const { rows, arrays, batch, objective } = options, cellsPerWeight = options["cells-per-weight"];
  const columns = Math.floor(options.columns / cellsPerWeight);
  if (columns < 1) {
    throw new MappingError("put a network on a chip", {
      where: "--columns",
      got: options.columns,
      wanted: `at least ${cellsPerWeight}, for one weight`,
    });
  }
  const network = zoo[options.network]!();
  const mapper = options.algorithm === "best" ? bestMapping : vwSdkMapping;
  const placements = Object.fromEntries(
    layerGeometries(network).map(({ name, geometry }) => [name, mapper({ geometry, rows, columns }).place()]),
  );
  const layers = chipLayers(network, placements, { cellsPerWeight });
  const needed = layers.reduce((sum, { groups }) => sum + groups.reduce((all, group) => all + group.arrays, 0), 0);
  const chip = { arrays, programmingCycles: options["programming-cycles"] };
  const plan = needed <= arrays
    ? { chip, segments: [{ layers, allocation: allocate(layers, { arrays, objective }) }] }
    : partition(layers, chip, { batch });
  if (options.svg !== undefined) await writeAtomic(options.svg, timelineSvg(timeline(plan, { images: Math.min(batch, 8) })));
  if (options.json) return console.log(JSON.stringify({ network: options.network, rows, columns: options.columns, needed, ...plan }));
  console.log(`${options.network}: ${needed} arrays of ${rows} × ${options.columns} hold it once; the chip has ${arrays}`);
  for (const [index, { allocation }] of plan.segments.entries()) {
    if (plan.segments.length > 1) console.log(`load ${index + 1} of ${plan.segments.length}`);
    console.log(
      new Table()
        .header(["layer", "copies", "arrays", "cycles per image", "utilisation"])
        .body(allocation.layers.map((layer) => [
          layer.name,
          span(layer.copies),
          layer.arrays,
          layer.latency,
          `${(100 * layer.utilisation).toFixed(1)} %`,
        ]))
        .border().toString(),
    );
    console.log(
      `${allocation.arrays} arrays, ${allocation.interval} cycles between images, ${allocation.latency} for one image, ` +
        `${(100 * allocation.utilisation).toFixed(1)} % busy`,
    );
  }
  if ("cyclesPerImage" in plan) {
    console.log(`${plan.cyclesPerImage.toFixed(1)} cycles per image over batches of ${batch}, programming included`);
  }
}

function span(copies: readonly number[]): string {
  const least = Math.min(...copies), most = Math.max(...copies);
  return least === most ? String(least) : `${least} to ${most}`;
}

await runCommand(command, main);
