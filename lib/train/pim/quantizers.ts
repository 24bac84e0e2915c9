// All that a recipe changes about layers: their quantizers, and which of them run on arrays.

import type { Network } from "../../network/graph.ts";
import type { TrainingQuantizers } from "../graph.ts";
import { quantizersOf } from "../quantizer_spec.ts";
import type { Recipe } from "../recipe.ts";
import { checkPim } from "./options.ts";
import { pimLayers } from "./source.ts";

/**
 * The quantizers a recipe names, and its layers on arrays.
 *
 * @throws {OptionError} if an entry of `layers` or `pim.layers` matches no layer it could hold for.
 */
export function trainingQuantizers(plan: Recipe, network: Network): TrainingQuantizers {
  const quantizers = quantizersOf(plan, network);
  return plan.pim === null
    ? quantizers
    : { ...quantizers, pim: { layers: pimLayers(network, plan.pim.layers), options: checkPim(plan.pim, "recipe.pim") } };
}
