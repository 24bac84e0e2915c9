// ShuffleNetV2 for ImageNet: half of the channels pass each unit untouched, and a shuffle mixes the halves.

import { type Builder, network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { convNorm } from "./blocks.ts";
import { IMAGENET, refuse, zooChoice, type ZooOptions } from "./options.ts";

/** Options of {@linkcode shufflenetV2}. Defaults: 1000 classes, 224-pixel images (32 or more). */
export interface ShufflenetV2Options extends ZooOptions {
  /** One of the published widths: 0.5, 1, 1.5 or 2; default 1. */
  readonly width?: number;
}

/** Channels of the three stages and of the last convolution, by width. */
const CHANNELS: Readonly<Record<string, readonly [number, number, number, number]>> = {
  "0.5": [48, 96, 192, 1024],
  "1": [116, 232, 464, 1024],
  "1.5": [176, 352, 704, 1024],
  "2": [244, 488, 976, 2048],
};

/**
 * ShuffleNetV2 (Ma et al., Practical Guidelines for Efficient CNN Architecture Design, 2018): a 3×3 convolution, 3×3 maximum, three stages of 4, 8 and 4 units, a 1×1
 * convolution, global mean, linear. At width 1: 2.28 M parameters, 0.145 G MACs per image.
 *
 * Layers are `conv1`, `maxpool`, `stage2.0.branch1.depthwise`, `stage2.0.branch2.conv1` … `stage2.0.relu`, `stage2.0.shuffle` … `conv5`, `fc`, convolutions with
 * their `.bn`. A unit's last ReLU stands behind its concatenation: what passes untouched is not negative, so the outputs are those of the published order, and
 * quantisation has one scale for both halves. Pixels are encoded as (pixel − 114) / 58.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, shufflenetV2 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const shapes = inferShapes(shufflenetV2());
 * assertEquals(shapes.get("stage3.1.passed"), [14, 14, 116]);
 * assertEquals(shapes.get("stage3.1.shuffle"), [14, 14, 232]);
 * ```
 */
export function shufflenetV2(options: ShufflenetV2Options = {}): Network {
  const name = "shufflenetV2";
  const { classes, base } = zooChoice(options, { name, classes: 1000, image: 224, least: 32, encoding: IMAGENET, own: ["width"] });
  const { width = 1 } = options;
  const channels = Object.hasOwn(CHANNELS, String(width)) ? CHANNELS[width] : undefined;
  if (channels === undefined) refuse(name, "width", width, Object.keys(CHANNELS).join(", "));
  return network(base, (b) => {
    convNorm(b, { conv: "conv1", norm: "conv1.bn", relu: "conv1.relu" }, { channels: 24, kernel: 3, stride: 2, padding: 1 });
    let last = b.maxPool("maxpool", { kernel: 3, stride: 2, padding: 1 });
    [4, 8, 4].forEach((count, stage) => {
      for (let index = 0; index < count; index++) {
        const unit = `stage${stage + 2}.${index}`, half = channels[stage]! / 2, inputs = stage === 0 ? 24 : channels[stage - 1]!;
        last = index === 0 ? narrowing(b, unit, last, inputs, half) : keeping(b, unit, last, half);
      }
    });
    convNorm(b, { conv: "conv5", norm: "conv5.bn", relu: "conv5.relu" }, { channels: channels[3], kernel: 1, from: last });
    b.globalAveragePool("pool");
    b.linear("fc", { features: classes });
  });
}

/** A unit that halves height and width: both branches read the whole input. */
function narrowing(b: Builder, name: string, from: string, inputs: number, half: number): string {
  const left = `${name}.branch1`;
  depthwise(b, left, from, inputs, 2);
  const passed = convNorm(b, { conv: `${left}.conv`, norm: `${left}.conv.bn` }, { channels: half, kernel: 1 });
  return mix(b, name, passed, branch(b, name, from, half, 2));
}

/** A unit that keeps the shape: the first half of the channels passes. */
function keeping(b: Builder, name: string, from: string, half: number): string {
  const passed = b.slice(`${name}.passed`, { from, channels: half });
  const read = b.slice(`${name}.read`, { from, first: half, channels: half });
  return mix(b, name, passed, branch(b, name, read, half, 1));
}

function branch(b: Builder, unit: string, from: string, channels: number, stride: number): string {
  const name = `${unit}.branch2`;
  convNorm(b, { conv: `${name}.conv1`, norm: `${name}.conv1.bn`, relu: `${name}.conv1.relu` }, { from, channels, kernel: 1 });
  depthwise(b, name, `${name}.conv1.relu`, channels, stride);
  return convNorm(b, { conv: `${name}.conv2`, norm: `${name}.conv2.bn` }, { channels, kernel: 1 });
}

function depthwise(b: Builder, branch: string, from: string, channels: number, stride: number): string {
  const conv = `${branch}.depthwise`;
  return convNorm(b, { conv, norm: `${conv}.bn` }, { from, channels, kernel: 3, stride, padding: 1, groups: channels });
}

function mix(b: Builder, name: string, left: string, right: string): string {
  b.concat(`${name}.concat`, { from: [left, right] });
  b.relu(`${name}.relu`);
  return b.shuffle(`${name}.shuffle`, { groups: 2 });
}
