// Softmax cross-entropy over a batch, with its gradient.

import type { Labels } from "../data/dataset.ts";

/** Mean loss, hits, and ∂loss/∂logits. */
export interface Loss {
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  /** Images whose largest logit is their label's. */
  readonly correct: number;
  /** `[batch, classes]`, already divided by the batch. */
  readonly gradient: Float32Array;
}

/** Cross-entropy of `[batch, classes]` logits against labels, with optional label smoothing (share of probability spread over all classes). */
export function crossEntropy(logits: Float32Array, labels: Labels, smoothing = 0): Loss {
  const batch = labels.length, classes = logits.length / batch, gradient = new Float32Array(logits.length);
  let loss = 0, correct = 0;
  for (let image = 0; image < batch; image++) {
    const row = logits.subarray(image * classes, (image + 1) * classes), label = labels[image]!;
    const peak = Math.max(...row), total = row.reduce((sum, value) => sum + Math.exp(value - peak), 0);
    if (row.indexOf(peak) === label) correct++;
    for (let c = 0; c < classes; c++) {
      const log = row[c]! - peak - Math.log(total), wanted = (c === label ? 1 - smoothing : 0) + smoothing / classes;
      loss -= wanted * log;
      gradient[image * classes + c] = (Math.exp(log) - wanted) / batch;
    }
  }
  return { loss: loss / batch, correct, gradient };
}
