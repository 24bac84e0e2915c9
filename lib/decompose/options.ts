// What a user may say about cells, checked, and the choice that holds for each layer: an option is refused where it would have no effect.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { PairOptions, Sides } from "./balanced.ts";
import type { Reference, Subtraction } from "./offset.ts";
import type { Scheme } from "./sliced.ts";

/** How weights of a layer become cells. */
export interface LayerDecomposeOptions {
  /** How signed weights become non-negative levels; default "offset". */
  readonly scheme?: Scheme;
  /** Bits one cell holds, 1 to 8; default 1, or with `sliceBits` what the widest slice needs. */
  readonly cellBits?: number;
  /**
   * Bits of each slice of a weight, least significant first, the last one cut to what the layer has; default as many as cells hold. With scheme
   * "twosComplement" the bits below the sign; with "pairs" what the pairs hold together.
   */
  readonly sliceBits?: readonly number[];
  /** Scheme "offset" only: a dummy column in each array takes the offset out (default), or the digital sum does. */
  readonly reference?: Reference;
  /** Schemes "balanced" and "pairs" only: the cell of the weight's sign moves (default "one"), or both do, about the middle. */
  readonly sides?: Sides;
  /**
   * Pairs, and the dummy column of scheme "offset": subtracted in the array, before one converter (default), or digitally, after one converter each.
   * One dummy column of an array is then subtracted from all others, so that mappings must use every cell.
   */
  readonly subtraction?: Subtraction;
  /** Scheme "pairs" only: pairs of equal significance per slice, 1 to 16, each with its own converter; default 2. */
  readonly pairs?: number;
}

/** How {@linkcode decompose} cuts weights. */
export interface DecomposeOptions extends LayerDecomposeOptions {
  /**
   * Other choices for some layers, by name or by a pattern in which `*` stands for any text; later patterns go before earlier ones, and names before
   * patterns. A choice of another scheme starts from its defaults except for `cellBits`; another `cellBits` takes no `sliceBits` over.
   */
  readonly layers?: Readonly<Record<string, LayerDecomposeOptions>>;
}

/** A checked choice for one layer. */
export interface LayerChoice {
  /** Scheme. */
  readonly scheme: Scheme;
  /** Bits one cell holds. */
  readonly cellBits: number;
  /** Widths asked for. */
  readonly sliceBits?: readonly number[];
  /** What takes the offset out. */
  readonly reference: Reference;
  /** Where cells are subtracted from one another. */
  readonly subtraction: Subtraction;
  /** For `balanced`. */
  readonly pairs: PairOptions;
}

const ACTION = "decompose the network";
const SCHEMES: readonly Scheme[] = ["offset", "balanced", "pairs", "twosComplement"];
const FIELDS = ["scheme", "cellBits", "sliceBits", "reference", "sides", "subtraction", "pairs"] as const;

/** What each option that is not for every scheme may be, and with which schemes. */
const SPECIAL = {
  reference: { schemes: ["offset"], values: ["dummy", "digital"] },
  sides: { schemes: ["balanced", "pairs"], values: ["one", "two"] },
  subtraction: { schemes: ["offset", "balanced", "pairs"], values: ["array", "digital"] },
} as const;

/**
 * Checks options and finds the choice for each layer.
 *
 * @param names Layers that run on arrays.
 * @param digital Layers that do not, for messages.
 * @throws {OptionError} if an option is unknown, out of range or without effect for its scheme, or an entry of `layers` matches no layer.
 */
export function layerChoices(options: DecomposeOptions, names: readonly string[], digital: readonly string[]): Map<string, LayerChoice> {
  checkOptions(ACTION, "decompose", options, [...FIELDS, "layers"]);
  const { layers = {}, ...rest } = options;
  if (typeof layers !== "object" || layers === null || Array.isArray(layers)) {
    throw new OptionError(ACTION, { where: "decompose.layers", got: layers, wanted: "an object of options by layer name" });
  }
  const common = check("decompose", rest), chosen = new Map(names.map((name) => [name, common]));
  const given = new Map(names.map((name) => [name, rest]));
  const exact = (key: string) => names.includes(key);
  const entries = Object.entries(layers);
  for (const [key, changes] of [...entries.filter(([key]) => !exact(key)), ...entries.filter(([key]) => exact(key))]) {
    const where = `decompose.layers.${key}`;
    checkOptions(ACTION, where, changes, FIELDS);
    const matches = exact(key) ? [key] : names.filter((name) => matchesPattern(key, name));
    if (matches.length === 0) {
      throw new OptionError(ACTION, {
        where,
        got: "a name that no layer on arrays matches",
        wanted: `one of ${names.join(", ") || "none: every layer is digital"}, or a pattern with *`,
        hint: digital.some((name) => matchesPattern(key, name)) ? "It runs digitally; the `digital` option of quantize decides" : undefined,
      });
    }
    for (const name of matches) {
      const merged = merge(given.get(name)!, changes);
      given.set(name, merged);
      chosen.set(name, check(where, merged));
    }
  }
  return chosen;
}

