// How long a pipeline of layers takes: every layer starts an image as soon as it is free and its inputs are ready.

/** Closed-form times of a self-timed pipeline. */
export interface PipelineTimes {
  /** Cycles between images in the steady state: the slowest layer. */
  readonly interval: number;
  /** Cycles from the start of an image to its end in an empty pipeline: the longest path. */
  readonly latency: number;
  /** Cycles from the start of the first image to the end of the last. */
  readonly batch: number;
}

/**
 * Times of `images` images through layers that take `latencies[l]` cycles per image each and wait for the layers `waits[l]` (all earlier in the list).
 *
 * A layer works on one image at a time, in order, and there is room for results between layers. Then the last image ends at the longest walk over
 * (layer, image) pairs that goes from layer to consumer or from image to next image; such a walk takes a path through the layers and waits images − 1 times
 * somewhere on it, best at the path's slowest layer. So with through(l) the longest path through layer l, the batch takes
 * max over l of through(l) + (images − 1) · latencies[l].
 */
export function pipelineTimes(latencies: readonly number[], waits: readonly (readonly number[])[], images: number): PipelineTimes {
  const size = latencies.length, before = new Array<number>(size).fill(0), after = new Array<number>(size).fill(0);
  for (let layer = 0; layer < size; layer++) {
    for (const input of waits[layer]!) before[layer] = Math.max(before[layer]!, before[input]! + latencies[input]!);
  }
  for (let layer = size - 1; layer >= 0; layer--) {
    for (const input of waits[layer]!) after[input] = Math.max(after[input]!, after[layer]! + latencies[layer]!);
  }
  let interval = 0, latency = 0, batch = 0;
  for (let layer = 0; layer < size; layer++) {
    const own = latencies[layer]!, through = before[layer]! + own + after[layer]!;
    interval = Math.max(interval, own);
    latency = Math.max(latency, through);
    batch = Math.max(batch, through + (images - 1) * own);
  }
  return { interval, latency, batch };
}
