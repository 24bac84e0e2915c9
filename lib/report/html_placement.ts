// Placements in a report: the fullest array of every layer, which weight sits where.

import type { MappedNetwork } from "../map/mapped.ts";
import { placementSvg } from "../map/picture.ts";
import { htmlDetails, htmlPictures, htmlText } from "./html_page.ts";

/** Letters of pictures per report and per picture; above that a picture is left out and the report says so. */
const MOST = 8e6, MOST_EACH = 4e5;

/** A picture of each layer's array with the most weights, to be opened layer by layer. */
export function placementSection(mapped: MappedNetwork): string {
  let total = 0;
  const layers = Object.values(mapped.layers).map(({ sliced, method, placement, arrays, cycles }, index) => {
    const patterns = placement.patterns.length, noun = patterns === 1 ? "pattern" : "patterns";
    const most = arrays.reduce((best, { weights }, at) => weights > arrays[best]!.weights ? at : best, 0), array = arrays[most]!;
    const title = `${sliced.name}: array ${most + 1} of ${arrays.length}, ${method}`;
    const svg = placementSvg(placement, { title, pattern: array.pattern, rowTile: array.tile, columnTile: array.columnTile });
    const drawn = svg.length <= MOST_EACH && total + svg.length <= MOST;
    if (drawn) total += svg.length;
    const content = drawn ? htmlPictures([svg]) : htmlText("Too fine to draw here: placementSvg() draws it alone.");
    const summary = `${sliced.name}: ${method}, ${arrays.length} arrays, ${patterns} ${noun}, ${cycles} cycles`;
    return htmlDetails(summary, content).replace("<details>", index === 0 ? "<details open>" : "<details>");
  });
  return htmlText(
    `Arrays of ${mapped.rows} × ${mapped.columns} cells. A rectangle is a run of word lines that read one pixel crossed with a run of bit lines ` +
      "that make one output, coloured by the tap of the kernel it holds; white cells are unused. Shown is each layer's fullest array.",
  ) + layers.join("\n");
}
