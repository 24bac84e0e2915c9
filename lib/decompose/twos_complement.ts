// Two's complement: the sign bit is a slice of its own with a negative weight, so arrays need neither pairs nor dummy columns.

import { chosenWidths, cut, sliceWidths, widthWeights } from "./slice.ts";
import type { LayerCodes, SlicedLayer } from "./sliced.ts";

/**
 * Cuts the lower bits − 1 bits of the two's complement codes into digits and appends the sign bit as a 1-bit slice of weight −2^(bits − 1).
 *
 * Unsigned codes are first moved down by 2^(bits − 1); what the zero then lacks is corrected digitally: +½ for DoReFa weights.
 * Chosen slice widths are those of the bits below the sign. Cells of more than one bit cost a slice over offset binary, for no column then carries a mixed sign.
 */
export function twosComplement(layer: LayerCodes): SlicedLayer {
  const { name, groups, cellBits, bits, signed, zero, codes } = layer;
  const half = 2 ** (bits - 1);
  const shift = signed ? 0 : half;
  const widths = layer.sliceBits === undefined ? sliceWidths(bits - 1, cellBits) : chosenWidths(name, bits - 1, layer.sliceBits);
  const low = cut(codes.data, codes.shape, widths, (code) => (code - shift) & (half - 1));
  const data = new Uint8Array(low.data.length + codes.data.length);
  data.set(low.data);
  for (let i = 0; i < codes.data.length; i++) data[low.data.length + i] = codes.data[i]! < shift ? 1 : 0;
  const sliceBits = [...widths, 1];
  return {
    name,
    scheme: "twosComplement",
    cellBits,
    bits,
    groups,
    slices: { shape: [sliceBits.length, ...codes.shape], data },
    sliceBits,
    sliceWeights: [...widthWeights(widths), -half],
    mid: sliceBits.map(() => 0),
    correction: shift - zero + 0,
    multiplier: 1,
  };
}
