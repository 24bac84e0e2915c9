// Group lasso in training, and groups of zeros that stay zero: what a recipe says about blocks of weights, and the loops that do it on the CPU.

import { OptionError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { layerGroups, weightedLayers } from "../prune/prune_groups.ts";
import { checkBlock, type GroupBlock, groupNorms } from "../prune/weight_groups.ts";
import { tensor } from "../tensor.ts";
import type { Parameter } from "./parameter.ts";

/** Groups whose weights are all zero when training starts, which then stay zero. */
export interface HoldZeros extends GroupBlock {
  /** Conv and linear layers, by name or pattern with `*`; default all. */
  readonly layers?: readonly string[];
}

/** The term λ · Σ_g √|g| · ‖W_g‖₂ beside the loss, |g| the weights of a group (Yuan & Lin, 2006). */
export interface GroupLasso extends HoldZeros {
  /** λ, at least 0. */
  readonly lambda: number;
}

/** What a recipe says about groups. */
export interface GroupTerms {
  /** Drives whole groups of weights towards zero; none by default. CPU only. The loss that training reports is without it. */
  readonly groupLasso?: GroupLasso;
  /** Holds the groups that are zero at the start; none by default. CPU only. */
  readonly holdZeros?: HoldZeros;
}

const ACTION = "train";

/** Checks what does not depend on the network. @throws {OptionError} naming the field. */
export function checkGroupTerms({ groupLasso, holdZeros }: GroupTerms): void {
  for (const [name, terms] of Object.entries({ groupLasso, holdZeros })) {
    if (terms === undefined) continue;
    const where = `recipe.${name}`;
    checkOptions(ACTION, where, terms, ["rows", "columns", "layers", ...(name === "groupLasso" ? ["lambda"] : [])]);
    checkBlock(ACTION, where, terms);
  }
  const lambda = groupLasso?.lambda ?? NaN;
  if (groupLasso === undefined || (Number.isFinite(lambda) && lambda >= 0)) return;
  throw new OptionError(ACTION, { where: "recipe.groupLasso.lambda", got: groupLasso.lambda, wanted: "a finite number of at least 0" });
}

/** Both terms on trainable parameters. */
export interface GroupSteps {
  /** Adds λ · √|g| · w / ‖W_g‖₂ to the gradients; 0 where a group is zero. */
  addGradient(): void;
  /** Puts held groups back to zero, velocity included. */
  hold(): void;
}

/**
 * Prepares the terms of a recipe for a network.
 *
 * @throws {OptionError} if a name matches no conv or linear layer.
 */
export function groupSteps({ groupLasso, holdZeros }: GroupTerms, network: Network, parameters: readonly Parameter[]): GroupSteps {
  const byName = new Map(parameters.map((each) => [each.name, each]));
  const found = (terms: HoldZeros | undefined, where: string) =>
    terms === undefined ? [] : weightedLayers(ACTION, `${where}.layers`, network, terms.layers).map((layer) => {
      const { weight, groups } = layerGroups(network, layer, terms), parameter = byName.get(`${layer.name}.weight`)!;
      // Group numbers in kernel layout, from 1; 0 in the gaps. Exact in f32 up to 2^24 groups.
      const numbers = new Float32Array(parameter.values.length);
      parameter.write(tensor(Float32Array.from(groups.of, (group) => group + 1), weight.shape), numbers);
      return { parameter, groups, weight, numbers: Int32Array.from(numbers) };
    });
  const penalised = found(groupLasso, "recipe.groupLasso").map((each) => ({
    ...each,
    roots: Float64Array.from(each.groups.sizes, (size) => groupLasso!.lambda * Math.sqrt(size)),
    factors: new Float64Array(each.groups.count + 1),
  }));
  const held = found(holdZeros, "recipe.holdZeros").map(({ parameter, groups, weight, numbers }) => {
    const norms = groupNorms(weight.data, groups);
    return { parameter, zeros: Int32Array.from(numbers.keys().filter((at) => numbers[at]! > 0 && norms[numbers[at]! - 1] === 0)) };
  });
  return {
    addGradient() {
      for (const { parameter: { values, gradient }, numbers, roots, factors } of penalised) {
        factors.fill(0);
        for (let at = 0; at < numbers.length; at++) factors[numbers[at]!]! += values[at]! * values[at]!;
        for (let group = 0; group < roots.length; group++) {
          const square = factors[group + 1]!;
          factors[group + 1] = square === 0 ? 0 : roots[group]! / Math.sqrt(square);
        }
        factors[0] = 0;
        for (let at = 0; at < numbers.length; at++) gradient[at]! += factors[numbers[at]!]! * values[at]!;
      }
    },
    hold() {
      for (const { parameter: { values, momentum }, zeros } of held) {
        for (const at of zeros) values[at] = momentum[at] = 0;
      }
    },
  };
}
