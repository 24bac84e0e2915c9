// Pairs on one side and two, subtraction before and after conversion, several pairs, chosen slices, choices per layer: identities and physical levels.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { balanced, type PairOptions } from "../../lib/decompose/balanced.ts";
import { decompose, type DecomposeOptions } from "../../lib/decompose/decompose.ts";
import { effectiveCells } from "../../lib/decompose/effective_cells.ts";
import { type SlicedLayer, topLevels } from "../../lib/decompose/sliced.ts";
import { OptionError } from "../../lib/errors.ts";
import type { WeightCodes } from "../../lib/quantize/quantizer.ts";
import { hash } from "../../lib/random.ts";
import { randomQuantized } from "../simulate/random_network.ts";
import { quantizedLayer, randomCodes } from "./quantized.ts";

function slice(weights: WeightCodes, options?: DecomposeOptions): SlicedLayer {
  return decompose(quantizedLayer(weights), options).layer("layer");
}

const PAIRS: DecomposeOptions[] = (["balanced", "pairs"] as const).flatMap((scheme) =>
  (["one", "two"] as const).flatMap((sides) =>
    (["array", "digital"] as const).flatMap((subtraction) =>
      (scheme === "balanced" ? [undefined] : [1, 2, 3, 5]).map((pairs): DecomposeOptions => {
        return { scheme, sides, subtraction, ...(pairs === undefined ? {} : { pairs }) };
      })
    )
  )
);

/** Checks levels and the identity of every weight. */
function proves(layer: SlicedLayer, { codes, zero }: WeightCodes): void {
  const size = codes.data.length, tops = topLevels(layer), count = layer.sliceWeights.length;
  assertEquals([layer.slices.shape[0], layer.sliceBits.length, layer.mid.length, tops.length], [count, count, count, count]);
  const { cells, unit, limit } = effectiveCells(layer), [out, inputs] = codes.shape as [number, number];
  assert(cells.every((cell) => Math.abs(cell) <= limit));
  codes.data.forEach((code, i) => {
    let [sum, combined] = [layer.correction, layer.correction];
    layer.sliceWeights.forEach((weight, k) => {
      const level = layer.slices.data[k * size + i]!, negative = layer.negative?.data[k * size + i] ?? 0;
      assert(level <= tops[k]! && negative <= tops[k]! && tops[k]! < 2 ** layer.sliceBits[k]! && layer.sliceBits[k]! <= layer.cellBits);
      sum += weight * (level - negative - layer.mid[k]!);
      combined += weight * unit * cells[(k * inputs + i % inputs) * out + Math.floor(i / inputs)]!;
    });
    assertEquals([sum, combined], [layer.multiplier * (code - zero), sum]);
  });
}

Deno.test("decompose() keeps the identity exact for one and two sides, both subtractions and several pairs", () => {
  for (const [index, options] of PAIRS.entries()) {
    for (let bits = 1; bits <= 8; bits++) {
      for (let cellBits = 1; cellBits <= 8; cellBits++) {
        const weights = randomCodes([3, 7], bits, (bits + cellBits) % 2 === 0, hash(index, bits, cellBits));
        proves(slice(weights, { ...options, cellBits }), weights);
      }
    }
  }
});

Deno.test("decompose() keeps the identity exact for unit columns and slices of any widths", () => {
  const schemes: DecomposeOptions[] = [{}, { reference: "digital" }, { subtraction: "digital" }, { scheme: "twosComplement" }, ...PAIRS];
  for (const [index, options] of schemes.entries()) {
    for (const [seed, sliceBits] of [[1, 2, 3, 3], [4, 1, 4], [3, 3, 3], [6, 3], [1, 1, 1, 6]].entries()) {
      for (const signed of [false, true]) {
        // 8 bits, of which a sign of its own or symmetric magnitudes take one less
        const weights = randomCodes([3, 7], 8, signed, hash(index, seed));
        const layer = slice(weights, { ...options, sliceBits });
        proves(layer, weights);
        const factors = [...new Set(layer.sliceWeights.map(Math.abs))];
        assertEquals(factors.slice(0, 2), [1, 2 ** sliceBits[0]!]);
      }
    }
    for (let bits = 1; bits <= 8; bits++) {
      for (let cellBits = 1; cellBits <= 8; cellBits++) {
        const weights = randomCodes([3, 7], bits, bits % 2 === 0, hash(index, 9, bits, cellBits));
        proves(slice(weights, { ...options, cellBits }), weights);
      }
    }
  }
});

