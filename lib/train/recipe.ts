// A training run as plain data: everything that decides its result, so that a file can hold it and another run repeat it.

import { checkOptions } from "../options.ts";
import { OptionError } from "../errors.ts";
import { pact } from "../quantize/pact.ts";
import { weightQuantizer } from "../quantize/weight_quantizer.ts";
import type { Network } from "../network/graph.ts";
import type { WeightQuantizer } from "../quantize/quantizer.ts";
import type { TrainingQuantizers } from "./graph.ts";
import type { Optimizer } from "./optimizer.ts";
import { learningRate, type Schedule } from "./schedule.ts";

/** A weight quantizer by name and bit width, as it stands in files. */
export interface QuantizerSpec {
  /** Name of the method. */
  readonly kind: "dorefa" | "uniform";
  /** Bits per code. */
  readonly bits: number;
}

/** Everything that decides the result of training. */
export interface Recipe {
  /** Passes over the training images. */
  readonly epochs: number;
  /** Images per step, default 128. */
  readonly batch: number;
  /** Seed of order, augmentation (initial weights have the network's). */
  readonly seed: number;
  /** Learning rate over the run. */
  readonly schedule: Schedule;
  /** Momentum, decay and rates per group. */
  readonly optimizer: Optimizer;
  /** Label smoothing, default 0. */
  readonly smoothing: number;
  /** Random crop after padding by this many pixels, and mirroring. */
  readonly augment: { readonly pad: number; readonly flip: boolean };
  /** Quantizer of most weights, of the first and of the last weighted layer; null trains in floats. */
  readonly weights: QuantizerSpec | null;
  /** Quantizer of the first weighted layer. */
  readonly first: QuantizerSpec | null;
  /** Quantizer of the last weighted layer. */
  readonly last: QuantizerSpec | null;
  /** Activation bits and starting α; null trains in floats. */
  readonly activations: { readonly bits: number; readonly alpha: number } | null;
}

/** The recipe that options left out come from: W4/A4 with 8-bit first and last layers. */
export const DEFAULT_RECIPE: Recipe = {
  epochs: 30,
  batch: 128,
  seed: 1,
  schedule: { kind: "cosine", peak: 0.1, warmup: 0.2 },
  optimizer: {
    momentum: 0.9,
    nesterov: true,
    decay: { weight: 5e-4, normalization: 0, alpha: 5e-4 },
    rate: { weight: 1, normalization: 1, alpha: 1 },
  },
  smoothing: 0,
  augment: { pad: 4, flip: true },
  weights: { kind: "dorefa", bits: 4 },
  first: { kind: "uniform", bits: 8 },
  last: { kind: "uniform", bits: 8 },
  activations: { bits: 4, alpha: 3 },
};

/**
 * Fills a recipe's missing fields with {@linkcode DEFAULT_RECIPE}'s.
 *
 * @throws {OptionError} if a field is unknown or out of range.
 *
 * @example
 * ```ts
 * import { recipe } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(recipe({ epochs: 2 }).batch, 128);
 * ```
 */
export function recipe(options: Partial<Recipe> = {}): Recipe {
  checkOptions("train", "recipe", options, Object.keys(DEFAULT_RECIPE));
  const full = { ...DEFAULT_RECIPE, ...options };
  for (const [where, got, least] of [["epochs", full.epochs, 1], ["batch", full.batch, 1], ["seed", full.seed, 0]] as const) {
    if (!Number.isInteger(got) || got < least) {
      throw new OptionError("train", { where: `recipe.${where}`, got, wanted: `an integer of at least ${least}` });
    }
  }
  const nested = [["optimizer", full.optimizer], ["augment", full.augment], ["activations", full.activations]] as const;
  for (const [name, given] of nested) {
    if (given !== null) checkOptions("train", `recipe.${name}`, given, Object.keys(DEFAULT_RECIPE[name]!));
  }
  learningRate(full.schedule, 0);
  for (const name of ["weights", "first", "last"] as const) make(name, full[name]);
  return full;
}

function make(name: string, spec: QuantizerSpec | null): WeightQuantizer | undefined {
  if (spec === null) return undefined;
  checkOptions("train", `recipe.${name}`, spec, ["kind", "bits"]);
  const quantizer = weightQuantizer(spec.kind, spec.bits);
  if (quantizer !== undefined) return quantizer;
  throw new OptionError("train", { where: `recipe.${name}.kind`, got: spec.kind, wanted: '"dorefa" or "uniform"' });
}

/** The quantizer objects a recipe names, for the layers of a network. */
export function quantizersOf(plan: Recipe, network: Network): TrainingQuantizers {
  const weighted = network.layers.filter((layer) => layer.op === "conv" || layer.op === "linear").map((layer) => layer.name);
  const [first, last, other] = [make("first", plan.first), make("last", plan.last), make("weights", plan.weights)];
  const activation = plan.activations === null ? undefined : pact(plan.activations);
  return {
    weights: (name) => name === weighted[0] ? first : name === weighted.at(-1) ? last : other,
    activations: () => activation,
  };
}
