// Fewest cycles is not all: mappings weighed by arrays to program, conversions and digital additions, and the front of those none of which beats another.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { type PlacementCost, placementCost } from "./activations.ts";
import { mappingCandidates } from "./best.ts";
import type { Mapping, Problem } from "./placement.ts";
import { layerOf, placeWindows, tilesOf, windowSizes } from "./published/window.ts";

/** Weight of each cost in a sum to be minimised; those left out weigh nothing. Weigh cells by energy per write / images and so on, in units of one cycle. */
export type Objective = { readonly [K in keyof PlacementCost]?: number };

/** A mapping with what it costs. */
export interface CostedMapping {
  /** The mapping. */
  readonly mapping: Mapping;
  /** Its costs per image (arrays and cells once). */
  readonly cost: PlacementCost;
}

/** Costs a front is drawn over. */
export type CostName = keyof PlacementCost;

const COSTS: readonly CostName[] = ["cycles", "arrays", "cells", "conversions", "accumulations"];

/** Window sides tried for their own sake, in outputs. */
const SIDES = [1, 2, 3, 4, 6, 8];

/**
 * The mapping with the least weighted cost among what every family finds and gather windows of several sizes.
 *
 * @throws {OptionError} if a cost is unknown, a weight is negative, or none is positive.
 * @throws {MappingError} if an array has no rows or columns.
 *
 * @example
 * ```ts
 * import { publishedLayers, weightedMapping } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const problem = { geometry: publishedLayers("ResNet-18")[2]!.geometry, rows: 512, columns: 512 };
 * const fast = weightedMapping(problem, { cycles: 1 }), small = weightedMapping(problem, { cycles: 1, arrays: 1000 });
 * assert(fast.cost.cycles <= small.cost.cycles && fast.cost.arrays >= small.cost.arrays);
 * ```
 */
export function weightedMapping(problem: Problem, objective: Objective): CostedMapping {
  checkOptions("weigh mappings", "objective", objective, COSTS);
  const weights = COSTS.map((name) => objective[name] ?? 0);
  if (weights.some((weight) => !(weight >= 0 && weight < Infinity)) || weights.every((weight) => weight === 0)) {
    throw new OptionError("weigh mappings", {
      where: "objective",
      got: JSON.stringify(objective),
      wanted: "weights of 0 or more, one of them positive",
    });
  }
  const weigh = ({ cost }: CostedMapping) =>
    COSTS.reduce((sum, name, index) => sum + (weights[index] === 0 ? 0 : weights[index]! * cost[name]), 0);
  return costed(problem).reduce((best, next) => weigh(next) < weigh(best) ? next : best);
}

/**
 * Mappings of which none is as good as another in every cost named and better in one, by ascending first cost.
 *
 * @param over Costs compared; default cycles, arrays and accumulations.
 * @throws {OptionError} if a cost is unknown or none is named.
 * @throws {MappingError} if an array has no rows or columns.
 */
export function paretoMappings(problem: Problem, over: readonly CostName[] = ["cycles", "arrays", "accumulations"]): CostedMapping[] {
  const unknown = over.filter((name) => !COSTS.includes(name));
  if (unknown.length > 0 || over.length === 0) {
    throw new OptionError("draw a front", { where: "over", got: over, wanted: `some of ${COSTS.join(", ")}` });
  }
  const all = costed(problem);
  const front = all.filter((one, index) =>
    !all.some((other, at) => {
      if (at === index || over.some((name) => other.cost[name] > one.cost[name])) return false;
      return over.some((name) => other.cost[name] < one.cost[name]) || at < index;
    })
  );
  return front.sort((a, b) => over.map((name) => a.cost[name] - b.cost[name]).find((difference) => difference !== 0) ?? 0);
}

function costed(problem: Problem): CostedMapping[] {
  return [...mappingCandidates(problem), ...windows(problem)].map((mapping) => ({ mapping, cost: placementCost(mapping.place()) }));
}

/** Windows of whole channels and of element-granular tiles, a few sizes per axis. */
function windows(problem: Problem): Mapping[] {
  const layer = layerOf(problem, "windows");
  const { axes: [vertical, horizontal], inputs, outputs } = layer;
  const tall = windowSizes(vertical), wide = windowSizes(horizontal);
  const found: Mapping[] = [];
  for (const high of SIDES.filter((side) => side <= vertical.outputs)) {
    for (const across of SIDES.filter((side) => side <= horizontal.outputs)) {
      const rows = tall[high]! * wide[across]! * inputs, columns = high * across * outputs;
      const { rowTiles, columnTiles, packed, perWindow } = tilesOf(
        layer,
        rows,
        columns,
        Math.ceil(rows / problem.rows),
        Math.ceil(columns / problem.columns),
      );
      found.push({
        method: "window",
        cycles: Math.ceil(vertical.outputs / high) * Math.ceil(horizontal.outputs / across) * perWindow,
        detail: { outputsY: high, outputsX: across, rowTiles, columnTiles, packed },
        place: () => placeWindows(layer, { outputs: [high, across], packed }),
      });
    }
  }
  return found;
}
