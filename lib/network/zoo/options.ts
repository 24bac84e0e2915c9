// What the networks of the zoo have in common: the same options, checked the same way.

import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import type { Tensor } from "../../tensor.ts";
import type { NetworkOptions } from "../builder.ts";
import type { InputEncoding } from "../graph.ts";

/** Options every network of the zoo takes, beside its own. */
export interface ZooOptions {
  /** Number of outputs. */
  readonly classes?: number;
  /** Height and width of the images, in pixels. */
  readonly image?: number;
  /** Seed of the initial parameters; default 0. They are drawn when first read. */
  readonly seed?: number;
  /** Parameters to use instead of initial values, by name. */
  readonly parameters?: Readonly<Record<string, Tensor>>;
}

/** Options of the networks whose channels can be scaled. */
export interface ScalableOptions extends ZooOptions {
  /** Multiplies all inner channel counts, rounded; default 1. */
  readonly width?: number;
}

/** What a network makes of {@linkcode ZooOptions}. */
export interface ZooDefaults {
  /** Name of the network and of its function. */
  readonly name: string;
  /** Default number of outputs. */
  readonly classes: number;
  /** Default height and width. */
  readonly image: number;
  /** Smallest height and width. */
  readonly least: number;
  /** What height and width must be a multiple of; default 1. */
  readonly multiple?: number;
  /** Largest height and width; default none. */
  readonly most?: number;
  /** How pixels become numbers. */
  readonly encoding: InputEncoding;
  /** Names of the network's own options. */
  readonly own?: readonly string[];
}

/** Checked options. */
export interface ZooChoice {
  /** Number of outputs. */
  readonly classes: number;
  /** Height and width of the images. */
  readonly image: number;
  /** For the builder. */
  readonly base: NetworkOptions;
}

/** Pixels of ImageNet: the mean and standard deviation over all channels. */
export const IMAGENET: InputEncoding = { zero: 114, scale: 1 / 58 };
/** Pixels of CIFAR-10: the mean and standard deviation over all channels. */
export const CIFAR: InputEncoding = { zero: 121, scale: 1 / 63 };

/** Fills and checks the common options. @throws {OptionError} if an option is unknown or out of range. */
export function zooChoice(options: ZooOptions, defaults: ZooDefaults): ZooChoice {
  const { name, least, multiple = 1, most = Infinity, encoding, own = [] } = defaults;
  checkOptions(`build ${name}`, name, options, ["classes", "image", "seed", "parameters", ...own]);
  const { classes = defaults.classes, image = defaults.image, seed = 0, parameters } = options;
  if (!(Number.isInteger(classes) && classes >= 1)) refuse(name, "classes", classes, "an integer of at least 1");
  if (!(Number.isInteger(image) && image >= least && image <= most && image % multiple === 0)) {
    const kind = multiple === 1 ? "an integer" : `a multiple of ${multiple}`;
    refuse(name, "image", image, most === Infinity ? `${kind} of at least ${least}` : `${kind} from ${least} to ${most}`);
  }
  const base = { name, input: [image, image, 3], encoding, seed } as const;
  return { classes, image, base: parameters === undefined ? base : { ...base, parameters } };
}

/**
 * A function that scales channel counts by `width`.
 *
 * @param smallest Smallest channel count of the network at width 1.
 * @throws {OptionError} if the width leaves a layer without channels.
 */
export function scaler(name: string, width: number | undefined, smallest: number): (channels: number) => number {
  const factor = width ?? 1;
  if (!(Number.isFinite(factor) && Math.round(smallest * factor) >= 1)) {
    refuse(name, "width", factor, `a number that leaves at least one channel (1/${2 * smallest} or more)`);
  }
  return (channels) => Math.round(channels * factor);
}

/** Checks a list of channel counts. @throws {OptionError} unless it has `count` positive integers. */
export function channelList(name: string, channels: readonly number[], count: number): readonly number[] {
  if (!Array.isArray(channels) || channels.length !== count || !channels.every((each) => Number.isInteger(each) && each >= 1)) {
    refuse(name, "channels", channels, `${count} integers of at least 1`);
  }
  return channels;
}

/** Throws the error of a wrong option. @throws {OptionError} always. */
export function refuse(name: string, option: string, got: unknown, wanted: string): never {
  throw new OptionError(`build ${name}`, { where: `${name}.${option}`, got, wanted });
}
