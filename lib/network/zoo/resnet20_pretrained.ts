// The 4-bit ResNet-20 that ships, trained by this project's own trainer; the notes in its file say how.

import { loadTrained, type TrainedFile } from "./trained_file.ts";

/**
 * A trained W4/A4 `resnet20` for CIFAR-10 with the notes of its training (`recipe`, `from`, `accuracy` …): LSQ weights and activations, 8-bit first and last
 * layers.
 *
 * @throws {FileError} if its file cannot be read.
 *
 * @example
 * ```ts
 * import { resnet20Pretrained } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { network } = await resnet20Pretrained();
 * assertEquals(network.codes?.["layer1.0.conv1.weight"]?.quantizer, { kind: "lsq", bits: 4 });
 * ```
 */
export async function resnet20Pretrained(): Promise<TrainedFile> {
  return await loadTrained(new URL("./weights/resnet20_w4a4.safetensors", import.meta.url));
}
