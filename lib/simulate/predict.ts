// Runs a whole data set through a prepared program, batch by batch.

import type { Dataset } from "../data/dataset.ts";
import { ShapeError } from "../errors.ts";
import { elements, type Tensor, tensor } from "../tensor.ts";
import type { Session } from "./backend.ts";

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
  for (let begin = 0; begin < count; begin += batch) {
    options.signal?.throwIfAborted();
    const here = Math.min(batch, count - begin);
    const { output } = await session.run(tensor(data.images.data.subarray(begin * size, (begin + here) * size), [here, ...shape]));
    outputs ??= new Float32Array(count * output.data.length / here);
    outputs.set(output.data, begin * output.data.length / here);
    options.onProgress?.(begin + here);
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
