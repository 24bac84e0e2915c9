// VGG-small for 32×32 colour images: the plain network that low-bit quantizers are compared on.

import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { convPairs } from "./blocks.ts";
import { CIFAR, type ScalableOptions, scaler, zooChoice } from "./options.ts";

/** Channels of the convolutions, in pairs with a 2×2 maximum after each. */
const CHANNELS = [128, 128, 256, 256, 512, 512] as const;

/**
 * VGG-small as LLSQ has it (Zhao et al., Linear Symmetric Quantization of Neural Networks for Low-precision Integer Hardware, 2020): six 3×3 convolutions of
 * 128-128-256-256-512-512 channels with batch norm and ReLU, maxima after each pair, and one fully connected layer. 4.66 M parameters, 608 M MACs per image.
 *
 * Layers are `conv1`, `bn1`, `relu1` … `relu6`, `pool1` to `pool3`, `flatten`, `fc`. Pixels are encoded as (pixel − 121) / 63.
 *
 * @param options `image` is a multiple of 8, default 32; `width` scales channels.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, vggSmall } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(vggSmall()).get("flatten"), [1, 1, 8192]);
 * ```
 */
export function vggSmall(options: ScalableOptions = {}): Network {
  const { classes, base } = zooChoice(options, {
    name: "vgg_small",
    classes: 10,
    image: 32,
    least: 8,
    multiple: 8,
    encoding: CIFAR,
    own: ["width"],
  });
  const channels = scaler("vgg_small", options.width, CHANNELS[0]);
  return network(base, (b) => {
    convPairs(b, CHANNELS.map(channels));
    b.flatten("flatten");
    b.linear("fc", { features: classes });
  });
}
