// The ResNet-18 that selective write-verify is measured on: a 3×3 stem, so that small images are not shrunk before the first stage.

import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { basicBlock, convNorm } from "./blocks.ts";
import { CIFAR, type ScalableOptions, scaler, zooChoice } from "./options.ts";

/**
 * ResNet-18 with a 3×3 stem of stride 1 and no first maximum (K. He et al., 2016, as used on CIFAR-10 and Tiny ImageNet): four stages of two basic blocks,
 * 64 to 512 channels, global mean, linear.
 *
 * @param options `image` is 32 by default, 64 for Tiny ImageNet.
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, swimResnet18 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(swimResnet18()).get("layer4.1.relu"), [4, 4, 512]);
 * ```
 */
export function swimResnet18(options: ScalableOptions = {}): Network {
  const { classes, base } = zooChoice(options, {
    name: "swim_resnet18",
    classes: 10,
    image: 32,
    least: 8,
    encoding: CIFAR,
    own: ["width"],
  });
  const channels = scaler("swim_resnet18", options.width, 64);
  return network(base, (b) => {
    let last = convNorm(b, { conv: "conv1", norm: "bn1", relu: "relu1" }, { channels: channels(64), kernel: 3, padding: 1 });
    for (const stage of [0, 1, 2, 3]) {
      for (const index of [0, 1]) {
        last = basicBlock(b, `layer${stage + 1}.${index}`, {
          from: last,
          channels: channels(64 * 2 ** stage),
          stride: stage > 0 && index === 0 ? 2 : 1,
          project: stage > 0 && index === 0,
        });
      }
    }
    b.globalAveragePool("avgpool");
    b.linear("fc", { features: classes });
  });
}
