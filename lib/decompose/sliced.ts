// What decomposition makes: weights cut into cell-sized levels, with an exact identity back to the codes.

import type { QuantizedNetwork } from "../quantize/quantize.ts";
import type { Tensor } from "../tensor.ts";

/** How signed weights become non-negative cell levels. */
export type Scheme = "offset" | "balanced" | "twosComplement";

/**
 * One layer's weights as cell levels. For every weight, exactly:
 *
 * Σ_k sliceWeights[k] · (slices_k − negative_k − mid[k]) + correction = multiplier · (code − zero)
 */
export interface SlicedLayer {
  /** Name of the layer. */
  readonly name: string;
  /** How signed weights became levels. */
  readonly scheme: Scheme;
  /** Bits one cell can hold. */
  readonly cellBits: number;
  /** Bits of the weight codes. */
  readonly bits: number;
  /** Groups of the convolution; 1 for a linear layer. */
  readonly groups: number;
  /** Levels, `[slices, out, in / groups, kernel height, kernel width]`, least significant slice first; kernel 1 × 1 for a linear layer. */
  readonly slices: Tensor<Uint8Array>;
  /** Balanced only: levels of the cells whose current is subtracted, same shape. */
  readonly negative?: Tensor<Uint8Array>;
  /** Bits used in each slice: `cellBits`, or fewer in a remainder slice. */
  readonly sliceBits: readonly number[];
  /** Factor of each slice in the digital sum. */
  readonly sliceWeights: readonly number[];
  /** Level a dummy column subtracts inside the array, per slice; may be a half-integer, 0 where there is no dummy column. */
  readonly mid: readonly number[];
  /** What is added digitally, per unit of Σ inputs, to every column. */
  readonly correction: number;
  /** 2 where codes are doubled so that a half-integer zero becomes an integer (balanced), else 1. */
  readonly multiplier: 1 | 2;
}

/** A quantised network whose array layers are cut into cells. */
export interface SlicedNetwork {
  /** Tells this object from those of other stages. */
  readonly kind: "sliced";
  /** The network this was made from. */
  readonly quantized: QuantizedNetwork;
  /** Layers that run on arrays, by name, in network order. */
  readonly layers: Readonly<Record<string, SlicedLayer>>;
  /**
   * One layer by name.
   *
   * @throws {OptionError} if no array layer has that name; the message lists those that do.
   */
  layer(name: string): SlicedLayer;
}

/** A layer's weights as a scheme sees them. */
export interface LayerCodes {
  /** Name of the layer. */
  readonly name: string;
  /** Groups of channels that do not see each other. */
  readonly groups: number;
  /** Bits one cell can hold. */
  readonly cellBits: number;
  /** Bits per code. */
  readonly bits: number;
  /** Whether codes are signed. */
  readonly signed: boolean;
  /** An integer or half-integer. */
  readonly zero: number;
  /** Codes and their shape `[out, in / groups, kernel height, kernel width]`. */
  readonly codes: Tensor<Int16Array>;
}
