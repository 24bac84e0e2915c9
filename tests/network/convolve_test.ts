import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../lib/errors.ts";
import { convolve } from "../../lib/network/convolve.ts";
import { hash } from "../../lib/random.ts";
import { elements, type Tensor, tensor } from "../../lib/tensor.ts";

function integers(seed: number, shape: readonly number[]): Tensor<Int32Array> {
  return tensor(Int32Array.from({ length: elements(shape) }, (_, index) => hash(seed, index) % 31 - 15), shape);
}

/** The textbook definition, element by element. */
function brute(
  input: Tensor<Int32Array>,
  weight: Tensor<Int32Array>,
  bias: Tensor<Int32Array> | undefined,
  window: Parameters<typeof convolve>[3],
) {
  const [n, h, w, c] = input.shape as [number, number, number, number];
  const [out, depth, kh, kw] = weight.shape as [number, number, number, number];
  const [sy, sx] = window.stride, [py, px] = window.padding, [dy, dx] = window.dilation;
  const rows = Math.floor((h + 2 * py - dy * (kh - 1) - 1) / sy) + 1;
  const columns = Math.floor((w + 2 * px - dx * (kw - 1) - 1) / sx) + 1;
  const result: number[] = [];
  for (let i = 0; i < n; i++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        for (let o = 0; o < out; o++) {
          let sum = bias?.data[o] ?? 0;
          for (let k = 0; k < depth; k++) {
            for (let ky = 0; ky < kh; ky++) {
              for (let kx = 0; kx < kw; kx++) {
                const [iy, ix] = [y * sy - py + ky * dy, x * sx - px + kx * dx];
                const channel = Math.floor(o / (out / window.groups)) * depth + k;
                if (iy >= 0 && iy < h && ix >= 0 && ix < w) {
                  sum += input.data[((i * h + iy) * w + ix) * c + channel]! * weight.data[((o * depth + k) * kh + ky) * kw + kx]!;
                }
              }
            }
          }
          result.push(sum);
        }
      }
    }
  }
  return { shape: [n, rows, columns, out], data: Float64Array.from(result) };
}

Deno.test("convolve() equals the textbook definition on random shapes", () => {
  for (let trial = 0; trial < 60; trial++) {
    const pick = (what: number, least: number, most: number): number => least + hash(trial, what) % (most - least + 1);
    const groups = pick(0, 1, 3);
    const [depth, perGroup, kh, kw] = [pick(1, 1, 5), pick(2, 1, 6), pick(3, 1, 3), pick(4, 1, 3)];
    const window = {
      groups,
      stride: [pick(5, 1, 3), pick(6, 1, 3)],
      padding: [pick(7, 0, 3), pick(8, 0, 3)],
      dilation: [pick(9, 1, 2), pick(10, 1, 2)],
    } as const;
    const input = integers(trial, [2, pick(11, 5, 8), pick(12, 5, 8), groups * depth]);
    const weight = integers(trial + 1000, [groups * perGroup, depth, kh, kw]);
    const bias = trial % 2 === 0 ? integers(trial + 2000, [groups * perGroup]) : undefined;
    assertEquals(convolve(input, weight, bias, window), brute(input, weight, bias, window));
  }
});

Deno.test("convolve() throws on shapes that do not fit", () => {
  const window = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 2 } as const;
  const input = integers(0, [1, 2, 2, 4]);
  assertThrows(() => convolve(input, integers(1, [2, 4, 1, 1]), undefined, window), ShapeError, "4 input channels in 2 group(s)");
  assertThrows(() => convolve(input, integers(1, [3, 2, 1, 1]), undefined, window), ShapeError, "weight");
  assertThrows(() => convolve(input, integers(1, [2, 2, 3, 3]), undefined, window), ShapeError, "within the padded input");
  assertThrows(() => convolve(input, integers(1, [2, 2, 1, 1]), integers(1, [3]), window), ShapeError, "bias");
  assertThrows(() => convolve(integers(0, [2, 2, 4]), integers(1, [2, 2, 1, 1]), undefined, window), ShapeError, "four axes");
});
