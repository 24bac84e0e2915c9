// Power, performance and area in a report: figures of the chip, where energy, area and time go, and the floorplan.

import { floorplanSvg } from "../estimate/floorplan_svg.ts";
import type { ComponentEstimate, Figures } from "../estimate/result.ts";
import { percent, short } from "./html_layers.ts";
import { type Cell, htmlPictures, htmlTable, type Tile } from "./html_page.ts";
import type { ReportEstimate } from "./json.ts";
import { barChart } from "./plot_bar.ts";

/** What a layer waits for; these are categories of components too, first among them so that they have the same colours in every picture. */
const WAITS = ["array", "accumulation", "buffer", "interconnect"] as const;

/** Figures of the chip for the summary. */
export function estimateTiles({ chip }: ReportEstimate): Tile[] {
  return [
    {
      name: "Energy per image",
      value: `${short(chip.energyPj / 1e6)} µJ`,
      note: `${percent(chip.leakagePj / chip.energyPj, 1).text} leakage`,
    },
    { name: "Area", value: `${short(chip.areaUm2 / 1e6)} mm²`, note: `${short(chip.topsPerMm2)} TOPS/mm²` },
    { name: "Throughput", value: `${short(chip.fps)} images/s`, note: `first image after ${short(chip.latencyNs / 1e3)} µs` },
    { name: "Efficiency", value: `${short(chip.topsPerWatt)} TOPS/W`, note: `${short(chip.powerMw)} mW` },
  ];
}

/** Tables and pictures of an estimate. */
export async function estimateSection(estimate: ReportEstimate): Promise<string> {
  const { chip, layers, floorplan } = estimate;
  const perLayer = htmlTable({
    caption: `Layers: ${floorplan.tiles} tiles of ${floorplan.arrays} arrays. Layers and what they share add up to the chip.`,
    columns: ["layer", "#tiles", "#copies", "#cells used", "#mm²", "#µs", "#dynamic µJ", "#leakage µJ", "#µJ", "#TOPS/W"],
    rows: layers.map((layer): Cell[] => [
      layer.name,
      layer.plan.tiles,
      layer.plan.copies,
      percent(layer.plan.utilisation, 1),
      figure(layer.areaUm2 / 1e6),
      figure(layer.latencyNs / 1e3),
      figure(layer.dynamicPj / 1e6),
      figure(layer.leakagePj / 1e6),
      figure(layer.energyPj / 1e6),
      figure(layer.topsPerWatt),
    ]),
  });
  const perComponent = htmlTable({
    caption: "Components",
    columns: ["component", "part of", "#count", "#mm²", "#of area", "#dynamic µJ", "#of energy", "#leakage µW"],
    rows: chip.components.map(({ name, category, count, areaUm2, dynamicPj, leakageUw }): Cell[] => [
      name,
      category,
      figure(count),
      figure(areaUm2 / 1e6),
      percent(areaUm2 / chip.areaUm2, 1),
      figure(dynamicPj / 1e6),
      percent(dynamicPj / chip.dynamicPj, 1),
      figure(leakageUw),
    ]),
  });
  const pictures = [
    await breakdown("Dynamic energy", "µJ", layers, ({ dynamicPj }) => dynamicPj / 1e6),
    await breakdown("Area", "mm²", layers, ({ areaUm2 }) => areaUm2 / 1e6),
    await waits(layers),
    floorplanSvg(estimate, { width: 720 }),
  ];
  return htmlPictures(pictures) + perLayer + perComponent;
}

/** A figure of every layer, stacked by category. */
function breakdown(
  label: string,
  unit: string,
  layers: readonly (Figures & { readonly name: string })[],
  of: (component: ComponentEstimate) => number,
): Promise<string> {
  const found = new Set<string>(layers.flatMap(({ components }) => components.map(({ category }) => category)));
  const categories = [...new Set<string>([...WAITS, ...found])].filter((name) => found.has(name));
  return barChart({
    ...{ title: `${label} by layer`, width: 540, height: 340, stacked: true, x: { label: "Layer" }, y: { label, unit } },
    categories: layers.map(({ name }) => name.trim() || "unnamed"),
    series: categories.map((name) => ({
      name,
      values: layers.map(({ components }) => components.reduce((sum, each) => sum + (each.category === name ? of(each) : 0), 0)),
    })),
  });
}

/** Time of every layer, stacked by what it waits for. */
function waits(layers: ReportEstimate["layers"]): Promise<string> {
  return barChart({
    ...{ title: "Time for an image by layer", width: 540, height: 340, stacked: true, x: { label: "Layer" } },
    y: { label: "Time", unit: "µs" },
    categories: layers.map(({ name }) => name.trim() || "unnamed"),
    series: WAITS.map((name) => ({ name, values: layers.map(({ waitsNs }) => waitsNs[name] / 1e3) })),
  });
}

function figure(value: number): Cell {
  return { text: short(value), by: value };
}
