// Offset binary: codes shifted to start at 0, one cell per digit, and the shift taken out by a dummy column or digitally.

import { digits, digitWeights, sliceWidths } from "./slice.ts";
import type { LayerCodes, SlicedLayer } from "./sliced.ts";

/** Where the offset of offset binary is taken out: a mid-level dummy column in the array, or the digital sum. */
export type Reference = "dummy" | "digital";

/**
 * Cuts codes, shifted to 0 … 2^bits − 1, into digits.
 *
 * With `reference` "dummy", slice k of b_k bits has a dummy column at level (2^b_k − 1) / 2, which leaves (2^bits − 1) / 2 less the shifted zero
 * for the digital correction: 0 for DoReFa weights. With "digital" the array subtracts nothing.
 */
export function offset(layer: LayerCodes, reference: Reference = "dummy"): SlicedLayer {
  const { name, groups, cellBits, bits, signed, codes } = layer;
  const shift = signed ? 2 ** (bits - 1) : 0;
  const sliceBits = sliceWidths(bits, cellBits);
  const dummy = reference === "dummy";
  return {
    name,
    scheme: "offset",
    cellBits,
    bits,
    groups,
    slices: digits(codes.data, codes.shape, bits, cellBits, (code) => code + shift),
    sliceBits,
    sliceWeights: digitWeights(bits, cellBits),
    mid: sliceBits.map((width) => dummy ? (2 ** width - 1) / 2 : 0),
    correction: (dummy ? (2 ** bits - 1) / 2 : 0) - (layer.zero + shift) + 0,
    multiplier: 1,
  };
}
