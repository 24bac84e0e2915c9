// VGG-13 and VGG-16 for ImageNet: plain stacks of 3×3 convolutions, the usual yardstick of mappings.

import { network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { IMAGENET, refuse, type ScalableOptions, scaler, zooChoice } from "./options.ts";

/** Options of {@linkcode vgg13} and {@linkcode vgg16}. Defaults: 1000 classes, 224-pixel images (a multiple of 32). */
export interface VggOptions extends ScalableOptions {
  /** Whether every convolution has a batch norm, and no bias; default false, as published. */
  readonly batchNorm?: boolean;
}

/**
 * VGG-13 (Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015, configuration B): ten convolutions, three linear
 * layers. 133.05 M parameters, 11.31 G MACs per image.
 *
 * Layers are `conv1`, `relu1` … `conv10`, `relu10`, `pool1` … `pool5`, `flatten`, `fc1`, `relu11`, `fc2`, `relu12`, `fc3`; with `batchNorm` also `bn1` … `bn10`.
 * Pixels are encoded as (pixel − 114) / 58.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, vgg13 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(vgg13()).get("pool5"), [7, 7, 512]);
 * ```
 */
export function vgg13(options: VggOptions = {}): Network {
  return vgg("vgg13", options, [2, 2, 2, 2, 2]);
}

/**
 * VGG-16: as {@linkcode vgg13}, with 2, 2, 3, 3 and 3 convolutions between the pools (configuration D). 138.36 M parameters, 15.47 G MACs per image.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { layerGeometries, vgg16 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(layerGeometries(vgg16({ image: 32 })).at(-3)!.geometry.inputShape, [1, 1, 512]);
 * ```
 */
export function vgg16(options: VggOptions = {}): Network {
  return vgg("vgg16", options, [2, 2, 3, 3, 3]);
}

function vgg(name: string, options: VggOptions, convolutions: readonly number[]): Network {
  const own = ["width", "batchNorm"];
  const { classes, base } = zooChoice(options, { name, classes: 1000, image: 224, least: 32, multiple: 32, encoding: IMAGENET, own });
  const { width, batchNorm = false } = options;
  if (typeof batchNorm !== "boolean") refuse(name, "batchNorm", batchNorm, "true or false");
  const scale = scaler(name, width, 64);
  return network(base, (b) => {
    let number = 0;
    convolutions.forEach((count, stage) => {
      for (let index = 0; index < count; index++) {
        number++;
        b.conv(`conv${number}`, { channels: scale(Math.min(512, 64 * 2 ** stage)), kernel: 3, padding: 1, bias: !batchNorm });
        if (batchNorm) b.batchNorm(`bn${number}`);
        b.relu(`relu${number}`);
      }
      b.maxPool(`pool${stage + 1}`, { kernel: 2 });
    });
    b.flatten("flatten");
    for (const fc of [1, 2]) {
      b.linear(`fc${fc}`, { features: scale(4096) });
      b.relu(`relu${number + fc}`);
    }
    b.linear("fc3", { features: classes });
  });
}
