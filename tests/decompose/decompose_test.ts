// Slices against the worked example, and the identity back to the codes for every width, cell and scheme.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { decompose, type DecomposeOptions } from "../../lib/decompose/decompose.ts";
import { effectiveCells } from "../../lib/decompose/effective_cells.ts";
import { digits, sliceWidths } from "../../lib/decompose/slice.ts";
import type { SlicedLayer } from "../../lib/decompose/sliced.ts";
import { OptionError, ShapeError } from "../../lib/errors.ts";
import type { WeightCodes } from "../../lib/quantize/quantizer.ts";
import { hash, permutation } from "../../lib/random.ts";
import { quantizedLayer, randomCodes } from "./quantized.ts";

function slice(weights: WeightCodes, options?: DecomposeOptions, groups = 1): SlicedLayer {
  return decompose(quantizedLayer(weights, { groups }), options).layer("layer");
}

const SCHEMES: DecomposeOptions[] = [{ scheme: "offset" }, { scheme: "offset", reference: "digital" }, { scheme: "balanced" }, {
  scheme: "twosComplement",
}];

Deno.test("decompose() reproduces the worked example", () => {
  const codes = { shape: [3, 3, 1, 1], data: new Int16Array([7, 8, 8, 8, 8, 8, 8, 7, 7]) };
  const layer = slice({ codes, bits: 4, signed: false, zero: 7.5, scale: 2 / 15 }, { cellBits: 1 });
  const low = [1, 0, 0, 0, 0, 0, 0, 1, 1], high = [0, 1, 1, 1, 1, 1, 1, 0, 0];
  assertEquals([...layer.slices.data], [...low, ...low, ...low, ...high]);
  assertEquals(layer.slices.shape, [4, 3, 3, 1, 1]);
  assertEquals(layer.sliceWeights, [1, 2, 4, 8]);
  assertEquals(layer.mid, [0.5, 0.5, 0.5, 0.5]);
  assertEquals(layer.correction, 0);
});

Deno.test("decompose() keeps the identity exact for all widths, cells and schemes", () => {
  for (const options of SCHEMES) {
    for (let bits = 1; bits <= 8; bits++) {
      for (let cellBits = 1; cellBits <= 8; cellBits++) {
        for (const signed of [false, true]) {
          const weights = randomCodes([3, 5, 2, 2], bits, signed, hash(bits, cellBits));
          const layer = slice(weights, { ...options, cellBits });
          const size = weights.codes.data.length;
          const { cells, unit, limit } = effectiveCells(layer);
          assertEquals(layer.slices.shape, [layer.sliceWeights.length, 3, 5, 2, 2]);
          assertEquals(layer.sliceBits.length, layer.sliceWeights.length);
          assert(cells.every((cell) => Math.abs(cell) <= limit));
          assert(limit <= 127 || cellBits === 8);
          for (const [i, code] of weights.codes.data.entries()) {
            let sum = layer.correction;
            for (const [k, weight] of layer.sliceWeights.entries()) {
              const level = layer.slices.data[k * size + i]!, negative = layer.negative?.data[k * size + i] ?? 0;
              assert(level < 2 ** layer.sliceBits[k]! && negative < 2 ** layer.sliceBits[k]! && layer.sliceBits[k]! <= cellBits);
              assert(layer.negative === undefined || level === 0 || negative === 0);
              sum += weight * (level - negative - layer.mid[k]!);
            }
            assertEquals(sum, layer.multiplier * (code - weights.zero));

            const o = Math.floor(i / 20), channel = Math.floor(i / 4) % 5, position = i % 4;
            const row = position * 5 + channel;
            const combined = layer.sliceWeights.reduce((total, weight, k) => total + weight * cells[(k * 20 + row) * 3 + o]!, 0);
            assertEquals(combined * unit + layer.correction, sum);
          }
        }
      }
    }
  }
});

Deno.test("decompose() doubles DoReFa codes for balanced pairs and needs one bit less for symmetric signed ones", () => {
  const dorefa = slice({ codes: { shape: [1, 3], data: new Int16Array([0, 7, 15]) }, bits: 4, signed: false, zero: 7.5, scale: 1 }, {
    scheme: "balanced",
    cellBits: 4,
  });
  assertEquals([...dorefa.slices.data], [0, 0, 15]);
  assertEquals([...dorefa.negative!.data], [15, 1, 0]);
  assertEquals(dorefa.multiplier, 2);
  const symmetric = { shape: [1, 2], data: new Int16Array([-7, 7]) };
  assertEquals(slice({ codes: symmetric, bits: 4, signed: true, zero: 0, scale: 1 }, { scheme: "balanced" }).sliceWeights, [1, 2, 4]);
});

