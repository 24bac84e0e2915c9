// The residual networks for ImageNet: ResNet-18, -34 and -50 differ in their block and in how many there are of it.

import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { basicBlock, bottleneck, convNorm } from "./blocks.ts";
import { IMAGENET, type ScalableOptions, scaler, zooChoice } from "./options.ts";

/** Options of {@linkcode resnet18}, {@linkcode resnet34} and {@linkcode resnet50}. Defaults: 1000 classes, 224-pixel images (32 or more). */
export type ResnetOptions = ScalableOptions;

/**
 * ResNet-18 (He et al., Deep Residual Learning for Image Recognition, 2016): 7×7 convolution with stride 2, 3×3 maximum with stride 2, four stages of two basic
 * blocks, global mean, linear. 11.69 M parameters, 1.81 G MACs per image.
 *
 * Layers have the names of torchvision's model: `conv1`, `bn1`, `layer1.0.conv1`, `layer1.0.bn1` … `layer2.0.downsample.0` … `fc`. Pixels are encoded as
 * (pixel − 114) / 58.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, resnet18 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(resnet18()).get("layer4.1.relu"), [7, 7, 512]);
 * ```
 */
export function resnet18(options: ResnetOptions = {}): Network {
  return resnet("resnet18", options, basicBlock, [2, 2, 2, 2]);
}

/**
 * ResNet-34: as {@linkcode resnet18}, with 3, 4, 6 and 3 blocks. 21.80 M parameters, 3.66 G MACs per image.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { layerGeometries, resnet34 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(layerGeometries(resnet34()).length, 37);
 * ```
 */
export function resnet34(options: ResnetOptions = {}): Network {
  return resnet("resnet34", options, basicBlock, [3, 4, 6, 3]);
}

/**
 * ResNet-50: as {@linkcode resnet34}, with bottleneck blocks whose 3×3 convolution has the stride (torchvision's variant). 25.56 M parameters, 4.09 G MACs per
 * image.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, resnet50 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(resnet50()).get("layer4.2.relu"), [7, 7, 2048]);
 * ```
 */
export function resnet50(options: ResnetOptions = {}): Network {
  return resnet("resnet50", options, bottleneck, [3, 4, 6, 3]);
}

function resnet(name: string, options: ResnetOptions, block: typeof basicBlock, blocks: readonly number[]): Network {
  const { classes, base } = zooChoice(options, { name, classes: 1000, image: 224, least: 32, encoding: IMAGENET, own: ["width"] });
  const scale = scaler(name, options.width, 64);
  return network(base, (b) => {
    convNorm(b, { conv: "conv1", norm: "bn1", relu: "relu1" }, { channels: scale(64), kernel: 7, stride: 2, padding: 3 });
    let last = b.maxPool("maxpool", { kernel: 3, stride: 2, padding: 1 });
    blocks.forEach((count, stage) => {
      for (let index = 0; index < count; index++) {
        last = block(b, `layer${stage + 1}.${index}`, {
          from: last,
          channels: scale(64 * 2 ** stage),
          stride: stage > 0 && index === 0 ? 2 : 1,
          project: index === 0 && (stage > 0 || block === bottleneck),
        });
      }
    });
    b.globalAveragePool("avgpool");
    b.linear("fc", { features: classes });
  });
}
