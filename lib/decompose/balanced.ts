// Balanced pairs: magnitude digits as the difference of two cells, so that small weights need little current; one pair for a digit, or several.

import type { Subtraction } from "./offset.ts";
import { chosenWidths, sliceWidths, widthWeights } from "./slice.ts";
import type { LayerCodes, SlicedLayer } from "./sliced.ts";

/** Which cells of a pair move: the one of the weight's sign, the other staying at level 0, or both, about the middle. */
export type Sides = "one" | "two";

/** How pairs of cells hold a weight. */
export interface PairOptions {
  /** Which cells move; default "one". */
  readonly sides?: Sides;
  /** Where the pair is subtracted; default "array". */
  readonly subtraction?: Subtraction;
  /** Pairs of equal significance that share each digit, so that errors of their cells average; default: one, scheme "balanced". */
  readonly pairs?: number;
}

/**
 * Puts the magnitude of code − zero into the difference of positive and negative cells.
 *
 * A half-integer zero doubles all codes (`multiplier` 2): 4-bit DoReFa weights become odd integers −15 … 15. Magnitudes have as many bits as the
 * code range needs; the most negative code of a signed quantizer only counts where it occurs, so symmetric n-bit codes take n − 1 bits.
 *
 * A digit ±d of a slice whose cells reach level L stands one-sided as d and 0, two-sided as ⌊(L + d) / 2⌋ and ⌊(L − d) / 2⌋, whose difference is exactly
 * d since L + d and L − d are both even or both odd.
 *
 * With N pairs, digits are as wide as N cells together reach, 2^b − 1 ≤ N · (2^cellBits − 1), and pair n takes ⌊(d + N − 1 − n) / N⌋ of d: the shares
 * differ by at most one level and L = ⌈(2^b − 1) / N⌉. Every pair, and with digital subtraction every cell, is converted by itself.
 */
export function balanced(layer: LayerCodes, options: PairOptions = {}): SlicedLayer {
  const { name, groups, cellBits, bits, signed, zero, codes } = layer;
  const { sides = "one", subtraction = "array", pairs: count = 1 } = options;
  const multiplier = Number.isInteger(zero) ? 1 : 2;
  const lowest = signed ? -(2 ** (bits - 1)) : 0;
  const lowestUsed = signed && !codes.data.includes(lowest) ? Math.min(lowest + 1, 0) : lowest;
  const largest = multiplier * Math.max(zero - lowestUsed, lowest + 2 ** bits - 1 - zero);
  const width = Math.max(1, 32 - Math.clz32(largest));
  const widest = Math.floor(Math.log2(count * (2 ** cellBits - 1) + 1));
  const widths = layer.sliceBits === undefined ? sliceWidths(width, widest) : chosenWidths(name, width, layer.sliceBits);
  const factors = widthWeights(widths), tops = widths.map((bits) => Math.ceil((2 ** bits - 1) / count));

  const digital = subtraction === "digital", size = codes.data.length, lines = widths.length * count;
  const positive = new Uint8Array((digital ? 2 : 1) * lines * size), negative = digital ? positive : new Uint8Array(lines * size);
  const range = 2 ** bits, up = new Uint8Array(range), down = new Uint8Array(range);
  for (let k = 0; k < widths.length; k++) {
    for (let pair = 0; pair < count; pair++) {
      for (let index = 0; index < range; index++) {
        const weight = multiplier * (index + lowest - zero), digit = Math.floor(Math.abs(weight) / factors[k]!) % 2 ** widths[k]!;
        const share = Math.floor((digit + count - 1 - pair) / count), difference = weight < 0 ? -share : share;
        up[index] = sides === "one" ? Math.max(difference, 0) : (tops[k]! + difference) >> 1;
        down[index] = sides === "one" ? Math.max(-difference, 0) : (tops[k]! - difference) >> 1;
      }
      const line = k * count + pair, from = (digital ? 2 * line : line) * size;
      look(codes.data, lowest, up, positive, from);
      look(codes.data, lowest, down, negative, digital ? from + size : from);
    }
  }

  /** Repeats what is known per digit for every line of it; `sign` is −1 for lines of negative cells. */
  const spread = (value: (k: number, sign: number) => number) =>
    widths.flatMap((_, k) => Array.from({ length: count }, () => digital ? [value(k, 1), value(k, -1)] : [value(k, 1)]).flat());
  const shape = [(digital ? 2 : 1) * lines, ...codes.shape];
  return {
    name,
    scheme: options.pairs === undefined ? "balanced" : "pairs",
    cellBits,
    bits,
    groups,
    slices: { shape, data: positive },
    ...(digital ? {} : { negative: { shape, data: negative } }),
    sliceBits: spread((k) => 32 - Math.clz32(tops[k]!)),
    sliceWeights: spread((k, sign) => sign * factors[k]!),
    mid: spread(() => 0),
    ...(options.pairs === undefined ? {} : { levels: spread((k) => tops[k]!) }),
    correction: 0,
    multiplier,
  };
}

/** Writes the level that stands for each code. */
function look(codes: Int16Array, lowest: number, levels: Uint8Array, to: Uint8Array, from: number): void {
  for (let i = 0; i < codes.length; i++) to[from + i] = levels[codes[i]! - lowest]!;
}
