// The ConvNet that selective write-verify is measured on: VGG-like pairs of convolutions and two wide dense layers, for 32×32 colour images.

import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { convPairs } from "./blocks.ts";
import { CIFAR, type ScalableOptions, scaler, zooChoice } from "./options.ts";

/** Channels of the convolutions, in pairs with a 2×2 maximum after each. */
const CHANNELS = [64, 64, 128, 128, 256, 256] as const;

/**
 * ConvNet as SWIM has it (Z. Yan et al., DAC 2022): 3×3 convolutions of 64-64-128-128-256-256 channels with batch norm and ReLU, maxima after each pair, then
 * fully connected layers of 1024, 1024 and `classes`.
 *
 * @param options `image` is a multiple of 8, default 32; `width` scales channels and dense layers.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, swimConvnet } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(swimConvnet()).get("flatten"), [1, 1, 4096]);
 * ```
 */
export function swimConvnet(options: ScalableOptions = {}): Network {
  const { classes, base } = zooChoice(options, {
    name: "swim_convnet",
    classes: 10,
    image: 32,
    least: 8,
    multiple: 8,
    encoding: CIFAR,
    own: ["width"],
  });
  const channels = scaler("swim_convnet", options.width, CHANNELS[0]);
  return network(base, (b) => {
    convPairs(b, CHANNELS.map(channels));
    b.flatten("flatten");
    for (const number of [1, 2]) {
      b.linear(`fc${number}`, { features: channels(1024) });
      b.relu(`relu${CHANNELS.length + number}`);
    }
    b.linear("fc3", { features: classes });
  });
}
