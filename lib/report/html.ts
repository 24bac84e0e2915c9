// A result as one HTML file that opens from disk: no network, nothing beside it, tables readable without script.

import { OptionError } from "../errors.ts";
import type { MappedNetwork } from "../map/mapped.ts";
import { checkOptions } from "../options.ts";
import type { LayerSums } from "../simulate/observe/calibrate.ts";
import type { Result } from "../simulate/result.ts";
import { configurationSection, settings } from "./html_configuration.ts";
import { estimateSection, estimateTiles } from "./html_estimate.ts";
import { histogramChart } from "./html_histogram.ts";
import { converterSection, layerSection, percent, short } from "./html_layers.ts";
import { type Cell, htmlPage, htmlPictures, htmlTable, htmlTiles, type Tile } from "./html_page.ts";
import { placementSection } from "./html_placement.ts";
import { type ReportEstimate, toJson } from "./json.ts";
import { histogram } from "./statistics.ts";

/** Column sums by layer, as `observeSums` counts them. */
export type ReportSums = ReadonlyMap<string, Pick<LayerSums, "unit" | "sums">>;

/** What a report shows besides the result. */
export interface HtmlReportOptions {
  /** Heading; default names the network and the data. */
  readonly title?: string;
  /** Power, performance and area; default the result's own, if it has any. */
  readonly estimate?: ReportEstimate;
  /** The network on arrays, for pictures of its placement. */
  readonly mapped?: MappedNetwork;
  /** Column sums for histograms, from `observeSums`. */
  readonly sums?: ReportSums;
}

const ACTION = "write a report";

/**
 * One HTML file about a result: accuracy with its spread over chips, layers, converters, energy and area, placements, configuration. It loads nothing
 * from anywhere and holds the result as JSON in its element "result". All text is escaped.
 *
 * @throws {OptionError} if an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { dorefa, htmlReport, lenet, pact, pipeline, tensor } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const chip = pipeline()
 *   .quantize({ weights: dorefa({ bits: 2 }), activations: pact({ bits: 2, alpha: 2 }) })
 *   .decompose().map().simulate({ adc: { bits: 6, range: "full" }, backend: "reference" });
 * const images = tensor(new Uint8Array(784), [1, 28, 28, 1]);
 * const result = await chip.run(lenet(), { name: "black", images, labels: Uint8Array.of(0), classes: [] });
 * const html = await htmlReport(result, { title: "A first chip" });
 * assert(html.startsWith("<!DOCTYPE html>") && html.includes("A first chip"));
 * ```
 */
export async function htmlReport(result: Result, options: HtmlReportOptions = {}): Promise<string> {
  checkOptions(ACTION, "htmlReport", options, ["title", "estimate", "mapped", "sums"]);
  const { title = `${result.network} on ${result.data}`, estimate = result.estimate, mapped, sums } = options;
  if (typeof title !== "string") throw new OptionError(ACTION, { where: "htmlReport.title", got: title, wanted: "a text" });
  if (mapped !== undefined && mapped.kind !== "mapped") {
    throw new OptionError(ACTION, { where: "htmlReport.mapped", got: typeof mapped, wanted: "a network from map" });
  }
  const { network, data, images, backend } = result;
  return htmlPage(title, `${network}, ${images} images of ${data}, simulated on ${backend.name}.`, [
    {
      id: "summary",
      title: "Summary",
      content: htmlTiles([...resultTiles(result), ...estimate === undefined ? [] : estimateTiles(estimate)]),
    },
    { id: "accuracy", title: "Accuracy", content: await accuracySection(result) },
    { id: "layers", title: "Layers", content: layerSection(result) },
    { id: "converters", title: "Converters", content: await converterSection(result, sums) },
    { id: "estimate", title: "Energy, time and area", content: estimate === undefined ? "" : await estimateSection(estimate) },
    { id: "cells", title: "Cells and wires", content: cellsSection(result) },
    { id: "placement", title: "Placement", content: mapped === undefined ? "" : placementSection(mapped) },
    { id: "configuration", title: "Configuration", content: configurationSection(result) },
  ], toJson(result));
}

