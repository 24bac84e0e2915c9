// Groups taken together: the same sums, bit for bit.

import { assert, assertEquals } from "@std/assert";
import { convolve, tensor } from "../../../mod.ts";
import { mergeGroups } from "../../../lib/simulate/cpu/merge_groups.ts";
import type { Geometry } from "../../../lib/simulate/program.ts";
import { draws } from "../random_program.ts";

/** `[groups][rows][columns]` as convolve() takes weights, `[out, in / groups, height, width]`. */
function kernels({ geometry, weights }: { readonly geometry: Geometry; readonly weights: Float32Array | Int16Array }): Float32Array {
  const { groups, kernel: [height, width], inputShape, outputShape } = geometry, depth = inputShape[2] / groups;
  const columns = outputShape[2] / groups, rows = height * width * depth, out = new Float32Array(weights.length);
  weights.forEach((weight, at) => {
    const column = at % columns, row = Math.floor(at / columns) % rows, group = Math.floor(at / columns / rows);
    const channel = row % depth, position = Math.floor(row / depth);
    out[((group * columns + column) * depth + channel) * height * width + position] = weight;
  });
  return out;
}

Deno.test("mergeGroups() leaves every sum as it is, for random grouped convolutions", () => {
  let merged = 0;
  for (let seed = 0; seed < 60; seed++) {
    const random = draws(900 + seed), groups = random.pick([1, 2, 3, 5, 6, 8, 16, 24, 34]), depth = random.integer(1, 3);
    const columns = random.integer(1, 9), size = random.integer(3, 5), kernel = [random.integer(1, 3), random.integer(1, 3)] as const;
    const geometry: Geometry = {
      ...{ kernel, stride: [1, 1], padding: [1, 0], dilation: [1, 1], groups, inputShape: [size, size, groups * depth] },
      outputShape: [size + 3 - kernel[0], size + 1 - kernel[1], groups * columns],
    };
    const count = groups * kernel[0] * kernel[1] * depth * columns;
    const weights = random.chance(0.5)
      ? Float32Array.from({ length: count }, () => random.integer(-999, 999) / 7)
      : Int16Array.from({ length: count }, () => random.integer(-99, 99));
    const input = tensor(Float32Array.from({ length: size * size * groups * depth }, () => random.integer(0, 255)), [
      1,
      size,
      size,
      groups * depth,
    ]);
    const run = (made: { readonly geometry: Geometry; readonly weights: Float32Array | Int16Array }) => {
      const { geometry: { groups, outputShape } } = made, [height, width] = kernel;
      const shape = [outputShape[2], input.shape[3]! / groups, height, width];
      return convolve(input, tensor(kernels(made), shape), undefined, made.geometry).data;
    };
    const found = mergeGroups<Float32Array | Int16Array>(geometry, weights), together = groups / found.geometry.groups;
    assert(Number.isInteger(together) && (together === 1 || together * columns <= 16));
    if (together > 1) merged++;
    else assertEquals(found.weights, weights);
    assertEquals(run(found), run({ geometry, weights }), `seed ${seed}`);
  }
  assert(merged > 20);
});