const DOREFA: WeightCodes = { codes: { shape: [1, 4], data: new Int16Array([0, 7, 8, 15]) }, bits: 4, signed: false, zero: 7.5, scale: 1 };
const SIGNED: WeightCodes = { codes: { shape: [1, 4], data: new Int16Array([-7, -2, 0, 5]) }, bits: 4, signed: true, zero: 0, scale: 1 };

Deno.test("balanced() moves both cells about the middle and leaves the difference as it is", () => {
  const odd = slice(DOREFA, { scheme: "balanced", sides: "two", cellBits: 4 }); // −15, −1, 1, 15
  assertEquals([...odd.slices.data], [0, 7, 8, 15]);
  assertEquals([...odd.negative!.data], [15, 8, 7, 0]);
  const any = slice(SIGNED, { scheme: "balanced", sides: "two", cellBits: 3 });
  assertEquals([...any.slices.data], [0, 2, 3, 6]);
  assertEquals([...any.negative!.data], [7, 4, 3, 1]);
  for (const cellBits of [1, 2, 3]) {
    const weights = randomCodes([5, 8], 6, true, cellBits), two = slice(weights, { scheme: "balanced", sides: "two", cellBits });
    const one = slice(weights, { scheme: "balanced", cellBits }), tops = topLevels(two);
    two.slices.data.forEach((level, i) => {
      const sum = level + two.negative!.data[i]!, top = tops[Math.floor(i / 40)]!;
      assert(sum === top || sum === top - 1);
      assertEquals(level - two.negative!.data[i]!, one.slices.data[i]! - one.negative!.data[i]!);
      assert(one.slices.data[i] === 0 || one.negative!.data[i] === 0);
    });
  }
});

Deno.test("balanced() converts each cell by itself where subtraction is digital", () => {
  for (const sides of ["one", "two"] as const) {
    const array = slice(SIGNED, { scheme: "balanced", sides, cellBits: 2 }),
      apart = slice(SIGNED, {
        scheme: "balanced",
        sides,
        subtraction: "digital",
        cellBits: 2,
      });
    assertEquals(apart.negative, undefined);
    assertEquals(apart.sliceWeights, [1, -1, 4, -4]);
    assertEquals(apart.sliceBits, [2, 2, 1, 1]);
    const parts = (data: Uint8Array) => Array.from({ length: data.length / 4 }, (_, k) => [...data.subarray(4 * k, 4 * k + 4)]);
    const [low, high] = parts(array.slices.data), [lowNegative, highNegative] = parts(array.negative!.data);
    assertEquals(parts(apart.slices.data), [low, lowNegative, high, highNegative] as number[][]);
  }
});

Deno.test("balanced() spreads a digit over pairs as evenly as it goes", () => {
  const layer = slice(SIGNED, { scheme: "pairs", pairs: 3, cellBits: 2 }); // 3 · 3 levels hold 3 bits
  assertEquals(layer.sliceWeights, [1, 1, 1]);
  assertEquals([topLevels(layer), layer.sliceBits], [[3, 3, 3], [2, 2, 2]]);
  assertEquals([...layer.slices.data], [0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1]);
  assertEquals([...layer.negative!.data], [3, 1, 0, 0, 2, 1, 0, 0, 2, 0, 0, 0]);
  // Five pairs share 15 levels: 3 each, in cells of two bits.
  assertEquals(topLevels(slice(DOREFA, { scheme: "pairs", pairs: 5, cellBits: 3 })), [3, 3, 3, 3, 3]);
  assertEquals(slice(SIGNED, { scheme: "pairs", cellBits: 2 }).sliceWeights, [1, 1, 4, 4], "two pairs by default");
  const weights = randomCodes([6, 9], 7, true, 3), size = 54;
  for (const pairs of [2, 3, 4, 16]) {
    const { slices, negative, sliceWeights } = slice(weights, { scheme: "pairs", pairs, cellBits: 2 });
    for (let from = 0; from < sliceWeights.length; from += pairs) {
      for (let i = 0; i < size; i++) {
        const shares = Array.from(
          { length: pairs },
          (_, n) => slices.data[(from + n) * size + i]! - negative!.data[(from + n) * size + i]!,
        );
        assert(Math.max(...shares) - Math.min(...shares) <= 1);
      }
    }
  }
  // One pair of scheme "pairs" is a balanced one.
  const codes = { name: "layer", groups: 1, cellBits: 2, bits: 7, signed: true, zero: 0, codes: weights.codes };
  const [one, plain] = ([{ pairs: 1 }, {}] as PairOptions[]).map((options) => balanced(codes, options));
  assertEquals([one!.slices, one!.negative, one!.sliceWeights], [plain!.slices, plain!.negative, plain!.sliceWeights]);
});

