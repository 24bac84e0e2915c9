// Runs a whole data set through a prepared program, batch by batch.

import type { Dataset } from "../data/dataset.ts";
import { ShapeError } from "../errors.ts";
import { elements, type Tensor, tensor } from "../tensor.ts";
import type { BatchResult, Session } from "./backend.ts";

/** Options of {@linkcode predict}. */
export interface PredictOptions {
  /** Images per batch, default 64. */
  readonly batch?: number;
  /** Called after every batch with the images done. */
  readonly onProgress?: (done: number) => void;
  /** Stops the work between batches. */
  readonly signal?: AbortSignal;
}

/**
 * Outputs of a program for all images of a data set, `[images, features]`.
 *
 * @throws the signal's reason if it is aborted between batches.
 */
export async function predict(session: Session, data: Dataset, options: PredictOptions = {}): Promise<Tensor> {
  const { batch = 64 } = options;
  const [count = 0, ...shape] = data.images.shape, size = elements(shape);
  let outputs: Float32Array | undefined;
  const underWay: { readonly begin: number; readonly images: number; readonly result: Promise<BatchResult> }[] = [];
  const take = async () => {
    const { begin, images, result } = underWay.shift()!, { output } = await result;
    const size = output.data.length / images;
    outputs ??= new Float32Array(count * size);
    outputs.set(output.data, begin * size);
    options.onProgress?.(begin + images);
  };
  try {
    for (let begin = 0; begin < count; begin += batch) {
      options.signal?.throwIfAborted();
      const images = Math.min(batch, count - begin);
      const pixels = tensor(data.images.data.subarray(begin * size, (begin + images) * size), [images, ...shape]);
      const result = session.run(pixels, [], begin);
      result.catch(() => {}); // heard when its turn comes
      underWay.push({ begin, images, result });
      if (underWay.length >= (session.overlap ?? 1)) await take();
    }
    while (underWay.length > 0) await take();
  } finally {
    // After a failure, runs still under way end before the session may be closed.
    await Promise.allSettled(underWay.map(({ result }) => result));
  }
  if (outputs === undefined) throw new ShapeError("run a network", { where: data.name, got: "no images", wanted: "at least one" });
  return tensor(outputs, [count, outputs.length / count]);
}

/** Share of rows whose largest value stands at their label; ties go to the lowest class. */
export function accuracy({ data, shape }: Tensor, labels: ArrayLike<number>): number {
  const [count, classes] = shape as [number, number];
  let correct = 0;
  for (let image = 0; image < count; image++) {
    const row = data.subarray(image * classes, (image + 1) * classes);
    if (row.indexOf(Math.max(...row)) === labels[image]) correct++;
  }
  return correct / count;
}
