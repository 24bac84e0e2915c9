// Every network of the zoo by name, with its usual size and data: for programs that take a network's name.

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

/**
 * Makers of untrained networks by the names papers use, from small to large.
 *
 * @example
 * ```ts
 * import { layerGeometries, zoo } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(layerGeometries(zoo["ResNet-18"]!()).length, 21);
 * ```
 */
export const zoo: Readonly<Record<string, () => Network>> = {
  "LeNet": () => lenet(),
  "SWIM LeNet": () => swimLenet(),
  "CNN-8": () => cnn8(),
  "ResNet-20": () => resnet20(),
  "ResNet-20 wide": () => resnet20({ width: 4 }),
  "VGG7": () => vgg7(),
  "VGG-small": () => vggSmall(),
  "SWIM ConvNet": () => swimConvnet(),
  "SWIM ResNet-18": () => swimResnet18(),
  "DenseNet-40": () => densenet40(),
  "VGG-13": () => vgg13(),
  "VGG-16": () => vgg16(),
  "ResNet-18": () => resnet18(),
  "ResNet-34": () => resnet34(),
  "ResNet-50": () => resnet50(),
  "MobileNetV2": () => mobilenetV2(),
  "ShuffleNetV2": () => shufflenetV2(),
};
