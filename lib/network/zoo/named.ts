// The zoo for files: a network by a name and plain options, so that a recipe can say what is trained.

import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import type { Network } from "../graph.ts";
import { cnn8 } from "./cnn8.ts";
import { densenet40 } from "./densenet40.ts";
import { lenet } from "./lenet.ts";
import { mobilenetV2 } from "./mobilenet_v2.ts";
import { resnet18, resnet34, resnet50 } from "./resnet.ts";
import { resnet20 } from "./resnet20.ts";
import { shufflenetV2 } from "./shufflenet_v2.ts";
import { swimConvnet } from "./swim_convnet.ts";
import { swimLenet } from "./swim_lenet.ts";
import { swimResnet18 } from "./swim_resnet18.ts";
import { vgg13, vgg16 } from "./vgg.ts";
import { vgg7 } from "./vgg7.ts";
import { vggSmall } from "./vgg_small.ts";

/** Options as a file holds them; each maker checks its own. */
type PlainOptions = Readonly<Record<string, unknown>>;

/** A maker that takes what a file holds. */
const plain = <T>(make: (options: T) => Network) => (options: PlainOptions): Network => make(options as T);

const MAKERS: Readonly<Record<string, (options: PlainOptions) => Network>> = {
  lenet: plain(lenet),
  swimLenet: plain(swimLenet),
  cnn8: plain(cnn8),
  resnet20: plain(resnet20),
  vgg7: plain(vgg7),
  vggSmall: plain(vggSmall),
  swimConvnet: plain(swimConvnet),
  swimResnet18: plain(swimResnet18),
  densenet40: plain(densenet40),
  vgg13: plain(vgg13),
  vgg16: plain(vgg16),
  resnet18: plain(resnet18),
  resnet34: plain(resnet34),
  resnet50: plain(resnet50),
  mobilenetV2: plain(mobilenetV2),
  shufflenetV2: plain(shufflenetV2),
};

/** Names that {@linkcode namedNetwork} takes: those of the functions. */
export const NETWORK_NAMES: readonly string[] = Object.keys(MAKERS);

/**
 * Makes an untrained network of the zoo.
 *
 * @param name One of {@linkcode NETWORK_NAMES}.
 * @param options As the network's own function takes them, but for `parameters`.
 * @param where Path of the network in messages, default "network".
 * @throws {OptionError} if there is no such network, or an option is unknown or out of range; the message has the option's path.
 *
 * @example
 * ```ts
 * import { namedNetwork, OptionError } from "@bitline/bitline";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(namedNetwork("lenet", { classes: 4 }).name, "lenet");
 * assertThrows(() => namedNetwork("resnet20", { width: 0 }), OptionError, "network.options.width");
 * ```
 */
export function namedNetwork(name: string, options: Readonly<Record<string, unknown>> = {}, where = "network"): Network {
  const action = "make a network";
  if (typeof name !== "string" || !Object.hasOwn(MAKERS, name)) {
    throw new OptionError(action, { where: `${where}.name`, got: name, wanted: `one of ${NETWORK_NAMES.join(", ")}` });
  }
  checkOptions(action, `${where}.options`, options, Object.keys(options ?? {}).filter((option) => option !== "parameters"));
  const { seed } = options;
  if (seed !== undefined && !(Number.isInteger(seed) && (seed as number) >= 0)) {
    throw new OptionError(action, { where: `${where}.options.seed`, got: seed, wanted: "an integer of at least 0" });
  }
  try {
    return MAKERS[name]!(options);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const { got, wanted } = error, path = `${where}.options.${error.where?.split(".").slice(1).join(".")}`;
    throw new OptionError(action, { where: path, got, ...(wanted === undefined ? {} : { wanted }), cause: error });
  }
}
