// Placements against direct convolution on random layers: nothing dropped, nothing counted twice.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { decompose, type DecomposeOptions } from "../../lib/decompose/decompose.ts";
import { MappingError, OptionError, ShapeError } from "../../lib/errors.ts";
import type { Conv } from "../../lib/network/graph.ts";
import { arrayLevels, coverage, execute } from "../../lib/map/executor.ts";
import { geometryOf } from "../../lib/map/geometry.ts";
import { map, mapLayer, type MapOptions } from "../../lib/map/map.ts";
import { prove } from "../../lib/map/prove.ts";
import type { WeightCodes } from "../../lib/quantize/quantizer.ts";
import { hash } from "../../lib/random.ts";
import type { Geometry } from "../../lib/simulate/program.ts";
import { quantizedLayer, randomCodes } from "../decompose/quantized.ts";
import { windows } from "./windows.ts";

/** Plain convolution of input codes with code − zero. */
function convolve(input: Int32Array, weights: WeightCodes, geometry: Geometry): Float64Array {
  const { stride, padding, dilation, groups, inputShape: [height, width, all], outputShape: [outHeight, outWidth, out] } = geometry;
  const [, channels, kh, kw] = weights.codes.shape as [number, number, number, number];
  const output = new Float64Array(outHeight * outWidth * out);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let o = 0; o < out; o++) {
        let sum = 0;
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < kh; i++) {
            for (let j = 0; j < kw; j++) {
              const v = y * stride[0] - padding[0] + i * dilation[0], h = x * stride[1] - padding[1] + j * dilation[1];
              if (v < 0 || v >= height || h < 0 || h >= width) continue;
              const channel = Math.floor(o / (out / groups)) * channels + c;
              sum += input[(v * width + h) * all + channel]! * (weights.codes.data[((o * channels + c) * kh + i) * kw + j]! - weights.zero);
            }
          }
        }
        output[(y * outWidth + x) * out + o] = sum;
      }
    }
  }
  return output;
}

const SCHEMES: DecomposeOptions[] = [{}, { reference: "digital" }, { scheme: "balanced" }, { scheme: "twosComplement" }];

