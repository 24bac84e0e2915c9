// Physical columns of pairs, several pairs and unit columns: counted by hand, and summed column by column against the codes.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { decompose, type DecomposeOptions } from "../../lib/decompose/decompose.ts";
import { MappingError } from "../../lib/errors.ts";
import { arrayLevels, coverage, execute } from "../../lib/map/executor.ts";
import { columnLayout } from "../../lib/map/layout.ts";
import { map } from "../../lib/map/map.ts";
import type { MappedLayer } from "../../lib/map/mapped.ts";
import { hash } from "../../lib/random.ts";
import { elements } from "../../lib/tensor.ts";
import { quantizedLayer, randomCodes } from "../decompose/quantized.ts";

Deno.test("map() counts the physical columns of every scheme", () => {
  const quantized = quantizedLayer(randomCodes([64, 20], 4, true, 1));
  const columns = (options: DecomposeOptions) => {
    const layer = map(decompose(quantized, { cellBits: 2, ...options }), { algorithm: "im2col" }).layer("layer");
    assert(layer.arrays.every((array) => array.physicalColumns <= 128));
    return [columnLayout(layer.sliced).perWeight, layer.arrays[0]!.columns, layer.arrays[0]!.physicalColumns];
  };
  assertEquals(columns({}), [2, 63, 127]);
  assertEquals(columns({ subtraction: "digital" }), [2, 63, 128]); // unit columns at levels 0 and 2
  for (const sides of ["one", "two"] as const) {
    assertEquals(columns({ scheme: "balanced", sides }), columns({ scheme: "balanced", sides, subtraction: "digital" }));
    assertEquals(columns({ scheme: "balanced", sides }), [4, 32, 128]);
    assertEquals(columns({ scheme: "pairs", pairs: 3, sides }), [12, 10, 120]); // −8 takes a fourth bit: 2 digits × 3 pairs × 2 cells
    assertEquals(columns({ scheme: "pairs", pairs: 3, sides, subtraction: "digital" }), [12, 10, 120]);
  }
});

Deno.test("map() puts unit columns after those of weights and uses every cell", () => {
  const quantized = quantizedLayer(randomCodes([5, 6], 4, true, 2));
  const layer = map(decompose(quantized, { cellBits: 2, subtraction: "digital" }), { algorithm: "im2col" }).layer("layer");
  const [array] = layer.arrays, levels = arrayLevels(layer, array!);
  assertEquals(array!.physicalColumns, 12);
  for (let row = 0; row < 6; row++) assertEquals([...levels.subarray(12 * row + 10, 12 * row + 12)], [0, 2]);
  assertEquals(layer.utilisation, 6 * 12 / 128 ** 2);
  assert(coverage(layer).every((count) => count === 1));
});

Deno.test("execute() agrees with the codes for every scheme on random layers", () => {
  const schemes: DecomposeOptions[] = [
    { subtraction: "digital" },
    { scheme: "balanced", sides: "two" },
    { scheme: "balanced", subtraction: "digital" },
    { scheme: "balanced", sides: "two", subtraction: "digital" },
    { scheme: "pairs", pairs: 3 },
    { scheme: "pairs", sides: "two", subtraction: "digital" },
    { sliceBits: [1, 3], subtraction: "digital" },
  ];
  for (let seed = 0; seed < 42; seed++) {
    const options = schemes[seed % schemes.length]!, inputs = 1 + hash(seed, 1) % 30, out = 1 + hash(seed, 2) % 9;
    const weights = randomCodes([out, inputs], 4, seed % 2 === 0, seed),
      x = Int32Array.from({ length: inputs }, (_, i) => hash(seed, 3, i) % 16);
    const algorithm = seed % 3 === 0 ? "kernel" : "im2col";
    const layer = map(decompose(quantizedLayer(weights), options), { rows: 1 + hash(seed, 4) % 12, columns: 50, algorithm }).layer("layer");
    const wanted = Float64Array.from({ length: out }, (_, o) => {
      return x.reduce((sum, code, i) => sum + layer.sliced.multiplier * code * (weights.codes.data[o * inputs + i]! - weights.zero), 0);
    });
    assertEquals(execute(layer, x), wanted, `seed ${seed}`);
  }
});

Deno.test("map() keeps arrays full where a unit column sums all rows, and refuses mappings that do not", () => {
  const grouped = quantizedLayer(randomCodes([4, 1, 2, 2], 4, true, 1), { groups: 2 });
  const apart = decompose(grouped, { subtraction: "digital" });
  assertEquals(map(decompose(grouped), { algorithm: "im2col" }).layer("layer").arrays.length, 1);
  assertEquals(map(apart, { algorithm: "im2col" }).layer("layer").arrays.length, 2);
  for (let seed = 0; seed < 12; seed++) {
    const groups = 1 + seed % 2, weights = randomCodes([3 * groups, 1 + seed % 3, 3, 2], 3, seed % 3 === 0, seed);
    const quantized = quantizedLayer(weights, { groups, image: [6, 7], padding: [seed % 2, 1] });
    const options = { rows: 30, columns: 60 };
    const layers = (["array", "digital"] as const).map((subtraction) =>
      map(decompose(quantized, { cellBits: 2, subtraction }), options).layer("layer")
    );
    const [within, full] = layers as [MappedLayer, MappedLayer];
    assert(full.arrays.every((array) => array.weights === array.rows * array.columns) && full.cycles >= within.cycles);
    const input = Int32Array.from({ length: elements(full.placement.geometry.inputShape) }, (_, i) => hash(seed, i) % 16);
    assertEquals(execute(full, input), execute(within, input), `seed ${seed}`);
    const im2col = map(decompose(quantized, { cellBits: 2, subtraction: "digital" }), { ...options, algorithm: "im2col" }).layer("layer");
    assert(full.cycles <= im2col.cycles);
  }
  const plain = decompose(quantizedLayer(randomCodes([2, 1, 3, 3], 4, true, 1), { image: [6, 6] }), { subtraction: "digital" });
  assertThrows(() => map(plain, { algorithm: "vw-sdk" }), MappingError, "decompose.subtraction");
});