Deno.test("offset() gives the unit column the code of zero in slices of its own", () => {
  const signed = slice(SIGNED, { subtraction: "digital", cellBits: 2 });
  assertEquals([signed.sliceWeights, signed.units, signed.correction], [[1, 4, -1, -4], 2, 0]);
  assertEquals([...signed.slices.data.subarray(8)], [0, 0, 0, 0, 2, 2, 2, 2]); // 8 = 2 · 4
  const dorefa = slice(DOREFA, { subtraction: "digital", cellBits: 1 });
  assertEquals([dorefa.units, dorefa.correction, dorefa.mid], [4, 0.5, [0, 0, 0, 0, 0, 0, 0, 0]]);
});

Deno.test("decompose() lets layers choose for themselves, by name before pattern", () => {
  const quantized = randomQuantized(1);
  const sliced = decompose(quantized, {
    cellBits: 4,
    reference: "digital",
    layers: { conv3: { cellBits: 1 }, "conv*": { cellBits: 2 }, "f*": { scheme: "pairs", pairs: 3 } },
  });
  assertEquals(Object.values(sliced.layers).map(({ cellBits, scheme }) => [cellBits, scheme]), [[2, "offset"], [1, "offset"], [
    4,
    "pairs",
  ]]);
  assertEquals(sliced.layer("conv2").mid, [0, 0], "the reference is taken over");
  for (const [name, layer] of Object.entries(sliced.layers)) {
    const { codes, zero } = quantized.weights[name]!;
    if (layer.groups === 1 && codes.shape.length === 2) proves(layer, { ...quantized.weights[name]!, codes, zero });
  }
  const widths = decompose(quantized, { sliceBits: [1, 3], layers: { fc: { sliceBits: [3, 1] }, conv3: { cellBits: 2 } } });
  assertEquals(["conv2", "conv3", "fc"].map((name) => widths.layer(name).sliceBits), [[1, 3], [2, 2], [3, 1]]);
  assertEquals(widths.layer("conv2").cellBits, 3);
});

Deno.test("decompose() refuses options that contradict each other or have no effect", () => {
  const wrong: [unknown, string][] = [
    [{ sides: "two" }, "decompose.sides"],
    [{ scheme: "balanced", sides: "both" }, '"one" or "two"'],
    [{ scheme: "twosComplement", subtraction: "digital" }, "decompose.subtraction"],
    [{ subtraction: "later" }, '"array" or "digital"'],
    [{ reference: "digital", subtraction: "array" }, "no dummy column"],
    [{ scheme: "balanced", pairs: 2 }, "decompose.pairs"],
    [{ scheme: "pairs", pairs: 0 }, "from 1 to 16"],
    [{ sliceBits: [] }, "decompose.sliceBits"],
    [{ sliceBits: [1.5, 3] }, "decompose.sliceBits"],
    [{ sliceBits: [1, 2] }, "at least 4 bits"],
    [{ sliceBits: [2, 2, 1] }, "no slice beyond the 4 bits"],
    [{ sliceBits: [1, 3], cellBits: 2 }, "at most 2 bits per slice"],
    [{ sliceBits: [12] }, "decompose.sliceBits"],
    [{ scheme: "pairs", pairs: 2, cellBits: 1, sliceBits: [2, 2] }, "2 pairs of 1-bit cells"],
    [{ layers: { other: { cellBits: 2 } } }, "decompose.layers.other"],
    [{ layers: { "conv*": {} } }, "decompose.layers.conv*"],
    [{ layers: { layer: { cellBit: 2 } } }, "decompose.layers.layer.cellBit"],
    [{ layers: { layer: { cellBits: 9 } } }, "decompose.layers.layer.cellBits"],
    [{ layers: { layer: { layers: {} } } }, "decompose.layers.layer.layers"],
    [{ layers: [] }, "decompose.layers"],
  ];
  const weights = randomCodes([2, 2], 4, false, 1);
  for (const [options, message] of wrong) assertThrows(() => slice(weights, options as DecomposeOptions), OptionError, message);
  const digital = { ...quantizedLayer(weights), digital: ["layer"] };
  assertThrows(() => decompose(digital, { layers: { "lay*": {} } }), OptionError, "runs digitally");
});