Deno.test("map() places random layers so that their arrays compute the convolution exactly", () => {
  for (let seed = 0; seed < 120; seed++) {
    const draw = (counter: number, low: number, high: number) => low + hash(seed, counter) % (high - low + 1);
    const pair = (counter: number, low: number, high: number): [number, number] => [draw(counter, low, high), draw(counter + 1, low, high)];
    const groups = draw(0, 1, 3), channels = draw(1, 1, 7), perGroup = draw(2, 1, 5);
    const kernel = pair(3, 1, 3), stride = pair(5, 1, 2), padding = pair(7, 0, 2), dilation = pair(9, 1, 2), size = pair(11, 5, 7);
    const bits = draw(13, 1, 6), cellBits = draw(14, 1, 4), signed = draw(15, 0, 1) === 1;
    const weights = randomCodes([groups * perGroup, channels, ...kernel], bits, signed, seed);
    const quantized = quantizedLayer(weights, { stride, padding, dilation, groups, image: size });
    const conv = quantized.network.layers[0] as Conv;
    const extent = (axis: 0 | 1) =>
      Math.floor((size[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
    const geometry = geometryOf(conv, [...size, groups * channels], [extent(0), extent(1), groups * perGroup]);
    const input = Int32Array.from({ length: size[0] * size[1] * groups * channels }, (_, i) => hash(seed, 16, i) % 16);

    const options: MapOptions = {
      rows: draw(17, 1, 20),
      columns: draw(18, 15, 40),
      ...[
        { algorithm: "im2col" },
        { algorithm: "im2col", order: "channel" },
        { algorithm: "kernel" },
        { algorithm: "vw-sdk" },
        { algorithm: "smd" },
        { algorithm: "sdk" },
        { algorithm: "best" },
        { algorithm: windows },
      ][draw(19, 0, 7)] as MapOptions,
    };
    const layer = map(decompose(quantized, { cellBits, ...SCHEMES[seed % 4] }), options).layer("layer");
    const once = ["im2col", "kernel"].includes(layer.method);
    assert(coverage(layer).every((count) => once ? count === 1 : count >= 1));
    assert(layer.arrays.every((array) => array.rows <= options.rows! && array.physicalColumns <= options.columns!));
    assert(layer.utilisation > 0 && layer.utilisation <= 1);
    assertEquals(prove(layer.placement).cycles, layer.cycles, `seed ${seed}`);
    const expected = convolve(input, weights, geometry).map((sum) => layer.sliced.multiplier * sum);
    assertEquals(execute(layer, input), expected, `seed ${seed}`);
  }
});

Deno.test("map() counts arrays, columns and cells of a layer worked by hand", () => {
  const quantized = quantizedLayer(randomCodes([64, 160, 3, 3], 4, false, 1));
  // 31 weight columns of 4 slices and a dummy column fit 128 columns: 31 + 31 + 2; 1440 rows: 11 tiles of 128 and one of 32.
  const unfolded = map(decompose(quantized), { algorithm: "im2col" }).layer("layer");
  assertEquals(unfolded.arrays.length, 12 * 3);
  assertEquals(unfolded.arrays.slice(0, 3).map(({ physicalColumns }) => physicalColumns), [125, 125, 9]);
  assertEquals(unfolded.utilisation, 1440 * (125 + 125 + 9) / (36 * 128 * 128));
  const kernel = map(decompose(quantized), { algorithm: "kernel" }).layer("layer");
  assertEquals(kernel.placement.patterns[0]!.rowTiles.slice(0, 4), [0, 128, 160, 288]);
  assertEquals(kernel.arrays.length, 18 * 3);
  // A pair per slice and no dummy column: ⌊128 / 8⌋ = 16 weight columns.
  const balanced = map(decompose(quantized, { scheme: "balanced" }), { algorithm: "im2col" });
  assertEquals(balanced.layer("layer").arrays[0]!.columns, 16);
});

Deno.test("map() gives a remainder slice a dummy column of its own level", () => {
  const layer = map(decompose(quantizedLayer(randomCodes([1, 2], 4, false, 1)), { cellBits: 3 }), { algorithm: "im2col" }).layer("layer");
  const array = layer.arrays[0]!;
  assertEquals(array.physicalColumns, 4);
  const levels = arrayLevels(layer, array);
  assertEquals([...levels.slice(2, 4), ...levels.slice(6, 8)], [3.5, 0.5, 3.5, 0.5]);
});

Deno.test("map() leaves cells at mid level where a row and a column share no weight", () => {
  const quantized = quantizedLayer(randomCodes([2, 1, 1, 2], 4, false, 1), { image: [1, 5] });
  const layer = map(decompose(quantized, { cellBits: 4 }), { algorithm: windows }).layer("layer");
  const [array] = layer.arrays, levels = arrayLevels(layer, array!);
  assertEquals([array!.rows, array!.columns, array!.weights], [6, 8, 16]); // a window of 2 × 3 pixels, 4 outputs (two below the image) of 2 channels
  assertEquals([0, 2, 4, 6].map((column) => levels[2 * 9 + column] === 7.5), [true, false, true, true]);
  assertEquals(layer.utilisation, (16 + 6) / 128 ** 2);
});

Deno.test("map() counts the cycles of every algorithm on one layer", () => {
  const quantized = quantizedLayer(randomCodes([8, 4, 3, 3], 1, false, 1), { image: [10, 10] });
  const cycles = (algorithm: MapOptions["algorithm"]) =>
    map(decompose(quantized), { rows: 80, columns: 33, algorithm: algorithm! }).layer("layer").cycles;
  // 36 rows and 8 of 32 columns: SMD takes two outputs at once, SDK and VW-SDK four in a window of 4 × 4 pixels.
  assertEquals((["im2col", "kernel", "smd", "sdk", "vw-sdk", "vwc-sdk", "best"] as const).map(cycles), [64, 576, 32, 16, 16, 16, 16]);
});

Deno.test("map() refuses impossible arrays and unknown options", () => {
  const sliced = decompose(quantizedLayer(randomCodes([2, 2], 4, false, 1)));
  assertThrows(() => map(sliced, { rows: 0 }), MappingError, "map.rows");
  assertThrows(() => map(sliced, { columns: 1.5 }), MappingError, "map.columns");
  assertThrows(() => map(sliced, { columns: 4 }), MappingError, "at least 5");
  assertThrows(() => map(sliced, { row: 1 } as MapOptions), OptionError, "map.row");
  assertThrows(() => map(sliced, { algorithm: "winograd" } as unknown as MapOptions), OptionError, "map.algorithm");
  assertThrows(() => map(sliced, { algorithm: "kernel", order: "position" }), OptionError, "map.order");
  assertThrows(() => map(sliced, { order: "row" } as unknown as MapOptions), OptionError, "map.order");
  assertThrows(() => map(sliced, { algorithm: windows, order: "position" }), OptionError, "map.order");
  assertThrows(() => map(sliced).layer("other"), OptionError, "one of layer");
  const geometry = { ...map(sliced).layer("layer").placement.geometry, outputShape: [1, 1, 3] } as const;
  assertThrows(() => mapLayer(sliced.layer("layer"), geometry), ShapeError, "weights [2,2,1,1]");
});

Deno.test("geometryOf() and execute() refuse shapes that do not fit", () => {
  const quantized = quantizedLayer(randomCodes([2, 3, 3, 3], 4, false, 1));
  const conv = quantized.network.layers[0] as Conv;
  assertThrows(() => geometryOf(conv, [5, 5, 3], [5, 5, 2]), ShapeError, "output [3,3,2]");
  assertThrows(() => execute(map(decompose(quantized)).layer("layer"), new Int32Array(10)), ShapeError, "10 codes");
  const linear = { op: "linear", name: "fc", inputs: ["input"], features: 4, bias: false } as const;
  assertEquals(geometryOf(linear, [2, 2, 3], [1, 1, 4]).inputShape, [1, 1, 12]);
});
