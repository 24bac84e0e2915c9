// Quantizers as plain data, so that a recipe in a file can name them: for all layers, the first, the last, and exceptions by name or pattern.

import { OptionError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { ACTIVATION_QUANTIZERS, activationQuantizer } from "../quantize/activation_quantizer.ts";
import type { ApotOptions } from "../quantize/apot.ts";
import type { BinaryOptions } from "../quantize/binary.ts";
import type { DorefaOptions } from "../quantize/dorefa.ts";
import { layerEntries, matchesPattern } from "../quantize/layer_pattern.ts";
import type { LgLsqActivationOptions, LgLsqOptions } from "../quantize/lg_lsq.ts";
import type { LlsqActivationOptions, LlsqOptions } from "../quantize/llsq.ts";
import type { LsqActivationOptions, LsqOptions } from "../quantize/lsq.ts";
import type { LsqPlusActivationOptions, LsqPlusOptions } from "../quantize/lsq_plus.ts";
import type { PactOptions } from "../quantize/pact.ts";
import type { ActivationQuantizer, WeightQuantizer } from "../quantize/quantizer.ts";
import type { SawbOptions } from "../quantize/sawb.ts";
import type { TernaryOptions } from "../quantize/ternary.ts";
import type { UniformOptions } from "../quantize/uniform.ts";
import { WEIGHT_QUANTIZERS, weightQuantizer } from "../quantize/weight_quantizer.ts";
import { foldingOf, type FoldTerms } from "./fold_options.ts";
import type { TrainingQuantizers } from "./graph.ts";

/** A weight quantizer by name, width and options, as it stands in files. */
export type QuantizerSpec =
  | ({ readonly kind: "dorefa" } & DorefaOptions)
  | ({ readonly kind: "uniform" } & UniformOptions)
  | ({ readonly kind: "lsq" } & LsqOptions)
  | ({ readonly kind: "lsqPlus" } & LsqPlusOptions)
  | ({ readonly kind: "sawb" } & SawbOptions)
  | ({ readonly kind: "apot" } & ApotOptions)
  | ({ readonly kind: "llsq" } & LlsqOptions)
  | ({ readonly kind: "lgLsq" } & LgLsqOptions)
  | ({ readonly kind: "binary"; readonly bits: number } & BinaryOptions)
  | ({ readonly kind: "ternary"; readonly bits: number } & TernaryOptions);

/** Starting α: a number, or found from the activations of a batch before the first step. */
export interface StartingAlpha {
  /** Default "data" for lsq, lsqPlus, llsq and lgLsq, else 8. */
  readonly alpha?: number | "data";
}

/** An activation quantizer by name, width and options, as it stands in files. */
export type ActivationSpec =
  | ({ readonly kind?: "pact" } & Omit<PactOptions, "alpha"> & StartingAlpha)
  | ({ readonly kind: "pactPlus" } & Omit<PactOptions, "alpha"> & StartingAlpha)
  | ({ readonly kind: "lsq" } & Omit<LsqActivationOptions, "alpha"> & StartingAlpha)
  | ({ readonly kind: "lsqPlus" } & Omit<LsqPlusActivationOptions, "alpha"> & StartingAlpha)
  | ({ readonly kind: "llsq" } & Omit<LlsqActivationOptions, "alpha"> & StartingAlpha)
  | ({ readonly kind: "lgLsq" } & Omit<LgLsqActivationOptions, "alpha"> & StartingAlpha);

/** Exceptions for the layers that a name or pattern stands for. */
export interface LayerSpecs {
  /** Weights of conv and linear layers; `null` leaves them in floats. */
  readonly weights?: QuantizerSpec | null;
  /** Outputs of relu layers; `null` leaves them in floats. */
  readonly activations?: ActivationSpec | null;
}

/** What a recipe says about quantizers. */
export interface QuantizerSpecs extends FoldTerms {
  /** Quantizer of the weights; null trains in floats. */
  readonly weights: QuantizerSpec | null;
  /** Quantizer of the first weighted layer. */
  readonly first: QuantizerSpec | null;
  /** Quantizer of the last weighted layer. */
  readonly last: QuantizerSpec | null;
  /** Quantizer of the activations; null trains in floats. */
  readonly activations: ActivationSpec | null;
  /**
   * Exceptions by layer name, or by a pattern in which `*` stands for any text; later patterns go before earlier ones, names before patterns, and all of
   * them before `first` and `last`.
   */
  readonly layers?: Readonly<Record<string, LayerSpecs>>;
}

const ACTION = "train", FROM_DATA = ["lsq", "lsqPlus", "llsq", "lgLsq"];

/** Checks everything about the quantizers that does not depend on the network. @throws {OptionError} naming the field. */
export function checkSpecs(specs: QuantizerSpecs): void {
  for (const name of ["weights", "first", "last"] as const) makeWeights(`recipe.${name}`, specs[name]);
  makeActivations("recipe.activations", specs.activations);
  const { layers = {} } = specs;
  layerEntries(ACTION, "recipe.layers", layers, Object.keys(layers));
  for (const [name, entry] of Object.entries(layers)) {
    const where = `recipe.layers.${name}`;
    checkOptions(ACTION, where, entry, ["weights", "activations"]);
    makeWeights(`${where}.weights`, entry.weights ?? null);
    makeActivations(`${where}.activations`, entry.activations ?? null);
  }
}

/**
 * The quantizer objects a recipe names, for the layers of a network.
 *
 * @throws {OptionError} if an entry of `layers` matches no layer it could hold for, or there is no batch norm to fold where that is asked for.
 */
export function quantizersOf(specs: QuantizerSpecs, network: Network): TrainingQuantizers {
  const { weighted, relus, entries } = resolve(specs, network);
  const [first, last, other] = (["first", "last", "weights"] as const).map((name) => makeWeights(`recipe.${name}`, specs[name]));
  const activation = makeActivations("recipe.activations", specs.activations);
  const ownWeights = new Map<string, WeightQuantizer | undefined>(), ownActivations = new Map<string, ActivationQuantizer | undefined>();
  for (const [name, { weights, activations }] of entries) {
    if (weights !== undefined && weighted.includes(name)) ownWeights.set(name, makeWeights(`recipe.layers.${name}.weights`, weights));
    if (activations !== undefined && relus.includes(name)) {
      ownActivations.set(name, makeActivations(`recipe.layers.${name}.activations`, activations));
    }
  }
  const fold = foldingOf(specs, network);
  return {
    ...(fold === undefined ? {} : { fold }),
    weights: (name) => ownWeights.has(name) ? ownWeights.get(name) : name === weighted[0] ? first : name === weighted.at(-1) ? last : other,
    activations: (name) => ownActivations.has(name) ? ownActivations.get(name) : activation,
  };
}

/** Names of the relus whose α the recipe has start from data. */
export function startedFromData(specs: QuantizerSpecs, network: Network): readonly string[] {
  const { relus, entries } = resolve(specs, network);
  return relus.filter((name) => {
    const own = entries.get(name)?.activations, spec = own === undefined ? specs.activations : own;
    return spec !== null && (spec.alpha ?? (FROM_DATA.includes(spec.kind ?? "pact") ? "data" : 8)) === "data";
  });
}

function resolve(specs: QuantizerSpecs, network: Network): {
  readonly weighted: readonly string[];
  readonly relus: readonly string[];
  readonly entries: ReadonlyMap<string, LayerSpecs>;
} {
  const weighted = network.layers.filter(({ op }) => op === "conv" || op === "linear").map(({ name }) => name);
  const relus = network.layers.filter(({ op }) => op === "relu").map(({ name }) => name), { layers = {} } = specs;
  for (const [name, entry] of Object.entries(layers)) {
    for (const [field, names] of [["weights", weighted], ["activations", relus]] as const) {
      if (entry[field] === undefined || names.some((layer) => matchesPattern(name, layer))) continue;
      throw new OptionError(ACTION, {
        where: `recipe.layers.${name}.${field}`,
        got: `a name that no ${field === "weights" ? "conv or linear" : "relu"} layer matches`,
        wanted: `one of ${names.join(", ")}, or a pattern with *`,
      });
    }
  }
  return { weighted, relus, entries: layerEntries(ACTION, "recipe.layers", layers, [...weighted, ...relus]) };
}

function makeWeights(where: string, spec: QuantizerSpec | null): WeightQuantizer | undefined {
  return spec === null ? undefined : make(where, spec, WEIGHT_QUANTIZERS, weightQuantizer);
}

function makeActivations(where: string, spec: ActivationSpec | null): ActivationQuantizer | undefined {
  if (spec === null) return undefined;
  const { alpha, ...rest } = spec;
  return make(
    where,
    { kind: "pact", ...rest, ...(alpha === undefined || alpha === "data" ? {} : { alpha }) },
    ACTIVATION_QUANTIZERS,
    activationQuantizer,
  );
}

function make<T>(
  where: string,
  spec: { readonly kind: string; readonly bits: number },
  kinds: readonly string[],
  maker: (kind: string, bits: number, options: Record<string, unknown>) => T | undefined,
): T {
  if (typeof spec !== "object" || Array.isArray(spec)) {
    throw new OptionError(ACTION, { where, got: spec, wanted: "a quantizer such as { kind, bits }, or null" });
  }
  const { kind, bits, ...options } = spec;
  let made: T | undefined;
  try {
    made = maker(kind, bits, options);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const { got, wanted } = error, path = `${where}.${error.where?.split(".").at(-1)}`;
    throw new OptionError(ACTION, { where: path, got, ...(wanted === undefined ? {} : { wanted }), cause: error });
  }
  if (made !== undefined) return made;
  throw new OptionError(ACTION, { where: `${where}.kind`, got: kind, wanted: `one of ${kinds.join(", ")}` });
}
