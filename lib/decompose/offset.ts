// Offset binary: codes shifted to start at 0, one cell per digit, and the shift taken out by a dummy column, a unit column or digitally.

import { roundHalfEven } from "../quantize/round.ts";
import { chosenWidths, cut, sliceWidths, widthWeights } from "./slice.ts";
import type { LayerCodes, SlicedLayer } from "./sliced.ts";

/** Where the offset of offset binary is taken out: a reference column in the array, or the digital sum of the inputs. */
export type Reference = "dummy" | "digital";

/** Where cells are subtracted from one another: as currents, before one converter, or as codes, after a converter for each. */
export type Subtraction = "array" | "digital";

/**
 * Cuts codes, shifted to 0 … 2^bits − 1, into digits.
 *
 * With `reference` "dummy", slice k of b_k bits has a dummy column at level (2^b_k − 1) / 2, which leaves (2^bits − 1) / 2 less the shifted zero
 * for the digital correction: 0 for DoReFa weights. With "digital" the array subtracts nothing.
 *
 * A dummy column subtracted after conversion is a unit column: a weight of the code nearest to zero, whose digits stand in cells like all others and are
 * converted by themselves, so that whatever all cells of a row have in common drops out; a half-integer zero leaves ± ½ for the correction.
 */
export function offset(layer: LayerCodes, reference: Reference = "dummy", subtraction: Subtraction = "array"): SlicedLayer {
  const { name, groups, cellBits, bits, signed, codes } = layer;
  const shift = signed ? 2 ** (bits - 1) : 0, zero = layer.zero + shift;
  const widths = layer.sliceBits === undefined ? sliceWidths(bits, cellBits) : chosenWidths(name, bits, layer.sliceBits);
  const factors = widthWeights(widths), levels = cut(codes.data, codes.shape, widths, (code) => code + shift);
  const shared = { name, scheme: "offset", cellBits, bits, groups, multiplier: 1 } as const;
  const dummy = reference === "dummy";
  if (!dummy || subtraction === "array") {
    return {
      ...shared,
      slices: levels,
      sliceBits: widths,
      sliceWeights: factors,
      mid: widths.map((width) => dummy ? (2 ** width - 1) / 2 : 0),
      correction: (dummy ? (2 ** bits - 1) / 2 : 0) - zero + 0,
    };
  }
  const unit = Math.min(Math.max(roundHalfEven(zero), 0), 2 ** bits - 1);
  const data = new Uint8Array(2 * levels.data.length), size = codes.data.length;
  data.set(levels.data);
  widths.forEach((width, k) => {
    const from = levels.data.length + k * size;
    data.fill(Math.floor(unit / factors[k]!) % 2 ** width, from, from + size);
  });
  return {
    ...shared,
    slices: { shape: [2 * widths.length, ...codes.shape], data },
    sliceBits: [...widths, ...widths],
    sliceWeights: [...factors, ...factors.map((factor) => -factor)],
    mid: new Array<number>(2 * widths.length).fill(0),
    correction: unit - zero,
    units: widths.length,
  };
}
