// The VGG7 networks that ship, trained by this project's own trainer; the notes in each file say how.

import { OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { loadTrained, type TrainedFile } from "./trained_file.ts";

/** A network that ships. */
interface Shipped {
  readonly width: number;
  readonly file: string;
}

/** The default first: a run of it takes seconds. */
const SHIPPED: readonly Shipped[] = [
  { width: 0.25, file: "vgg7_w4a4_0.25.safetensors" },
  { width: 0.5, file: "vgg7_w4a4_0.5.safetensors" },
];

/** Options of {@linkcode vgg7Pretrained}. */
export interface Vgg7PretrainedOptions {
  /** Channel multiplier, 0.25 or 0.5 (more accurate, a third to a quarter as fast); default 0.25. */
  readonly width?: number;
}

/**
 * A trained W4/A4 VGG7 for CIFAR-10 with the notes of its training (`command`, `recipe`, `accuracy` …): PACT activations,
 * DoReFa weights, 8-bit first and last layers.
 *
 * @throws {OptionError} if no network of that width ships.
 * @throws {FileError} if its file cannot be read.
 *
 * @example
 * ```ts
 * import { vgg7Pretrained } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { network } = await vgg7Pretrained();
 * assertEquals(network.codes?.["conv2.weight"]?.quantizer, { kind: "dorefa", bits: 4 });
 * ```
 */
export async function vgg7Pretrained(options: Vgg7PretrainedOptions = {}): Promise<TrainedFile> {
  checkOptions("load a trained vgg7", "vgg7Pretrained", options, ["width"]);
  const found = SHIPPED.find(({ width }) => options.width === undefined || width === options.width);
  if (found === undefined) {
    throw new OptionError("load a trained vgg7", {
      where: "width",
      got: options.width,
      wanted: SHIPPED.map(({ width }) => width).join(" or "),
      hint: "Train one with examples/train_vgg7.ts and load it with loadTrained.",
    });
  }
  return await loadTrained(new URL(`./weights/${found.file}`, import.meta.url));
}
