// Balanced pairs: magnitude digits in one of two cells whose currents are subtracted, so that small weights need little current.

import { digits, digitWeights, sliceWidths } from "./slice.ts";
import type { LayerCodes, SlicedLayer } from "./sliced.ts";

/**
 * Puts the magnitude of code − zero into a positive or a negative cell, the other one staying at level 0.
 *
 * A half-integer zero doubles all codes (`multiplier` 2): 4-bit DoReFa weights become odd integers −15 … 15. Magnitudes have as many bits as the
 * code range needs; the most negative code of a signed quantizer only counts where it occurs, so symmetric n-bit codes take n − 1 bits.
 */
export function balanced(layer: LayerCodes): SlicedLayer {
  const { name, groups, cellBits, bits, signed, zero, codes } = layer;
  const multiplier = Number.isInteger(zero) ? 1 : 2;
  const part = (sign: number) => digits(codes.data, codes.shape, width, cellBits, (code) => Math.max(sign * multiplier * (code - zero), 0));
  const lowest = signed ? -(2 ** (bits - 1)) : 0;
  const lowestUsed = signed && !codes.data.includes(lowest) ? Math.min(lowest + 1, 0) : lowest;
  const largest = multiplier * Math.max(zero - lowestUsed, lowest + 2 ** bits - 1 - zero);
  const width = Math.max(1, 32 - Math.clz32(largest));
  const sliceBits = sliceWidths(width, cellBits);
  return {
    name,
    scheme: "balanced",
    cellBits,
    bits,
    groups,
    slices: part(1),
    negative: part(-1),
    sliceBits,
    sliceWeights: digitWeights(width, cellBits),
    mid: sliceBits.map(() => 0),
    correction: 0,
    multiplier,
  };
}
