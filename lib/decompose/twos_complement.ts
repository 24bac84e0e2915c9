// Two's complement: the sign bit is a slice of its own with a negative weight, so arrays need neither pairs nor dummy columns.

import { digits, digitWeights, sliceWidths } from "./slice.ts";
import type { LayerCodes, SlicedLayer } from "./sliced.ts";

/**
 * Cuts the lower bits − 1 bits of the two's complement codes into digits and appends the sign bit as a 1-bit slice of weight −2^(bits − 1).
 *
 * Unsigned codes are first moved down by 2^(bits − 1); what the zero then lacks is corrected digitally: +½ for DoReFa weights.
 * Cells of more than one bit cost a slice over offset binary, for no column then carries a mixed sign.
 */
export function twosComplement(layer: LayerCodes): SlicedLayer {
  const { name, groups, cellBits, bits, signed, zero, codes } = layer;
  const half = 2 ** (bits - 1);
  const shift = signed ? 0 : half;
  const low = digits(codes.data, codes.shape, bits - 1, cellBits, (code) => (code - shift) & (half - 1));
  const data = new Uint8Array(low.data.length + codes.data.length);
  data.set(low.data);
  for (let i = 0; i < codes.data.length; i++) data[low.data.length + i] = codes.data[i]! < shift ? 1 : 0;
  const sliceBits = [...sliceWidths(bits - 1, cellBits), 1];
  return {
    name,
    scheme: "twosComplement",
    cellBits,
    bits,
    groups,
    slices: { shape: [sliceBits.length, ...codes.shape], data },
    sliceBits,
    sliceWeights: [...digitWeights(bits - 1, cellBits), -half],
    mid: sliceBits.map(() => 0),
    correction: shift - zero + 0,
    multiplier: 1,
  };
}
