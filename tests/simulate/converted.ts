// A layer through its arrays as they stand: every activation, input digit and physical column, with real converter values. The oracle of placed layers.

import { adcCode, type ResolvedAdc } from "../../lib/circuit/adc.ts";
import { activations, tapOf } from "../../lib/map/activations.ts";
import { arrayLevels } from "../../lib/map/executor.ts";
import { columnLayout, physicalColumn } from "../../lib/map/layout.ts";
import type { MappedLayer } from "../../lib/map/mapped.ts";
import { elements } from "../../lib/tensor.ts";

/** What a layer makes of one image, and what its converters see. */
export interface Converted {
  /** multiplier · Σ x · (code − zero) as converted, `[height, width, out]`. */
  readonly output: Float64Array;
  /** How often each cell-level sum was converted. */
  readonly seen: Map<number, number>;
}

/** Runs one image of codes `[height, width, channels]`. */
export function converted(layer: MappedLayer, input: Uint8Array, adc: ResolvedAdc, inputBits: number, digitBits: number): Converted {
  const { sliced, placement } = layer;
  const { kernel, stride, padding, dilation, groups, inputShape: [height, width, channels], outputShape } = placement.geometry;
  const [outHeight, outWidth, out] = outputShape;
  const layout = columnLayout(sliced), { pair, dummies, dummyOf } = layout;
  const output = new Float64Array(elements(outputShape)), seen = new Map<number, number>();
  const arrays = new Map(layer.arrays.map((array) => [`${array.pattern},${array.tile},${array.columnTile}`, array]));
  const levelsOf = new Map(layer.arrays.map((array) => [array, arrayLevels(layer, array)]));
  for (const { pattern, index, origin, rowTile, columnTile } of activations(placement)) {
    const array = arrays.get(`${index},${rowTile},${columnTile}`)!, levels = levelsOf.get(array)!, wide = array.physicalColumns;
    const y = pattern.origins[2 * origin]!, x = pattern.origins[2 * origin + 1]!;
    const place = (list: Int32Array, at: number) => [list[3 * at]!, list[3 * at + 1]!, list[3 * at + 2]!] as const;
    const lines = Array.from({ length: array.rows }, (_, row) => {
      const [dy, dx, channel] = place(pattern.rows, array.firstRow + row);
      const v = y * stride[0] - padding[0] + dy, h = x * stride[1] - padding[1] + dx;
      return v >= 0 && v < height && h >= 0 && h < width ? input[(v * width + h) * channels + channel]! : 0;
    });
    for (let column = 0; column < array.columns; column++) {
      const [dy, dx, channel] = place(pattern.columns, array.firstColumn + column);
      if (y + dy < 0 || y + dy >= outHeight || x + dx < 0 || x + dx >= outWidth) continue;
      const shared = lines.filter((_, row) => {
        const at = array.firstRow + row, [ry, rx, input] = place(pattern.rows, at);
        return Math.floor(input * groups / channels) === Math.floor(channel * groups / out) &&
          pattern.blocks?.rows[at] === pattern.blocks?.columns[array.firstColumn + column] &&
          tapOf(ry, dy, stride[0], dilation[0], kernel[0]) >= 0 && tapOf(rx, dx, stride[1], dilation[1], kernel[1]) >= 0;
      });
      if (shared.length === 0) continue;
      let sum = sliced.correction * shared.reduce((total, x) => total + x, 0);
      for (let shift = 0; shift < inputBits; shift += digitBits) {
        for (const slice of array.slices) {
          const physical = physicalColumn(layout, wide, column, slice);
          const bitline = (at: number) =>
            lines.reduce((total, x, row) => total + ((x >> shift) & (2 ** digitBits - 1)) * levels[row * wide + at]!, 0);
          const dummy = dummyOf[slice]! < 0 ? 0 : bitline(wide - dummies.length + dummyOf[slice]!);
          const value = bitline(physical) - (pair === 2 ? bitline(physical + 1) : 0) - dummy;
          seen.set(value, (seen.get(value) ?? 0) + 1);
          sum += 2 ** shift * sliced.sliceWeights[slice]! * (adc.lo + adc.step * adcCode(adc, value));
        }
      }
      output[((y + dy) * outWidth + x + dx) * out + channel]! += sum;
    }
  }
  return { output, seen };
}
