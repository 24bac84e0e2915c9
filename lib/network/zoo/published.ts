// The layer tables mapping papers count cycles on. They differ from the networks: no padding, no stride, each distinct layer once.

import { OptionError } from "../../errors.ts";
import type { Geometry } from "../../simulate/program.ts";

/** Networks there is a table of. */
export type PublishedNetwork = "VGG-13" | "ResNet-18" | "CNN-8" | "ResNet-20 wide";

/** One line of a table. */
export interface PublishedLayer {
  /** Name in the order of the table: `conv1` …; for the wide ResNet-20 the stage. */
  readonly name: string;
  /** Height and width of the input, in pixels. */
  readonly image: number;
  /** Height and width of the window. */
  readonly kernel: number;
  /** Input channels. */
  readonly in: number;
  /** Output channels. */
  readonly out: number;
  /** How many such layers the network has, where the paper counts them all; else 1. */
  readonly repeat: number;
  /** The same as a window: stride 1, no padding. */
  readonly geometry: Geometry;
}

/** Name, image, kernel, input and output channels, repeats. */
type Line = readonly [name: string, image: number, kernel: number, input: number, output: number, repeat?: number];

const TABLES: Readonly<Record<PublishedNetwork, readonly Line[]>> = {
  "VGG-13": [
    ["conv1", 224, 3, 3, 64],
    ["conv2", 224, 3, 64, 64],
    ["conv3", 112, 3, 64, 128],
    ["conv4", 112, 3, 128, 128],
    ["conv5", 56, 3, 128, 256],
    ["conv6", 56, 3, 256, 256],
    ["conv7", 28, 3, 256, 512],
    ["conv8", 28, 3, 512, 512],
    ["conv9", 14, 3, 512, 512],
    ["conv10", 14, 3, 512, 512],
  ],
  "ResNet-18": [
    ["conv1", 112, 7, 3, 64],
    ["conv2", 56, 3, 64, 64],
    ["conv3", 28, 3, 128, 128],
    ["conv4", 14, 3, 256, 256],
    ["conv5", 7, 3, 512, 512],
  ],
  "CNN-8": [
    ["conv2", 18, 3, 24, 32],
    ["conv3", 18, 3, 32, 32],
    ["conv4", 9, 3, 32, 64],
    ["conv5", 7, 3, 64, 64],
    ["conv6", 7, 3, 64, 64],
    ["conv7", 5, 5, 64, 256],
  ],
  "ResNet-20 wide": [
    ["stage1", 32, 3, 64, 64, 6],
    ["stage2", 16, 3, 128, 128, 6],
    ["stage3", 8, 3, 256, 256, 6],
  ],
};

/**
 * Layers of a network as the mapping papers tabulate them (VW-SDK: VGG-13 and ResNet-18, Rhe et al., 2022; VWC-SDK: CNN-8, its first convolution left out, and the wide
 * ResNet-20, whose cycles are given per layer of a stage).
 *
 * @throws {OptionError} if there is no table of that name.
 *
 * @example
 * ```ts
 * import { publishedLayers } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(publishedLayers("ResNet-18")[0]!.geometry.outputShape, [106, 106, 64]);
 * ```
 */
export function publishedLayers(network: PublishedNetwork): readonly PublishedLayer[] {
  if (!Object.hasOwn(TABLES, network)) {
    throw new OptionError("find a published table", { where: "network", got: network, wanted: Object.keys(TABLES).join(", ") });
  }
  return TABLES[network].map(([name, image, kernel, input, output, repeat = 1]) => ({
    name,
    image,
    kernel,
    in: input,
    out: output,
    repeat,
    geometry: {
      kernel: [kernel, kernel],
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      inputShape: [image, image, input],
      outputShape: [image - kernel + 1, image - kernel + 1, output],
    },
  }));
}