function resultTiles({ accuracy, cycles, layers, images, monteCarlo }: Result): Tile[] {
  const change = 100 * (accuracy.crossbar - accuracy.quantized), arrays = layers.reduce((sum, layer) => sum + layer.arrays, 0);
  const spread = monteCarlo?.summary["accuracy"]?.std;
  const chips = typeof spread === "number" ? `, ± ${percent(spread).text} over ${monteCarlo!.draws} chips` : "";
  return [
    { name: "Accuracy on arrays", value: percent(accuracy.crossbar).text, note: `${signed(change)} points to software${chips}` },
    { name: "Software baseline", value: percent(accuracy.quantized).text, note: `integers without arrays, ${images} images` },
    { name: "Cycles per image", value: cycles.toLocaleString("en-GB"), note: "array activations" },
    { name: "Arrays", value: arrays.toLocaleString("en-GB"), note: `${layers.length} layers` },
  ];
}

async function accuracySection({ accuracy, images, logitError, monteCarlo }: Result): Promise<string> {
  const points = (share: number): Cell => ({ text: signed(100 * (share - accuracy.quantized)), by: share - accuracy.quantized });
  const row = (name: string, share: number, note: string): Cell[] => [name, percent(share), points(share), note];
  const summary = monteCarlo?.summary["accuracy"],
    rows: Cell[][] = [
      ...accuracy.float === undefined ? [] : [row("float activations", accuracy.float, "")],
      row("quantised", accuracy.quantized, "the software baseline"),
      row(
        "crossbar",
        accuracy.crossbar,
        `largest logit difference ${short(logitError)}${summary === undefined ? "" : "; mean of all chips"}`,
      ),
    ];
  if (monteCarlo !== undefined && summary !== undefined) {
    const { interval, confidence, std, min, max, percentiles } = summary;
    if (std !== null) rows.push(["standard deviation", percent(std), "", `${monteCarlo.draws} chips, seed ${monteCarlo.seed}`]);
    if (interval !== null) {
      for (const [end, share] of [["lower", interval[0]], ["upper", interval[1]]] as const) {
        rows.push(row(`mean, ${end} end`, share, `${percent(confidence, 0).text} confidence`));
      }
    }
    for (const [at, share] of Object.entries(percentiles)) rows.push(row(`percentile ${at}`, share, ""));
    rows.push(row("worst chip", min, ""), row("best chip", max, ""));
  }
  const table = htmlTable({
    caption: `Shares of ${images} images classified correctly`,
    columns: ["", "#accuracy", "#points to software", ""],
    rows,
    sortable: false,
  });
  const samples = monteCarlo?.samples["accuracy"] ?? [];
  if (samples.length < 2) return table;
  const { edges, counts } = histogram(samples.map((share) => 100 * share), {
    bins: Math.min(24, Math.ceil(2 * Math.sqrt(samples.length))),
  });
  const picture = await histogramChart({
    title: `Accuracy of ${samples.length} chips`,
    ...{ x: "Accuracy (%)", y: "Chips", edges, heights: counts },
    rules: [{ axis: "x", value: 100 * accuracy.quantized, label: "software" }, {
      axis: "x",
      value: 100 * accuracy.crossbar,
      label: "mean",
    }],
  });
  return table + htmlPictures([picture]);
}

/** Device, wires and what writing took. */
function cellsSection({ program, writing }: Result): string {
  const rows = settings({ ...program, ...(writing === undefined ? {} : { writing: { ...writing, layers: undefined } }) });
  if (program === undefined && writing === undefined) return "";
  return `<div class="wrap">${
    htmlTable({
      caption: "Times in s (writing: ns), energies in pJ, resistances in Ω",
      columns: ["setting", "value"],
      rows,
      sortable: false,
    })
  }</div>`;
}

function signed(points: number): string {
  return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(2)}`;
}
