// The pipeline over time: an estimate as a timeline of tiles and clock cycles, for the picture the mapping stage already draws.

import { type Timeline, timeline } from "../map/chip/timeline.ts";
import type { Estimate } from "./result.ts";

/**
 * Images through the layers of an estimate: rows are tiles, cycles those of the clock. In a pipelined schedule a layer takes an image when it is done
 * with the one before and the layer before it is done with this one; else images follow each other.
 *
 * @param options `images`: how many; default 3.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { estimate, estimateTimeline, layerGeometries, layerWork, lenet, timelineSvg } from "@bitline/bitline";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const layers = layerGeometries(lenet()).map(({ name, geometry }) =>
 *   layerWork({ name, geometry, rows: 128, columns: 128, cellsPerWeight: 4, cellBits: 1, inputBits: 4 })
 * );
 * const found = estimate({ rows: 128, columns: 128, layers }), run = estimateTimeline(found, { images: 4 });
 * const wanted = found.chip.latencyNs + 3 * found.chip.periodNs; // one image, then three more
 * assertAlmostEquals(run.cycles * found.chip.clockNs / wanted, 1, 1e-3);
 * assert(timelineSvg(run).startsWith("<svg"));
 * ```
 */
export function estimateTimeline(
  { chip: { clockNs }, layers, floorplan, options: { schedule } }: Pick<Estimate, "chip" | "layers" | "floorplan" | "options">,
  options: { readonly images?: number } = {},
): Timeline {
  const { images = 3, ...rest } = options;
  const stations = layers.map(({ name, plan, latencyNs }) => {
    return { name, groups: [{ arrays: plan.tiles, activations: Math.max(1, Math.round(latencyNs / clockNs)) }] };
  });
  const segment = { layers: stations, allocation: { layers: stations.map(() => ({ copies: [1] })) } };
  const plan = { chip: { arrays: floorplan.tiles, programmingCycles: 0 }, segments: [segment] };
  if (schedule === "pipelined") return timeline(plan, { images, ...rest });
  const one = timeline(plan, { images: 1, ...rest }), { cycles } = one;
  timeline(plan, { images }); // for its check of the number
  const spans = Array.from({ length: images }, (_, image) => {
    return one.spans.map((span) => ({ ...span, image, start: span.start + image * cycles, end: span.end + image * cycles }));
  });
  return { ...one, images, cycles: cycles * images, spans: spans.flat() };
}
