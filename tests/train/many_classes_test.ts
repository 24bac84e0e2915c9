// More than 256 classes: labels of 16 bits, from the data set to the loss.

import { assert, assertEquals } from "@std/assert";
import { accuracy, type Dataset, lowerQuantized, network, predict, referenceBackend, sliceDataset, tensor, train } from "../../mod.ts";
import { crossEntropy } from "../../lib/train/loss.ts";

const CLASSES = 300;

/** Pictures of one bright pixel each, of the classes 257, 258 … */
function data(count: number): Dataset {
  const images = new Uint8Array(count * 16), labels = new Uint16Array(count);
  for (let image = 0; image < count; image++) {
    images[image * 16 + image % 16] = 255;
    labels[image] = 257 + image % 16;
  }
  return {
    name: "pixels",
    images: tensor(images, [count, 4, 4, 1]),
    labels,
    classes: Array.from({ length: CLASSES }, (_, at) => `c${at}`),
  };
}

Deno.test("crossEntropy() takes labels beyond a byte", () => {
  const logits = new Float32Array(2 * CLASSES), labels = Uint16Array.of(299, 43);
  logits[299] = logits[CLASSES + 43] = 9;
  const { correct, gradient, loss } = crossEntropy(logits, labels);
  assertEquals(correct, 2);
  assert(gradient[299]! < 0 && gradient[43]! > 0 && loss < 0.1);
});

Deno.test("train() learns classes beyond the 256th, and slices and accuracies keep them", async () => {
  const all = data(64),
    net = network({ name: "linear", input: [4, 4, 1] }, (layers) => {
      layers.flatten("flat");
      layers.linear("fc", { features: CLASSES });
    });
  const { network: trained, validation } = await train(net, all, {
    recipe: { epochs: 40, batch: 16, schedule: { kind: "cosine", peak: 0.5 }, augment: { pad: 0, flip: false } },
    threads: 1,
    validation: all,
  });
  assertEquals(validation, 1);
  await using session = await referenceBackend().prepare(
    lowerQuantized({ kind: "quantized", network: trained, weights: {}, activations: {}, digital: [] }),
  );
  const part = sliceDataset(all, 20, 40);
  assert(part.labels instanceof Uint16Array && part.labels.every((label) => label > 256));
  assertEquals(accuracy(await predict(session, part), part.labels), 1);
});
