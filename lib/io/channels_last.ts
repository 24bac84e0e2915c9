// Other frameworks flatten an image channel by channel; here channels are contiguous.

import type { Shape } from "../network/graph.ts";

/** Rows of features from channel, height, width order to height, width, channel. */
export function channelsLast<T extends Float32Array | Int32Array>(data: T, [height, width, channels]: Shape): T {
  const out = data.slice() as T, area = height * width, size = area * channels;
  for (let row = 0; row < data.length; row += size) {
    for (let channel = 0; channel < channels; channel++) {
      for (let position = 0; position < area; position++) out[row + position * channels + channel] = data[row + channel * area + position]!;
    }
  }
  return out;
}
