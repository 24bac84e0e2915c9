// The window VW-SDK chooses for a layer, as a correct search finds it or as the published channel search did.

import type { Problem } from "../map/placement.ts";
import { vwSdkMapping } from "../map/published/vw_sdk.ts";

/**
 * Which search picks the window: the best there is, or the one the published channel search returned. That one kept candidates in a queue to which
 * every first window of a height was added unseen, and compared with the oldest of them; what it returned could be worse than windows it had met.
 */
export type WindowSearch = "correct" | "published";

/** What a channel search needs to know of a window. */
export interface ChannelWindow {
  /** Array activations of the layer. */
  readonly cycles: number;
  /** Input channels per row tile (ICt), at least 1; where im2col is best, those of a window of one output. */
  readonly channels: number;
}

/**
 * VW-SDK's window for one layer.
 *
 * @throws {MappingError} if an array has no rows or no columns.
 */
export function channelWindow(problem: Problem, search: WindowSearch = "correct"): ChannelWindow {
  const published = search === "published" ? staleWindow(problem) : undefined;
  if (published !== undefined) return published;
  const { cycles, detail } = vwSdkMapping(problem), { kernel } = problem.geometry;
  const tile = detail["inputTile"];
  return { cycles, channels: typeof tile === "number" ? tile : Math.max(1, Math.floor(problem.rows / (kernel[0] * kernel[1]))) };
}

/** The published search (J. Rhe, S. Moon, J. H. Ko, VWC-SDK): the head of the queue at the end. Undefined if no window fits an array, or there are groups. */
function staleWindow({ geometry, rows, columns }: Problem): ChannelWindow | undefined {
  const { kernel, stride, dilation, groups, inputShape: [, , inputs], outputShape: [high, wide, outputs] } = geometry;
  if (groups > 1) return undefined;
  const queue: ChannelWindow[] = [];
  const span = (axis: 0 | 1, count: number) => (kernel[axis] - 1) * dilation[axis] + 1 + (count - 1) * stride[axis];
  for (let j = 1; j <= high; j++) {
    for (let i = 1; i <= wide; i++) {
      const channels = Math.floor(rows / (span(0, j) * span(1, i))), filters = Math.floor(columns / (i * j));
      if (channels < 1 || filters < 1) continue;
      const cycles = Math.ceil(high / j) * Math.ceil(wide / i) * Math.ceil(inputs / channels) * Math.ceil(outputs / filters);
      if (i === 1) queue.push({ cycles, channels });
      if (queue.length === 0 || queue[0]!.cycles <= cycles) continue;
      queue.shift();
      queue.push({ cycles, channels });
    }
  }
  return queue[0];
}
