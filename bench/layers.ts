// Two layers with the settings of the peers (tests/peers): 8-bit inputs bit by bit, eight 1-bit slices, 6-bit converter, 128 rows; every sum comes back.

import { gigabits, type LayerCase, layerCodes, layerProgram } from "./crossbar_layer.ts";
import { type Benchmark, rate } from "./measure.ts";

const SETTINGS = { rows: 128, slices: 8, inputBits: 8, signed: false, code: (sum: number) => Math.min(sum, 63) } as const;

/** A layer that a peer runs too. */
export interface PeerLayer {
  /** As in the peers' JSON. */
  readonly name: "matrix" | "conv";
  readonly text: string;
  readonly layer: LayerCase;
  /** Vectors or images of a call. */
  readonly batch: number;
}

/** A 512×512 matrix on 256 vectors, and a 3×3 convolution from 128 to 128 channels on one image of 32×32. */
export const PEER_LAYERS: readonly PeerLayer[] = [
  { name: "matrix", text: "matrix 512×512, batch 256", layer: { ...SETTINGS, side: 1, kernel: 1, inputs: 512, outputs: 512 }, batch: 256 },
  { name: "conv", text: "conv 128→128, 3×3, 32×32", layer: { ...SETTINGS, side: 32, kernel: 3, inputs: 128, outputs: 128 }, batch: 1 },
];

/** Gb/s of one of them. */
export function layerBenchmark({ text, layer, batch }: PeerLayer): Benchmark {
  return {
    group: "layer",
    name: text,
    unit: "Gb/s",
    async open({ backend, limits }) {
      const session = await backend.prepare(layerProgram(layer, "sums")), codes = layerCodes(layer, batch), limit = limits["look-up"];
      return {
        call: () => session.run(codes),
        value: rate(gigabits(layer) * batch),
        limit: { name: limit.name, call: limit.call, value: rate(limit.giga) },
        close: () => Promise.resolve(session[Symbol.asyncDispose]()),
      };
    },
  };
}

/** Both. */
export const layerBenchmarks: readonly Benchmark[] = PEER_LAYERS.map(layerBenchmark);