function matchesPattern(pattern: string, name: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(name);
}

function merge(base: LayerDecomposeOptions, changes: LayerDecomposeOptions): LayerDecomposeOptions {
  const { scheme = "offset", cellBits, sliceBits, ...special } = base;
  const same = changes.scheme === undefined || changes.scheme === scheme;
  return {
    scheme,
    ...(cellBits === undefined ? {} : { cellBits }),
    ...(sliceBits === undefined || changes.cellBits !== undefined || !same ? {} : { sliceBits }),
    ...(same ? special : {}),
    ...changes,
  };
}

function check(where: string, options: LayerDecomposeOptions): LayerChoice {
  const { scheme = "offset", sliceBits, reference = "dummy", sides = "one", subtraction = "array" } = options;
  if (!SCHEMES.includes(scheme)) {
    throw new OptionError(ACTION, { where: `${where}.scheme`, got: scheme, wanted: `one of ${SCHEMES.join(", ")}` });
  }
  for (const [name, { schemes, values }] of Object.entries(SPECIAL)) {
    const got = options[name as keyof typeof SPECIAL], fits = (schemes as readonly Scheme[]).includes(scheme);
    if (got === undefined || fits && (values as readonly string[]).includes(got)) continue;
    const wanted = fits ? values.map((value) => `"${value}"`).join(" or ") : `none: scheme "${scheme}" has no such choice`;
    throw new OptionError(ACTION, { where: `${where}.${name}`, got, wanted });
  }
  if (reference === "digital" && options.subtraction !== undefined) {
    throw new OptionError(ACTION, {
      where: `${where}.subtraction`,
      got: subtraction,
      wanted: 'none with reference "digital", which has no dummy column to subtract',
    });
  }
  if (options.pairs !== undefined && scheme !== "pairs") {
    throw new OptionError(ACTION, { where: `${where}.pairs`, got: options.pairs, wanted: `none: scheme "${scheme}" has no such choice` });
  }
  const count = scheme === "pairs" ? options.pairs ?? 2 : 1;
  if (!Number.isInteger(count) || count < 1 || count > 16) {
    throw new OptionError(ACTION, { where: `${where}.pairs`, got: count, wanted: "an integer from 1 to 16" });
  }
  const valid = sliceBits === undefined ||
    Array.isArray(sliceBits) && sliceBits.length > 0 && sliceBits.every((bits) => Number.isInteger(bits) && bits >= 1 && bits <= 16);
  if (!valid) {
    throw new OptionError(ACTION, {
      where: `${where}.sliceBits`,
      got: sliceBits,
      wanted: "widths of 1 bit and more, least significant first",
    });
  }
  const needed = sliceBits === undefined ? 1 : 32 - Math.clz32(Math.ceil((2 ** Math.max(...sliceBits) - 1) / count));
  const { cellBits = Math.min(needed, 8) } = options;
  if (!Number.isInteger(cellBits) || cellBits < 1 || cellBits > 8) {
    throw new OptionError(ACTION, { where: `${where}.cellBits`, got: cellBits, wanted: "an integer from 1 to 8" });
  }
  if (needed > cellBits) {
    const most = Math.floor(Math.log2(count * (2 ** cellBits - 1) + 1));
    const holders = count > 1 ? `${count} pairs of ${cellBits}-bit cells hold` : `cells of ${cellBits} bits hold`;
    throw new OptionError(ACTION, {
      where: `${where}.sliceBits`,
      got: sliceBits,
      wanted: `at most ${most} bits per slice, which ${holders}`,
    });
  }
  return {
    scheme,
    cellBits,
    ...(sliceBits === undefined ? {} : { sliceBits }),
    reference,
    subtraction,
    pairs: { sides, subtraction, ...(scheme === "pairs" ? { pairs: count } : {}) },
  };
}
