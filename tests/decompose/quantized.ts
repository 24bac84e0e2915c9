// A one-layer quantised network around given codes, for the tests of decomposition and mapping.

import type { Layer, Pair } from "../../lib/network/graph.ts";
import type { QuantizedNetwork } from "../../lib/quantize/quantize.ts";
import type { WeightCodes } from "../../lib/quantize/quantizer.ts";
import { hash } from "../../lib/random.ts";
import { elements } from "../../lib/tensor.ts";

/** Window of the layer; defaults to a plain 3 × 3 convolution's. */
export interface Window {
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly dilation?: Pair;
  readonly groups?: number;
  /** Height and width of the input; default one output's window without padding. */
  readonly image?: Pair;
}

/** A network whose only layer, "layer", is a convolution with these codes. */
export function quantizedLayer(weights: WeightCodes, window: Window = {}): QuantizedNetwork {
  const [out = 1, inputs = 1, height = 1, width = 1] = weights.codes.shape;
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 } = window;
  const { image = [dilation[0] * (height - 1) + 1, dilation[1] * (width - 1) + 1] } = window;
  const layer: Layer = weights.codes.shape.length === 2 ? { op: "linear", name: "layer", inputs: ["input"], features: out, bias: false } : {
    op: "conv",
    name: "layer",
    inputs: ["input"],
    channels: out,
    kernel: [height, width],
    stride,
    padding,
    dilation,
    groups,
    bias: false,
  };
  const network = {
    kind: "network",
    name: "one layer",
    input: [...image, inputs * groups],
    encoding: { zero: 0, scale: 1 },
    layers: [layer],
    parameters: {},
  } as const;
  return { kind: "quantized", network, weights: { layer: weights }, activations: {}, digital: [] };
}

/** Random codes over the whole range of `bits`; unsigned ones have DoReFa's zero. */
export function randomCodes(shape: readonly number[], bits: number, signed: boolean, seed: number): WeightCodes {
  const lowest = signed ? -(2 ** (bits - 1)) : 0;
  const data = Int16Array.from({ length: elements(shape) }, (_, i) => lowest + hash(seed, i) % 2 ** bits);
  return { codes: { shape, data }, bits, signed, zero: signed ? 0 : (2 ** bits - 1) / 2, scale: 1 };
}