Deno.test("decompose() gives two's complement a sign slice of its own", () => {
  const layer = slice({ codes: { shape: [1, 2], data: new Int16Array([-8, 7]) }, bits: 4, signed: true, zero: 0, scale: 1 }, {
    scheme: "twosComplement",
    cellBits: 2,
  });
  assertEquals(layer.sliceWeights, [1, 4, -8]);
  assertEquals([...layer.slices.data], [0, 3, 0, 1, 1, 0]);
  assertEquals(slice(randomCodes([1, 2], 4, false, 1), { scheme: "twosComplement" }).correction, 0.5);
});

Deno.test("digits() cuts a narrower last digit", () => {
  assertEquals(sliceWidths(5, 2), [2, 2, 1]);
  assertEquals([...digits([27, 6], [2], 5, 2).data], [3, 2, 2, 1, 1, 0]);
});

Deno.test("effectiveCells() follows groups and a given row order", () => {
  const weights = randomCodes([4, 3, 1, 2], 3, false, 5);
  const layer = slice(weights, { cellBits: 8 }, 2);
  const order = new Int32Array(permutation(6, 7));
  const { cells, unit, groups, rows, columns } = effectiveCells(layer, order);
  assertEquals([unit, groups, rows, columns], [0.5, 2, 6, 2]);
  for (let o = 0; o < 4; o++) {
    for (let row = 0; row < 6; row++) {
      const position = Math.floor(order[row]! / 3), channel = order[row]! % 3;
      const code = weights.codes.data[(o * 3 + channel) * 2 + position]!;
      assertEquals(cells[(Math.floor(o / 2) * 6 + row) * 2 + o % 2], 2 * code - 7);
    }
  }
  assertThrows(() => effectiveCells(layer, new Int32Array(5)), ShapeError, "wanted 6");
});

Deno.test("effectiveCells() takes a byte per cell unless a cell could exceed it", () => {
  const weights = randomCodes([4, 3], 8, false, 5);
  const narrow = slice(weights, { cellBits: 7 }), wide = slice(weights, { cellBits: 8 });
  assertEquals([effectiveCells(narrow).limit, effectiveCells(narrow).cells instanceof Int8Array], [127, true]);
  assertEquals([effectiveCells(wide).limit, effectiveCells(wide).cells instanceof Int16Array], [255, true]);
  // Levels beyond their slice's bits, as a stage of one's own could make them, are kept as they are.
  const odd = effectiveCells({ ...narrow, slices: { ...narrow.slices, data: new Uint8Array(24).fill(200) } });
  assertEquals(odd.cells[0], 273);
});

Deno.test("decompose() leaves digital layers out and names those it has", () => {
  const quantized = { ...quantizedLayer(randomCodes([2, 2], 4, false, 1)), digital: ["layer"] };
  const sliced = decompose(quantized);
  assertEquals(sliced.layers, {});
  assertThrows(() => sliced.layer("layer"), OptionError, "runs digitally");
  assertThrows(() => decompose(quantizedLayer(randomCodes([2, 2], 4, false, 1))).layer("other"), OptionError, "one of layer");
});

Deno.test("decompose() refuses unknown options and codes out of range", () => {
  const weights = randomCodes([2, 2], 4, false, 1);
  const wrong: [unknown, string][] = [
    [{ cellbits: 1 }, "decompose.cellbits"],
    [{ cellBits: 0 }, "decompose.cellBits"],
    [{ cellBits: 9 }, "from 1 to 8"],
    [{ scheme: "signed" }, "decompose.scheme"],
    [{ scheme: "balanced", reference: "dummy" }, "decompose.reference"],
    [{ reference: "none" }, '"dummy" or "digital"'],
  ];
  for (const [options, message] of wrong) assertThrows(() => slice(weights, options as DecomposeOptions), OptionError, message);
  assertThrows(() => slice({ ...weights, zero: 7.3 }), OptionError, "half-integer");
  assertThrows(() => slice({ ...weights, codes: { shape: [1, 1], data: new Int16Array([16]) } }), OptionError, "0 … 15");
  assertThrows(() => slice({ ...weights, codes: { shape: [4], data: new Int16Array(4) } }), ShapeError, "layer.weight");
  assertThrows(() => slice({ ...weights, bits: 16 }), OptionError, "from 1 to 15");
});
