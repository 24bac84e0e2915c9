// A training run as a JSON file: network, images, recipe, and where results go, checked field by field before anything is loaded.

import { cifar10 } from "../data/cifar10.ts";
import type { DatasetSource, LoadOptions } from "../data/dataset.ts";
import { fashionMnist } from "../data/fashion_mnist.ts";
import { mnist } from "../data/mnist.ts";
import { svhn } from "../data/svhn.ts";
import { OptionError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { namedNetwork, NETWORK_NAMES } from "../network/zoo/named.ts";
import { checkOptions } from "../options.ts";
import { quantizersOf } from "../train/quantizer_spec.ts";
import { type Recipe, recipe } from "../train/recipe.ts";

/** Image sets by the names that files use. */
export const DATA_SOURCES: Readonly<Record<string, DatasetSource>> = { mnist, fashionMnist, cifar10, svhn };

/** A training file with everything filled in and found to fit together. */
export interface TrainingFile {
  /** The untrained network, its first weights by `network.options.seed` or else the recipe's seed. */
  readonly network: Network;
  /** Training images: a name in {@linkcode DATA_SOURCES}, and which of them. */
  readonly data: { readonly name: string; readonly load: LoadOptions };
  /** Test images to measure accuracy on at every epoch's end; null for none. */
  readonly validation: LoadOptions | null;
  /** What decides the result. */
  readonly recipe: Recipe;
  /** Checkpoint of another run to start from; `learned` is whether what quantizers have learned comes along. Null to start from first weights. */
  readonly from: { readonly checkpoint: string; readonly learned: boolean } | null;
  /** Where the state of the run is kept. */
  readonly checkpoint: string;
  /** Where the trained network goes. */
  readonly out: string;
}

const ACTION = "read a training file", FIELDS = ["network", "data", "validation", "recipe", "from", "checkpoint", "out"] as const;

/**
 * Checks a training file's content and fills in what it leaves out.
 *
 * `network` and `data` are needed, as a name or as `{ name, options }` and `{ name, folder, limit, offset }`. `validation` is `{ limit, offset }` of the test
 * images (default all) or null, `recipe` as {@linkcode recipe} takes it, `from` a checkpoint's path or `{ checkpoint, learned }`, `checkpoint` and `out` paths.
 *
 * @param value The parsed JSON.
 * @param name What to call the run: its files are `checkpoints/<name>.checkpoint.safetensors` and `checkpoints/<name>.safetensors` by default.
 * @throws {OptionError} if a field is unknown, missing or out of range; the message has its path.
 *
 * @example
 * ```ts
 * import { OptionError, trainingFile } from "@bitline/bitline";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(trainingFile({ network: "lenet", data: "mnist" }, "first").out, "checkpoints/first.safetensors");
 * const wrong = { network: "lenet", data: "mnist", recipe: { weights: { kind: "lsq", bits: 9 } } };
 * assertThrows(() => trainingFile(wrong, "second"), OptionError, "recipe.weights.bits");
 * ```
 */
export function trainingFile(value: unknown, name: string): TrainingFile {
  checkOptions(ACTION, "file", value, FIELDS);
  const file = value as Readonly<Partial<Record<(typeof FIELDS)[number], unknown>>>;
  const plan = recipe((file.recipe ?? {}) as Partial<Recipe>);
  const { name: network, options } = named("network", file.network, ["options"], NETWORK_NAMES);
  const built = namedNetwork(network, { seed: plan.seed, ...object("network.options", options ?? {}) });
  quantizersOf(plan, built); // Names and patterns of layers.
  const { name: data, ...load } = named("data", file.data, ["folder", "limit", "offset"], Object.keys(DATA_SOURCES));
  const folder = load["folder"] === undefined ? {} : { folder: text("data.folder", load["folder"]) };
  return {
    network: built,
    data: { name: data, load: { ...range("data", load), ...folder } },
    validation: file.validation === null ? null : { ...range("validation", only("validation", file.validation ?? {})), ...folder },
    recipe: plan,
    from: origin(file.from ?? null),
    checkpoint: text("checkpoint", file.checkpoint ?? `checkpoints/${name}.checkpoint.safetensors`),
    out: text("out", file.out ?? `checkpoints/${name}.safetensors`),
  };
}

/** A name, or an object with one and other fields. */
function named(
  where: string,
  value: unknown,
  others: readonly string[],
  names: readonly string[],
): { name: string; [field: string]: unknown } {
  const fields = typeof value === "string" ? { name: value } : value;
  if (fields === undefined) throw new OptionError(ACTION, { where, got: "nothing", wanted: `a name, or { name, ${others.join(", ")} }` });
  checkOptions(ACTION, where, fields, ["name", ...others]);
  const { name, ...rest } = fields as { readonly name?: unknown };
  if (typeof name !== "string" || !names.includes(name)) {
    throw new OptionError(ACTION, {
      where: typeof value === "string" ? where : `${where}.name`,
      got: name,
      wanted: `one of ${names.join(", ")}`,
    });
  }
  return { name, ...rest };
}

function object(where: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new OptionError(ACTION, { where, got: value, wanted: "an object of options" });
}

/** `{ limit, offset }` and nothing else. */
function only(where: string, value: unknown): Readonly<Record<string, unknown>> {
  checkOptions(ACTION, where, value, ["limit", "offset"]);
  return value as Readonly<Record<string, unknown>>;
}

/** Limit and offset, where given. */
function range(where: string, { limit, offset }: Readonly<Record<string, unknown>>): LoadOptions {
  const found: { limit?: number; offset?: number } = {};
  for (const [field, got, least] of [["limit", limit, 1], ["offset", offset, 0]] as const) {
    if (got === undefined) continue;
    if (!Number.isInteger(got) || (got as number) < least) {
      throw new OptionError(ACTION, { where: `${where}.${field}`, got, wanted: `an integer of at least ${least}` });
    }
    found[field] = got as number;
  }
  return found;
}

function text(where: string, got: unknown): string {
  if (typeof got === "string" && got !== "") return got;
  throw new OptionError(ACTION, { where, got, wanted: "a path" });
}

function origin(value: unknown): TrainingFile["from"] {
  if (value === null) return null;
  if (typeof value === "string") return { checkpoint: text("from", value), learned: true };
  checkOptions(ACTION, "from", value, ["checkpoint", "learned"]);
  const { checkpoint, learned = true } = value as { readonly checkpoint?: unknown; readonly learned?: unknown };
  if (typeof learned !== "boolean") throw new OptionError(ACTION, { where: "from.learned", got: learned, wanted: "true or false" });
  return { checkpoint: text("from.checkpoint", checkpoint), learned };
}
