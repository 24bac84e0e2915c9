// Pictures brought to the size a network wants: stretched, or scaled and cut to the middle as image classifiers are usually tested.

import { OptionError, ShapeError } from "../errors.ts";
import type { Shape } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { roundHalfEven } from "../quantize/round.ts";
import { type Tensor, tensor } from "../tensor.ts";

/** Options of {@linkcode resizeImages}. */
export interface ResizeOptions {
  /**
   * Cuts instead of stretching: images keep their proportions, the size asked for covers this share of the shorter side (above 0, at most 1) and its middle is
   * taken. 0.875 is what testing on ImageNet does with images of 224 × 224: the shorter side to 256 pixels, then the middle. Default none: images are stretched.
   */
  readonly crop?: number;
}

/** What one output pixel takes of a line: its first input pixel, and the weights of that and the next ones. */
interface Tap {
  readonly from: number;
  readonly weights: Float64Array;
}

/**
 * Images `[n, height, width, channels]` in another size. Bilinear between pixel centres; where images shrink, the filter is a triangle as wide as two output
 * pixels, so that nothing is skipped (as in Pillow, to which results are equal but for rounding). Grey is repeated, colour averaged to grey.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 * @throws {ShapeError} if the channels are neither equal, nor 1 and 3 or 3 and 1.
 *
 * @example
 * ```ts
 * import { resizeImages, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const wide = tensor(Uint8Array.of(9, 0, 100, 9), [1, 1, 4, 1]);
 * assertEquals([...resizeImages(wide, [1, 2, 1]).data], [18, 47]);
 * assertEquals([...resizeImages(wide, [1, 1, 1], { crop: 1 }).data], [100]);
 * ```
 */
export function resizeImages(
  { data, shape }: Tensor<Uint8Array>,
  [height, width, channels]: Shape,
  options: ResizeOptions = {},
): Tensor<Uint8Array> {
  checkOptions("resize images", "options", options, ["crop"]);
  const { crop } = options, [count, rows, columns, from] = shape as [number, number, number, number];
  if (crop !== undefined && !(crop > 0 && crop <= 1)) {
    throw new OptionError("resize images", { where: "options.crop", got: crop, wanted: "a share above 0 and at most 1" });
  }
  if (channels !== from && !(channels === 1 && from === 3 || channels === 3 && from === 1)) {
    throw new ShapeError("resize images", { got: `${from} channels to ${channels}`, wanted: "the same number, 1 to 3, or 3 to 1" });
  }
  const [tall, wide] = crop === undefined ? [height, width] : covering(rows, columns, height, width, crop);
  const down = taps(rows, tall, roundHalfEven((tall - height) / 2), height);
  const across = taps(columns, wide, roundHalfEven((wide - width) / 2), width);
  const out = new Uint8Array(count * height * width * channels);
  const first = down[0]!.from, last = down.at(-1)!.from + down.at(-1)!.weights.length, line = width * from;
  const lines = new Float64Array((last - first) * line), mixed = new Float64Array(line);
  for (let image = 0, to = 0; image < count; image++) {
    for (let row = first; row < last; row++) {
      const start = (image * rows + row) * columns;
      for (let column = 0; column < width; column++) {
        const { from: begin, weights } = across[column]!;
        for (let channel = 0; channel < from; channel++) {
          let sum = 0;
          for (let at = 0; at < weights.length; at++) sum += weights[at]! * data[(start + begin + at) * from + channel]!;
          lines[(row - first) * line + column * from + channel] = sum;
        }
      }
    }
    for (const { from: begin, weights } of down) {
      mixed.fill(0);
      weights.forEach((weight, at) => {
        const start = (begin - first + at) * line;
        for (let place = 0; place < line; place++) mixed[place]! += weight * lines[start + place]!;
      });
      for (let column = 0; column < width; column++) {
        for (let channel = 0; channel < channels; channel++, to++) {
          const place = column * from;
          out[to] = Math.round(
            channels === from
              ? mixed[place + channel]!
              : from === 1
              ? mixed[place]!
              : (mixed[place]! + mixed[place + 1]! + mixed[place + 2]!) / 3,
          );
        }
      }
    }
  }
  return tensor(out, [count, height, width, channels]);
}

/** Size to scale to before the middle is cut out: `height` and `width` lie within the share `crop` of it, and touch that in one direction. */
function covering(rows: number, columns: number, height: number, width: number, crop: number): [number, number] {
  const byRows = height * columns >= width * rows,
    least = (byRows ? height : width) / crop,
    [side, other] = byRows ? [rows, columns] : [columns, rows];
  const scaled = Math.max(byRows ? height : width, Math.round(least));
  const along = Math.max(byRows ? width : height, Math.trunc(scaled * other / side));
  return byRows ? [scaled, along] : [along, scaled];
}

/** Weights of pixels `begin` to `begin + count` of a line of `source` pixels scaled to `size`. */
function taps(source: number, size: number, begin: number, count: number): Tap[] {
  const scale = source / size, reach = Math.max(scale, 1);
  return Array.from({ length: count }, (_, at) => {
    const centre = (begin + at + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach + 0.5)), end = Math.min(source, Math.trunc(centre + reach + 0.5));
    const weights = new Float64Array(end - from).map((_, place) => Math.max(0, 1 - Math.abs((from + place + 0.5 - centre) / reach)));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { from, weights: weights.map((weight) => weight / sum) };
  });
}
