// The schemes as decompositions, and the converter range that holds every sum they can give.

import { balanced } from "../../decompose/balanced.ts";
import type { LayerDecomposeOptions } from "../../decompose/options.ts";
import type { SlicedLayer } from "../../decompose/sliced.ts";
import { twosComplement } from "../../decompose/twos_complement.ts";
import type { WeightCodes } from "../../quantize/quantizer.ts";
import { levelsOf, type Pim, type PimScheme } from "./options.ts";

/** How `decompose` cuts a layer's codes under a scheme: all magnitude bits in one cell, or single bits. */
export function schemeOptions(scheme: PimScheme, codes: WeightCodes): LayerDecomposeOptions {
  if (scheme === "bit-serial") return { scheme: "twosComplement", cellBits: 1 };
  const shared = { scheme: "balanced", cellBits: magnitudeBits(codes) } as const;
  return scheme === "native" ? shared : { ...shared, subtraction: "digital" };
}

/** Cuts a layer's codes as {@linkcode schemeOptions} says. */
export function sliceLayer(name: string, groups: number, scheme: PimScheme, codes: WeightCodes): SlicedLayer {
  const { bits, signed, zero, codes: { shape, data } } = codes,
    [out, depth, height = 1, width = 1] = shape as [number, number, number?, number?];
  const { cellBits = 1, subtraction = "array" } = schemeOptions(scheme, codes);
  const layer = { name, groups, cellBits, bits, signed, zero, codes: { shape: [out, depth, height, width], data } };
  return scheme === "bit-serial" ? twosComplement(layer) : balanced(layer, { subtraction });
}

/** Bits of the largest magnitude; a half-integer zero doubles codes. The lowest signed code counts only where it occurs. */
function magnitudeBits({ bits, signed, zero, codes }: WeightCodes): number {
  if (!Number.isInteger(zero)) return bits;
  const lowest = -(2 ** (bits - 1));
  if (signed && zero === 0) return Math.max(1, codes.data.includes(lowest) ? bits : bits - 1);
  return Math.max(1, 32 - Math.clz32(Math.max(zero, 2 ** bits - 1 - zero)));
}

/**
 * Limits [lo, hi] of a converter that holds every sum of `rows` cells, in cell-level sums: Δ = FS / (2^b − 1) with FS = 2N(2^(w−1) − 1)(2^m − 1) for native,
 * N(2^m − 1) for bit-serial and N(2^(w−1) − 1)(2^m − 1) for differential (w weight bits, m input bits at once), and a level at 0.
 *
 * @param bits Bits of the weight codes.
 * @param integer Whether their zero is an integer; otherwise codes are doubled and reach 2^w − 1.
 */
export function maximumRange(
  { scheme, rows, digitBits, adcBits }: Pim,
  bits: number,
  integer: boolean,
  inputBits: number,
): [number, number] {
  const levels = levelsOf(adcBits), digit = 2 ** Math.min(digitBits, inputBits) - 1;
  const weight = scheme === "bit-serial" ? 1 : Math.max(1, integer ? 2 ** (bits - 1) - 1 : 2 ** bits - 1);
  const step = (scheme === "native" ? 2 : 1) * rows * weight * digit / (levels - 1);
  const lo = scheme === "native" ? -Math.floor(levels / 2) * step : 0;
  return [lo, lo + (levels - 1) * step];
}
