// CNN-8 for SVHN, the network the pruning mapper VWC-SDK was published with: half of DoReFa-Net's SVHN network.

import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { channelList, type ScalableOptions, scaler, zooChoice } from "./options.ts";

/** Options of {@linkcode cnn8}. Defaults: 10 classes, 32-pixel images. */
export interface Cnn8Options extends ScalableOptions {
  /** Output channels of the seven convolutions; default 24, 32, 32, 64, 64, 64, 256. VWC-SDK prunes to 18, 21, 27, 60, 60, 60, 256 and 18, 18, 27, 60, 60, 60, 256. */
  readonly channels?: readonly number[];
}

/** Kernel and padding of each convolution after the first. */
const REST = [[3, 1], [3, 1], [3, 0], [3, 1], [3, 0], [5, 0]] as const;

/**
 * CNN-8: seven convolutions (kernels 5, 3, 3, 3, 3, 3, 5) with batch norm and ReLU, 2×2 maxima after the first and the third, one linear layer
 * (Zhou et al., DoReFa-Net, 2016, halved).
 *
 * That network enlarges images to 40 × 40 pixels; here an image of 32 to 40 pixels is padded to 40 in `conv1`. Convolutions 2 to 7 then read 18, 18, 9, 7, 7
 * and 5 pixels with padding 1, 1, 0, 1, 0, 0. Layers are `conv1`, `bn1`, `relu1` … `relu7`, `pool1`, `pool3`, `fc`. Pixels are encoded as
 * (pixel − 115) / 51, the mean and standard deviation of SVHN over all channels.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { cnn8, layerGeometries } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const layers = layerGeometries(cnn8());
 * assertEquals(layers.map(({ geometry }) => geometry.inputShape[0]), [32, 18, 18, 9, 7, 7, 5, 1]);
 * ```
 */
export function cnn8(options: Cnn8Options = {}): Network {
  const { classes, image, base } = zooChoice(options, {
    name: "cnn8",
    classes: 10,
    image: 32,
    least: 32,
    most: 40,
    multiple: 2,
    encoding: { zero: 115, scale: 1 / 51 },
    own: ["width", "channels"],
  });
  const channels = channelList("cnn8", options.channels ?? [24, 32, 32, 64, 64, 64, 256], 7);
  const scale = scaler("cnn8", options.width, Math.min(...channels));
  return network(base, (b) => {
    [[5, (40 - image) / 2] as const, ...REST].forEach(([kernel, padding], index) => {
      const number = index + 1;
      b.conv(`conv${number}`, { channels: scale(channels[index]!), kernel, padding, bias: false });
      b.batchNorm(`bn${number}`);
      b.relu(`relu${number}`);
      if (number === 1 || number === 3) b.maxPool(`pool${number}`, { kernel: 2 });
    });
    b.linear("fc", { features: classes });
  });
}
