// DenseNet-40 for CIFAR-10: every layer reads all before it, so inputs widen by a dozen channels at a time.

import { type Builder, network } from "../builder.ts";
import type { Network } from "../graph.ts";
import { CIFAR, refuse, zooChoice, type ZooOptions } from "./options.ts";

/** Options of {@linkcode densenet40}. Defaults: 10 classes, 32-pixel images. */
export interface Densenet40Options extends ZooOptions {
  /** Channels each layer adds, k; default 12. */
  readonly growth?: number;
}

/**
 * DenseNet-40 (Huang et al., Densely Connected Convolutional Networks, 2017): a 3×3 convolution to 16 channels, three blocks of twelve layers (batch norm, ReLU, 3×3
 * convolution), between them batch norm, ReLU, 1×1 convolution and 2×2 mean, at the end batch norm, ReLU, global mean, linear. No bottlenecks, no compression.
 * At growth 12: 1.02 M parameters.
 *
 * Layers are `conv1`, `block1.0.bn`, `block1.0.relu`, `block1.0.conv`, `block1.0.concat` … `transition1.conv`, `transition1.pool` … `bn`, `relu`, `pool`, `fc`.
 * Pixels are encoded as (pixel − 121) / 63.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { densenet40, inferShapes } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(inferShapes(densenet40()).get("block3.11.concat"), [8, 8, 448]);
 * ```
 */
export function densenet40(options: Densenet40Options = {}): Network {
  const name = "densenet40";
  const { classes, base } = zooChoice(options, { name, classes: 10, image: 32, least: 4, encoding: CIFAR, own: ["growth"] });
  const { growth = 12 } = options;
  if (!(Number.isInteger(growth) && growth >= 1)) refuse(name, "growth", growth, "an integer of at least 1");
  return network(base, (b) => {
    let channels = 16;
    let last = b.conv("conv1", { channels, kernel: 3, padding: 1, bias: false });
    for (let block = 1; block <= 3; block++) {
      for (let index = 0; index < 12; index++) {
        const added = layer(b, `block${block}.${index}`, last, growth, 3);
        last = b.concat(`block${block}.${index}.concat`, { from: [last, added] });
        channels += growth;
      }
      if (block === 3) break;
      layer(b, `transition${block}`, last, channels, 1);
      last = b.averagePool(`transition${block}.pool`, { kernel: 2 });
    }
    b.batchNorm("bn");
    b.relu("relu");
    b.globalAveragePool("pool");
    b.linear("fc", { features: classes });
  });
}

function layer(b: Builder, name: string, from: string, channels: number, kernel: number): string {
  b.batchNorm(`${name}.bn`, { from });
  b.relu(`${name}.relu`);
  return b.conv(`${name}.conv`, { channels, kernel, padding: (kernel - 1) / 2, bias: false });
}
