// Batch norms folded into the weights while training: what a recipe may say about it, and which layers of a network it holds for.

import { OptionError } from "../errors.ts";
import { foldedPairs } from "../network/fold_batch_norm.ts";
import type { BatchNorm, Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";

/** How batch norms are folded into the weights in training. */
export interface FoldTraining {
  /**
   * Statistics that weights are folded with before they are rounded, until the freeze. "batch" (default; Jacob et al., 2018): W · γ/√(σ² + ε) with those of the
   * batch. "running" (Krishnamoorthi, 2018): with running ones, and the layer's sums times √(σ²_running + ε)/√(σ² + ε), so that codes do not jitter with the
   * batch while activations still follow its statistics; for networks that come with running statistics.
   */
  readonly statistics?: "batch" | "running";
  /** Epochs after which running statistics stand still and take the batch's place in forward and backward pass; default null, never. Fractions count. */
  readonly freezeAfter?: number | null;
}

/** What a recipe says about folding. */
export interface FoldTerms {
  /**
   * Folds every batch norm that alone reads a conv or linear layer into that layer's weights before they are quantised, and hands on a network without it;
   * `true` for the defaults, none by default. CPU only, not with `pim`.
   */
  readonly foldBatchNorm?: boolean | FoldTraining;
}

/** Folding as the trainer needs it. */
export interface Folding extends Required<FoldTraining> {
  /** Batch norm by the layer it goes into. */
  readonly layers: ReadonlyMap<string, BatchNorm>;
}

const ACTION = "train", WHERE = "recipe.foldBatchNorm";

/** Checks what does not depend on the network. @throws {OptionError} naming the field. */
export function checkFolding({ foldBatchNorm, pim }: FoldTerms & { readonly pim?: unknown }): void {
  if (foldBatchNorm === undefined || typeof foldBatchNorm === "boolean") {
    if (foldBatchNorm === true) refuseArrays(pim);
    return;
  }
  if (typeof foldBatchNorm !== "object" || foldBatchNorm === null || Array.isArray(foldBatchNorm)) {
    throw new OptionError(ACTION, { where: WHERE, got: foldBatchNorm, wanted: "true, false or { statistics, freezeAfter }" });
  }
  checkOptions(ACTION, WHERE, foldBatchNorm, ["statistics", "freezeAfter"]);
  const { statistics = "batch", freezeAfter = null } = foldBatchNorm;
  if (statistics !== "batch" && statistics !== "running") {
    throw new OptionError(ACTION, { where: `${WHERE}.statistics`, got: statistics, wanted: '"batch" or "running"' });
  }
  if (freezeAfter !== null && !(typeof freezeAfter === "number" && Number.isFinite(freezeAfter) && freezeAfter >= 0)) {
    throw new OptionError(ACTION, { where: `${WHERE}.freezeAfter`, got: freezeAfter, wanted: "a number of epochs of at least 0, or null" });
  }
  refuseArrays(pim);
}

function refuseArrays(pim: unknown): void {
  if (pim === undefined || pim === null) return;
  throw new OptionError(ACTION, { where: WHERE, got: "layers on arrays (recipe.pim) as well", wanted: "one of the two" });
}

/**
 * The folding of a recipe on a network; undefined where none is asked for.
 *
 * @throws {OptionError} if the network has no batch norm that could be folded.
 */
export function foldingOf({ foldBatchNorm }: FoldTerms, network: Network): Folding | undefined {
  if (foldBatchNorm === undefined || foldBatchNorm === false) return undefined;
  const { statistics = "batch", freezeAfter = null } = foldBatchNorm === true ? {} : foldBatchNorm, layers = foldedPairs(network);
  if (layers.size > 0) return { layers, statistics, freezeAfter };
  throw new OptionError(ACTION, {
    where: WHERE,
    got: `${network.name}, without a batch norm that alone reads a conv or linear layer`,
    wanted: "a network with one",
  });
}
