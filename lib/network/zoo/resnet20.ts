// ResNet-20 for CIFAR-10, at any width: the small residual network of most compute-in-memory papers.

import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { basicBlock, convNorm } from "./blocks.ts";
import { channelList, CIFAR, type ScalableOptions, scaler, zooChoice } from "./options.ts";

/** Options of {@linkcode resnet20}. Defaults: 10 classes, 32-pixel images. The wide ResNet-20 of VWC-SDK has width 4. */
export interface Resnet20Options extends ScalableOptions {
  /** Channels of the three stages at width 1; default 16, 32, 64. VWC-SDK prunes its wide network to 42, 112, 224. */
  readonly channels?: readonly number[];
}

/**
 * ResNet-20: a 3×3 convolution, three stages of three basic blocks, global mean, linear (He et al., Deep Residual Learning for Image Recognition, 2016, §4.2).
 * Where a stage begins with a stride, its shortcut is a 1×1 convolution with batch norm (their option B, as in VWC-SDK).
 *
 * Layers are named as in torchvision's ResNets: `conv1`, `bn1`, `layer1.0.conv1`, `layer1.0.bn1` … `layer2.0.downsample.0` … `fc`. At width 1: 0.27 M
 * parameters, 40.8 M MACs per image. Pixels are encoded as (pixel − 121) / 63.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, resnet20 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(resnet20({ width: 4 })).get("layer3.2.relu"), [8, 8, 256]);
 * ```
 */
export function resnet20(options: Resnet20Options = {}): Network {
  const own = ["width", "channels"];
  const { classes, base } = zooChoice(options, { name: "resnet20", classes: 10, image: 32, least: 4, encoding: CIFAR, own });
  const channels = channelList("resnet20", options.channels ?? [16, 32, 64], 3);
  const scale = scaler("resnet20", options.width, Math.min(...channels));
  return network(base, (b) => {
    let last = convNorm(b, { conv: "conv1", norm: "bn1", relu: "relu1" }, { channels: scale(channels[0]!), kernel: 3, padding: 1 });
    channels.forEach((count, stage) => {
      for (let block = 0; block < 3; block++) {
        const first = stage > 0 && block === 0;
        last = basicBlock(b, `layer${stage + 1}.${block}`, {
          from: last,
          channels: scale(count),
          stride: first ? 2 : 1,
          project: first,
        });
      }
    });
    b.globalAveragePool("pool");
    b.linear("fc", { features: classes });
  });
}
