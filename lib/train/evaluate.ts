// Accuracy of a training graph on a data set, with running statistics and no augmentation.

import type { Dataset } from "../data/dataset.ts";
import type { TrainingGraph } from "./graph.ts";
import { crossEntropy } from "./loss.ts";

/** Share of images classified correctly, and their mean loss. Any number of images; the last batch is filled up and the filling ignored. */
export function evaluate(graph: TrainingGraph, data: Dataset): { readonly accuracy: number; readonly loss: number } {
  const count = data.labels.length, size = data.images.data.length / count;
  let correct = 0, loss = 0;
  for (let begin = 0; begin < count; begin += graph.batch) {
    const here = Math.min(graph.batch, count - begin), pixels = new Uint8Array(graph.batch * size);
    pixels.set(data.images.data.subarray(begin * size, (begin + here) * size));
    const logits = graph.forward(pixels, false), classes = logits.length / graph.batch;
    const result = crossEntropy(logits.subarray(0, here * classes), data.labels.subarray(begin, begin + here));
    correct += result.correct;
    loss += result.loss * here;
  }
  return { accuracy: correct / count, loss: loss / count };
}

/** As {@linkcode evaluate}, on a device that answers later: `forward` gives `[batch, classes]` logits for a batch of pixels. */
export async function evaluateWith(
  batch: number,
  data: Dataset,
  forward: (pixels: Uint8Array) => Promise<Float32Array>,
): Promise<{ readonly accuracy: number; readonly loss: number }> {
  const count = data.labels.length, size = data.images.data.length / count;
  let correct = 0, loss = 0;
  for (let begin = 0; begin < count; begin += batch) {
    const here = Math.min(batch, count - begin), pixels = new Uint8Array(batch * size);
    pixels.set(data.images.data.subarray(begin * size, (begin + here) * size));
    const logits = await forward(pixels), classes = logits.length / batch;
    const result = crossEntropy(logits.subarray(0, here * classes), data.labels.subarray(begin, begin + here));
    correct += result.correct;
    loss += result.loss * here;
  }
  return { accuracy: correct / count, loss: loss / count };
}
