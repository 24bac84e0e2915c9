// Second derivatives of a trained LeNet against those of an independent implementation, on any backend.

import { assertAlmostEquals } from "@std/assert";
import { readNpz } from "../../lib/io/npy.ts";
import { network } from "../../lib/network/builder.ts";
import { secondDerivatives } from "../../lib/program/second_derivatives.ts";
import { type Tensor, tensor } from "../../lib/tensor.ts";

const GOLDEN = new URL("../../../shared/golden/swim/", import.meta.url);

/** Whether the data are here. */
export const golden = await Deno.stat(GOLDEN).then(() => true, () => false);

/** Gradients and second derivatives of 128 images within 1e-4 of the largest of each layer. */
export async function compareGolden(backend: "cpu" | "webgpu"): Promise<void> {
  const read = async (name: string) => await readNpz(new URL(name, GOLDEN).pathname);
  const weights = await read("flenet_weights.npz"), batch = await read("batch128.npz"), wanted = await read("flenet_second_batch128.npz");
  const reals = (values: Tensor<never> | (typeof weights)[string]) => Float32Array.from(values.data as Float32Array);
  // There pixels of a channel lie together before the first linear layer, here channels of a pixel.
  const reorder = (from: Float32Array) => {
    const to = new Float32Array(from.length);
    for (let at = 0; at < to.length; at++) {
      const o = Math.floor(at / 784), c = at % 16, pixel = Math.floor((at % 784) / 16);
      to[at] = from[o * 784 + c * 49 + pixel]!;
    }
    return to;
  };
  const parameters = Object.fromEntries(
    Object.entries(weights).map((
      [name, values],
    ) => [name, tensor(name === "fc1.weight" ? reorder(reals(values)) : reals(values), values.shape)]),
  );
  const lenet = network({ name: "lenet", input: [28, 28, 1], encoding: { zero: 0, scale: 1 / 255 }, parameters }, (b) => {
    for (const [index, channels] of [6, 16].entries()) {
      b.conv(`conv${index + 1}`, { channels, kernel: 3, padding: 1 });
      b.relu(`relu${index + 1}`);
      b.maxPool(`pool${index + 1}`, { kernel: 2 });
    }
    b.flatten("flatten");
    b.linear("fc1", { features: 120 });
    b.relu("relu3");
    b.linear("fc2", { features: 84 });
    b.relu("relu4");
    b.linear("fc3", { features: 10 });
  });
  const images = tensor(Uint8Array.from(batch["x"]!.data as Uint8Array), [128, 28, 28, 1]),
    labels = Uint8Array.from(batch["y"]!.data as Uint8Array, Number);
  const { second, gradient } = await secondDerivatives(lenet, { name: "MNIST", images, labels, classes: [] }, { backend });
  for (const layer of ["conv1", "conv2", "fc1", "fc2", "fc3"]) {
    for (const [ours, key, factor] of [[second, "S_raw", 1], [gradient, "grad", 128]] as const) {
      const plain = reals(wanted[`${layer}.${key}`]!), theirs = layer === "fc1" ? reorder(plain) : plain;
      const largest = factor * theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      ours[`${layer}.weight`]!.data.forEach((value, at) => assertAlmostEquals(value / largest, factor * theirs[at]! / largest, 1e-4));
    }
  }
}
