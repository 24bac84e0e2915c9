// MobileNetV2 for ImageNet: depthwise convolutions between thin layers, where arrays are hard to fill.

import { tensor } from "../../tensor.ts";
import { type Builder, type ConvOptions, network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { convNorm } from "./blocks.ts";
import { IMAGENET, type ScalableOptions, scaler, zooChoice } from "./options.ts";

/** Options of {@linkcode mobilenetV2}. Defaults: 1000 classes, 224-pixel images (32 or more). Channels scaled by `width` become multiples of 8. */
export type MobilenetV2Options = ScalableOptions;

/** Expansion, output channels, number and first stride of the inverted residual blocks. */
const STAGES = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] as const;

/**
 * MobileNetV2 (Sandler et al., Inverted Residuals and Linear Bottlenecks, 2018): a 3×3 convolution, seventeen blocks that widen (1×1), filter each channel (3×3) and
 * narrow (1×1, no ReLU), a 1×1 convolution, global mean, linear. At width 1: 3.50 M parameters, 0.30 G MACs per image.
 *
 * Layers are `conv1`, `block1.depthwise`, `block1.project`, `block2.expand`, … `conv2`, `fc`, each convolution with its `.bn` and, where it has one, its `.relu`.
 * Every ReLU is a ReLU6: it has the clipping level 6 as its parameter `<relu>.alpha`. Pixels are encoded as (pixel − 114) / 58.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { inferShapes, mobilenetV2 } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(mobilenetV2({ width: 0.5 })).get("block17.project.bn"), [7, 7, 160]);
 * ```
 */
export function mobilenetV2(options: MobilenetV2Options = {}): Network {
  const name = "mobilenetV2";
  const { classes, base } = zooChoice(options, { name, classes: 1000, image: 224, least: 32, encoding: IMAGENET, own: ["width"] });
  const { width = 1 } = options;
  scaler(name, width, 16);
  const net = network(base, (b) => {
    let channels = eights(32 * width), block = 0;
    let last = layer(b, "conv1", { channels, kernel: 3, stride: 2, padding: 1 });
    for (const [expansion, count, repeat, firstStride] of STAGES) {
      for (let index = 0; index < repeat; index++) {
        const input = last, name = `block${++block}`, stride = index === 0 ? firstStride : 1;
        const wide = expansion * channels, outputs = eights(count * width);
        if (expansion > 1) layer(b, `${name}.expand`, { channels: wide, kernel: 1 });
        layer(b, `${name}.depthwise`, { channels: wide, kernel: 3, stride, padding: 1, groups: wide });
        last = convNorm(b, { conv: `${name}.project`, norm: `${name}.project.bn` }, { channels: outputs, kernel: 1 });
        if (stride === 1 && channels === outputs) last = b.add(`${name}.add`, { from: [input, last] });
        channels = outputs;
      }
    }
    layer(b, "conv2", { channels: Math.max(1280, eights(1280 * width)), kernel: 1 });
    b.globalAveragePool("pool");
    b.linear("fc", { features: classes });
  });
  const levels = net.layers.filter(({ op }) => op === "relu").map((relu) => [`${relu.name}.alpha`, tensor(Float32Array.of(6), [1])]);
  return { ...net, parameters: { ...Object.fromEntries(levels), ...net.parameters } };
}

function layer(b: Builder, name: string, options: ConvOptions): string {
  return convNorm(b, { conv: name, norm: `${name}.bn`, relu: `${name}.relu` }, options);
}

/** The nearest multiple of 8 that is at least 8 and at most 10 % below. */
function eights(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
