// The 4-bit LeNet that ships, trained by this project's own trainer; the notes in its file say how.

import { loadTrained, type TrainedFile } from "./trained_file.ts";

/**
 * A trained 4-bit `swimLenet` for MNIST with the notes of its training (`command`, `recipe`, `accuracy` …): uniform weights and PACT activations of 4 bits
 * throughout.
 *
 * @throws {FileError} if its file cannot be read.
 *
 * @example
 * ```ts
 * import { swimLenetPretrained } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const { network } = await swimLenetPretrained();
 * assertEquals(network.codes?.["fc1.weight"]?.quantizer, { kind: "uniform", bits: 4 });
 * ```
 */
export async function swimLenetPretrained(): Promise<TrainedFile> {
  return await loadTrained(new URL("./weights/swim_lenet_w4a4.safetensors", import.meta.url));
}
