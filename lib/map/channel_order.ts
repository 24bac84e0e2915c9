// Unfolded rows channel by channel, as PyTorch flattens weights; arrays and cycles stay what they are.

import type { Mapping } from "./placement.ts";

/** The same mapping with the rows of each pattern in the order channel, kernel row, kernel column; row tiles are cut at the same heights. */
export function channelOrder(mapping: Mapping): Mapping {
  return {
    ...mapping,
    place: () => {
      const placement = mapping.place();
      const patterns = placement.patterns.map((pattern) => {
        const { rows } = pattern;
        const order = Array.from({ length: rows.length / 3 }, (_, row) => row).sort((a, b) =>
          rows[3 * a + 2]! - rows[3 * b + 2]! || rows[3 * a]! - rows[3 * b]! || rows[3 * a + 1]! - rows[3 * b + 1]!
        );
        return { ...pattern, rows: Int32Array.from({ length: rows.length }, (_, at) => rows[3 * order[Math.floor(at / 3)]! + at % 3]!) };
      });
      return { ...placement, patterns };
    },
  };
}
