// Layers in a report: one row each, what their converters clip and how much noise they add, and the sums that reach them.

import type { LayerResult, Result } from "../simulate/result.ts";
import type { ReportSums } from "./html.ts";
import { binIntegers, histogramChart } from "./html_histogram.ts";
import { type Cell, htmlPictures, htmlTable, htmlText } from "./html_page.ts";
import { barChart } from "./plot_bar.ts";

/** The table of layers. */
export function layerSection({ layers, cycles }: Result): string {
  const rows = layers.map((layer): Cell[] => {
    const { adc, clipped, sqnr } = layer;
    return [
      layer.name,
      layer.rows,
      layer.columns,
      layer.algorithm,
      layer.tiles,
      layer.arrays,
      { text: layer.cycles.toLocaleString("en-GB"), by: layer.cycles },
      percent(layer.utilisation, 1),
      adc === undefined ? { text: "dynamic", by: NaN } : { text: rangeOf(adc), by: adc.step * adc.levels },
      adc === undefined ? { text: "", by: NaN } : { text: short(adc.step), by: adc.step },
      clipped === undefined ? { text: "", by: NaN } : percent(clipped, 3),
      sqnr === undefined
        ? { text: "", by: NaN }
        : sqnr === null
        ? { text: "exact", by: Infinity }
        : { text: `${sqnr.toFixed(1)} dB`, by: sqnr },
    ];
  });
  return htmlTable({
    caption: `${layers.length} layers on arrays, ${
      cycles.toLocaleString("en-GB")
    } array activations per image. A click on a column sorts by it.`,
    columns: [
      ...["layer", "#rows", "#columns", "mapping", "#row tiles", "#arrays", "#cycles", "#cells used"],
      ...["ADC range", "#ADC step", "#clipped", "#SQNR"],
    ],
    rows,
  });
}

/** Pictures of what converters do: clipping and noise by layer, sums against ranges. */
export async function converterSection({ layers }: Result, sums: ReportSums | undefined): Promise<string> {
  const clipping = layers.filter(({ clipped }) => clipped !== undefined), noisy = layers.filter(({ sqnr }) => typeof sqnr === "number");
  const exact = layers.filter(({ sqnr }) => sqnr === null).map(({ name }) => name), pictures: string[] = [];
  const bars = (title: string, label: string, unit: string, shown: readonly LayerResult[], of: (layer: LayerResult) => number) =>
    barChart({
      ...{ title, width: 540, height: 320, x: { label: "Layer" }, y: { label, unit } },
      categories: shown.map(({ name }) => name.trim() || "unnamed"),
      series: [{ name: label, values: shown.map(of) }],
    });
  if (clipping.length > 0) {
    pictures.push(await bars("Conversions outside the ADC's range", "Clipped", "%", clipping, ({ clipped }) => 100 * clipped!));
  }
  if (noisy.length > 0) {
    pictures.push(await bars("Signal to quantisation noise of each layer's output", "SQNR", "dB", noisy, ({ sqnr }) => sqnr!));
  }
  for (const { name, adc } of layers) {
    const seen = sums?.get(name);
    if (seen !== undefined && seen.sums.histogram.some((count) => count > 0)) pictures.push(await sumsPicture(name, seen, adc));
  }
  const note = exact.length === 0 ? "" : htmlText(`Without quantisation noise: ${exact.join(", ")}.`);
  return pictures.length === 0 ? note : note + htmlPictures(pictures);
}

/** Column sums of a layer with the ends of its converter's range. */
function sumsPicture(name: string, { unit, sums }: ReturnType<ReportSums["get"]> & object, adc: LayerResult["adc"]): Promise<string> {
  const { edges, heights } = binIntegers(sums.min, sums.histogram), total = heights.reduce((sum, count) => sum + count, 0);
  const lo = edges[0]! * unit, hi = edges.at(-1)! * unit;
  const ends = adc === undefined ? [] : [["lowest code", adc.lo], ["highest code", adc.lo + adc.step * (adc.levels - 1)]] as const;
  // A range far beyond the sums would squeeze them into a line.
  const near = ends.filter(([, value]) => value >= lo - (hi - lo) && value <= hi + (hi - lo));
  return histogramChart({
    title: `Column sums of ${name}`,
    x: "Sum of a column, in cell levels",
    y: "Conversions (%)",
    edges: edges.map((edge) => edge * unit),
    heights: heights.map((count) => 100 * count / total),
    rules: near.map(([label, value]) => ({ axis: "x", value, label })),
  });
}

function rangeOf({ lo, step, levels, lossless }: NonNullable<LayerResult["adc"]>): string {
  return `${short(lo)} … ${short(lo + step * (levels - 1))}${lossless ? ", lossless" : ""}`;
}

/** A share as a cell. */
export function percent(share: number, digits = 2): { readonly text: string; readonly by: number } {
  return { text: Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : "", by: share };
}

/** Four significant digits. */
export function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
