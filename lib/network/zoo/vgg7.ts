// VGG7 for 32×32 colour images, the network of the low-precision RRAM system (its area models call it VGG8).

import { OptionError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { convPairs } from "./blocks.ts";

/** Options of {@linkcode vgg7}. */
export interface Vgg7Options {
  /** Multiplies all channel counts (128-128-256-256-512-512-1024), rounded; default 1. */
  readonly width?: number;
  /** Number of outputs; default 10. */
  readonly classes?: number;
  /** Seed of the initial parameters; default 0. */
  readonly seed?: number;
  /** Parameters to use instead of initial values, by name. */
  readonly parameters?: Readonly<Record<string, Tensor>>;
}

/**
 * VGG7: six 3×3 convolutions without bias, each with batch norm and ReLU, a 2×2 maximum after every second, then two fully connected layers.
 *
 * Layers are `conv1`, `bn1`, `relu1` … `relu6`, `pool1` to `pool3`, `flatten`, `fc1`, `bn7`, `relu7`, `fc2`. At width 1: 12.97 M weights, 615.9 M MACs per image.
 * Pixels are encoded as (pixel − 121) / 63, the mean and standard deviation of CIFAR-10 over all channels.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, vgg7 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const net = vgg7({ width: 0.25 });
 * assertEquals(inferShapes(net).get("pool3"), [4, 4, 128]);
 * ```
 */
export function vgg7(options: Vgg7Options = {}): Network {
  for (const key of Object.keys(options)) {
    if (!["width", "classes", "seed", "parameters"].includes(key)) {
      throw new OptionError("build vgg7", { where: `vgg7.${key}`, got: "an unknown option", wanted: "width, classes, seed, parameters" });
    }
  }
  const { width = 1, classes = 10, seed = 0, parameters } = options;
  if (!(Number.isFinite(width) && Math.round(128 * width) >= 1)) {
    throw new OptionError("build vgg7", {
      where: "vgg7.width",
      got: width,
      wanted: "a number that leaves at least one channel (1/256 or more)",
    });
  }
  if (!(Number.isInteger(classes) && classes >= 1)) {
    throw new OptionError("build vgg7", { where: "vgg7.classes", got: classes, wanted: "an integer of at least 1" });
  }
  const channels = (count: number): number => Math.round(count * width);
  const base = { name: "vgg7", input: [32, 32, 3], encoding: { zero: 121, scale: 1 / 63 }, seed } as const;
  return network(parameters === undefined ? base : { ...base, parameters }, (b) => {
    convPairs(b, [128, 128, 256, 256, 512, 512].map(channels));
    b.flatten("flatten");
    b.linear("fc1", { features: channels(1024) });
    b.batchNorm("bn7");
    b.relu("relu7");
    b.linear("fc2", { features: classes });
  });
}
