// What decomposition makes: weights cut into cell-sized levels, with an exact identity back to the codes.

import type { QuantizedNetwork } from "../quantize/quantize.ts";
import type { Tensor } from "../tensor.ts";

/** How signed weights become non-negative cell levels. */
export type Scheme = "offset" | "balanced" | "pairs" | "twosComplement";

/**
 * One layer's weights as cell levels. For every weight, exactly:
 *
 * Σ_k sliceWeights[k] · (slices_k − negative_k − mid[k]) + correction = multiplier · (code − zero)
 *
 * A slice k is one line that a converter reads. Its physical cells stand at non-negative levels: `slices_k` on the bit line that counts, `negative_k`, if
 * there is such a tensor, on the one subtracted from it before the converter, and `mid[k]`, where it is not 0, on a dummy column, alike for all weights.
 * Where subtraction follows conversion there is neither: what is subtracted then forms slices of its own with negative factors, and `slices_k` is the
 * level of the only cell. A cell at `topLevels(layer)[k]` is fully on, one at 0 fully off.
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
  /**
   * Levels, `[slices, out, in / groups, kernel height, kernel width]`, kernel 1 × 1 for a linear layer. Least significant slice first; within a slice pair
   * by pair, and where pairs are subtracted after conversion the positive cells before the negative ones; unit columns come last.
   */
  readonly slices: Tensor<Uint8Array>;
  /** Pairs subtracted in the array only: levels of the cells whose current is subtracted, same shape. */
  readonly negative?: Tensor<Uint8Array>;
  /** Bits a cell of each slice uses: `cellBits`, or fewer in a remainder slice, in chosen widths or where pairs share a digit. */
  readonly sliceBits: readonly number[];
  /** Factor of each slice in the digital sum. */
  readonly sliceWeights: readonly number[];
  /** Level a dummy column subtracts inside the array, per slice; may be a half-integer, 0 where there is no dummy column. */
  readonly mid: readonly number[];
  /** What is added digitally, per unit of Σ inputs, to every column. */
  readonly correction: number;
  /** Largest level of a cell of each slice, where it is not 2^sliceBits − 1 throughout; {@linkcode topLevels} reads it. */
  readonly levels?: readonly number[];
  /**
   * How many slices, the last ones, are unit columns: at the same level for all weights, in one column that all weights of an array share, converted by
   * itself. Default 0.
   */
  readonly units?: number;
  /** 2 where codes are doubled so that a half-integer zero becomes an integer (balanced and pairs), else 1. */
  readonly multiplier: 1 | 2;
}

/**
 * Largest level a cell of each slice can stand at.
 *
 * @example
 * ```ts
 * import { balanced, topLevels } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const codes = { shape: [1, 2], data: new Int16Array([-7, 6]) };
 * const layer = { name: "fc", groups: 1, cellBits: 2, bits: 4, signed: true, zero: 0, codes };
 * assertEquals(topLevels(balanced(layer)), [3, 1]);
 * assertEquals(topLevels(balanced(layer, { pairs: 3 })), [3, 3, 3]); // 7 = 3 + 2 + 2, a line each
 * ```
 */
export function topLevels({ levels, sliceBits }: Pick<SlicedLayer, "levels" | "sliceBits">): readonly number[] {
  return levels ?? sliceBits.map((bits) => 2 ** bits - 1);
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
  /** Bits of each slice of a weight, least significant first; default as many as a cell, or the pairs that share a slice, can hold. */
  readonly sliceBits?: readonly number[];
  /** Bits per code. */
  readonly bits: number;
  /** Whether codes are signed. */
  readonly signed: boolean;
  /** An integer or half-integer. */
  readonly zero: number;
  /** Codes and their shape `[out, in / groups, kernel height, kernel width]`. */
  readonly codes: Tensor<Int16Array>;
}
