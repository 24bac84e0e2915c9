// Layers and chips to estimate, drawn from a seed.

import { type EstimateOptions, hash, type LayerWork, layerWork } from "@bitline/bitline";

/** A draw from a list. */
export function pick<Item>(items: readonly Item[], seed: number, counter: number): Item {
  return items[hash(seed, counter) % items.length]!;
}

/** A convolution of random extents; every fourth is depthwise, every fourth fully connected. */
export function randomGeometry(seed: number) {
  const kind = seed % 4, size = pick([5, 8, 14, 17], seed, 1), kernel = kind === 3 ? 1 : pick([1, 3, 5], seed, 2);
  const channels = pick([3, 16, 130, 300], seed, 3), out = kind === 2 ? channels : pick([10, 64, 257], seed, 4);
  const padding = kind === 3 ? 0 : pick([0, 1], seed, 5) * (kernel - 1) / 2, stride = kind === 3 ? 1 : pick([1, 2], seed, 6);
  const image = kind === 3 ? 1 : size, windows = Math.floor((image + 2 * padding - kernel) / stride) + 1;
  return {
    kernel: [kernel, kernel],
    stride: [stride, stride],
    padding: [padding, padding],
    dilation: [1, 1],
    groups: kind === 2 ? channels : 1,
    inputShape: [image, image, channels],
    outputShape: [windows, windows, out],
  } as const;
}

/** A list of works on arrays of `rows` × `columns`. */
export function randomWork(seed: number, rows = 128, columns = 128): { rows: number; columns: number; layers: LayerWork[] } {
  const cellBits = pick([1, 2], seed, 7), cellsPerWeight = pick([4, 8], seed, 8) / cellBits, inputBits = pick([1, 4, 8], seed, 9);
  const layers = Array.from({ length: 1 + seed % 3 }, (_, index) => {
    const geometry = randomGeometry(hash(seed, 10, index) % 64);
    return layerWork({ name: `layer${index}`, geometry, rows, columns, cellsPerWeight, cellBits, inputBits, pooled: index * 100 });
  });
  return { rows, columns, layers };
}

/** A chip of random parts. */
export function randomOptions(seed: number): EstimateOptions {
  return {
    node: pick([130, 65, 22, "22-ptm", 7], seed, 20),
    cell: pick(["RRAM", "PCM", "FeFET"], seed, 21),
    adc: { type: pick(["flash", "SAR", "flash-wide"], seed, 22), bits: pick([3, 5, 8], seed, 23) },
    columnsPerAdc: pick([1, 8, 16], seed, 24),
    rowsInParallel: pick([8, 32, 128], seed, 25),
    digitBits: pick([1, 2], seed, 26),
    schedule: pick(["pipelined", "layer-by-layer"], seed, 27),
    interconnect: pick(["xy-bus", "H-tree", "mesh"], seed, 28),
    buffers: pick(["vector", "bit"], seed, 29),
    temperatureK: pick([250, 300, 360], seed, 30),
    speedUp: pick([1, 4, 8], seed, 31),
  };
}
