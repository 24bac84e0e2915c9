// A training run as plain data: everything that decides its result, so that a file can hold it and another run repeat it.

import { checkOptions } from "../options.ts";
import { OptionError } from "../errors.ts";
import { type Optimizer, optimizerSettings } from "./optimizer.ts";
import { checkSpecs, type QuantizerSpecs } from "./quantizer_spec.ts";
import { checkPim, type PimOptions } from "./pim/options.ts";
import { checkPlainFields, checkSchedule } from "./check_recipe.ts";
import { checkFolding } from "./fold_options.ts";
import { checkGroupTerms, type GroupTerms } from "./group_lasso.ts";
import type { Schedule } from "./schedule.ts";

export {
  type ActivationSpec,
  type LayerSpecs,
  quantizersOf,
  type QuantizerSpec,
  type QuantizerSpecs,
  type StartingAlpha,
} from "./quantizer_spec.ts";

/** Everything that decides the result of training. */
export interface Recipe extends QuantizerSpecs, GroupTerms {
  /** Passes over the training images. */
  readonly epochs: number;
  /** Images per step, default 128. */
  readonly batch: number;
  /** Seed of order, augmentation (initial weights have the network's). */
  readonly seed: number;
  /** Learning rate over the run. */
  readonly schedule: Schedule;
  /** Method, decay and rates per group. */
  readonly optimizer: Optimizer;
  /** Label smoothing, default 0. */
  readonly smoothing: number;
  /** Random crop after padding by this many pixels, and mirroring. */
  readonly augment: { readonly pad: number; readonly flip: boolean };
  /** Layers on arrays and how they run in training; null for none. CPU only. */
  readonly pim: PimOptions | null;
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
  pim: null,
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
  checkOptions("train", "recipe", options, [...Object.keys(DEFAULT_RECIPE), "layers", "groupLasso", "holdZeros", "foldBatchNorm"]);
  const full = { ...DEFAULT_RECIPE, ...options };
  for (const [where, got, least] of [["epochs", full.epochs, 1], ["batch", full.batch, 1], ["seed", full.seed, 0]] as const) {
    if (!Number.isInteger(got) || got < least) {
      throw new OptionError("train", { where: `recipe.${where}`, got, wanted: `an integer of at least ${least}` });
    }
  }
  checkOptions("train", "recipe.augment", full.augment, Object.keys(DEFAULT_RECIPE.augment));
  checkOptimizer(full.optimizer);
  checkSchedule(full.schedule, "recipe.schedule");
  checkPlainFields(full);
  checkSpecs(full);
  checkGroupTerms(full);
  checkFolding(full);
  if (full.pim !== null) checkPim(full.pim, "recipe.pim");
  return full;
}

function checkOptimizer(optimizer: Optimizer): void {
  const settings = optimizerSettings({}), where = "recipe.optimizer";
  checkOptions("train", where, optimizer, Object.keys(settings));
  for (const name of ["decay", "rate"] as const) {
    checkOptions("train", `${where}.${name}`, optimizer[name] ?? {}, Object.keys(settings[name]));
  }
  const { kind, momentum, beta1, beta2, epsilon, decay, rate } = optimizerSettings(optimizer);
  if (kind !== "sgd" && kind !== "adam") throw new OptionError("train", { where: `${where}.kind`, got: kind, wanted: '"sgd" or "adam"' });
  for (const [name, got] of Object.entries({ momentum, beta1, beta2 })) {
    if (!(got >= 0 && got < 1)) throw new OptionError("train", { where: `${where}.${name}`, got, wanted: "a number from 0 to below 1" });
  }
  for (const [name, got] of Object.entries({ epsilon, ...prefixed("decay", decay), ...prefixed("rate", rate) })) {
    if (!(got >= 0 && Number.isFinite(got))) {
      throw new OptionError("train", { where: `${where}.${name}`, got, wanted: "a finite number of at least 0" });
    }
  }
}

function prefixed(name: string, values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${name}.${key}`, value]));
}
