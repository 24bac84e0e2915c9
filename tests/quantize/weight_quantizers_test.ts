// Every weight quantizer: the codes it gives are those it trains with, within their range, and its levels those of the publication.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { apot, apotLevels } from "../../lib/quantize/apot.ts";
import { binary } from "../../lib/quantize/binary.ts";
import { decodeWeights } from "../../lib/quantize/decode.ts";
import { dorefa } from "../../lib/quantize/dorefa.ts";
import { lgLsq } from "../../lib/quantize/lg_lsq.ts";
import { llsq } from "../../lib/quantize/llsq.ts";
import { lsq } from "../../lib/quantize/lsq.ts";
import { lsqPlus } from "../../lib/quantize/lsq_plus.ts";
import type { WeightQuantizer } from "../../lib/quantize/quantizer.ts";
import { bestStep, quantizationError, stepDirection } from "../../lib/quantize/quantization_error.ts";
import { roundHalfEven, roundSmall } from "../../lib/quantize/round.ts";
import { sawb, sawbLevel } from "../../lib/quantize/sawb.ts";
import { ternary } from "../../lib/quantize/ternary.ts";
import { weightQuantizer } from "../../lib/quantize/weight_quantizer.ts";
import { normal } from "../../lib/random.ts";
import { tensor } from "../../lib/tensor.ts";
import { everyWeightQuantizer } from "./every.ts";

const SHAPE = [6, 5, 3, 3], COUNT = 270;
const gaussian = (seed: number, scale: number, shift = 0) =>
  Float32Array.from({ length: COUNT }, (_, i) => shift + scale * normal(seed, i));
const sets: readonly Float32Array[] = [
  gaussian(1, 0.1),
  gaussian(2, 30, 5),
  Float32Array.from({ length: COUNT }, (_, i) => (i % 7 - 3) * 0.25),
  // Two dead channels among living ones, and nothing at all.
  gaussian(3, 1).map((w, i) => i < 90 ? 0 : w),
  new Float32Array(COUNT),
  Float32Array.from({ length: COUNT }, (_, i) => [0, -0, 1e-30, 0.5, -0.5, 1, -1][i % 7]!),
];

for (const [name, quantizer] of everyWeightQuantizer()) {
  Deno.test(`${name} trains with the values of its codes`, () => {
    for (const data of sets) {
      const weights = tensor(data, SHAPE), first = quantizer.learned?.(weights) ?? {};
      const other = Object.fromEntries(
        Object.entries(first).map(([key, values]) => [key, values.map((value, i) => value * (0.4 + 0.13 * i))]),
      );
      for (const learned of [first, other]) {
        const output = new Float32Array(COUNT).fill(NaN);
        quantizer.forward(data, output, { shape: SHAPE, learned });
        const codes = quantizer.encode(weights, learned), low = codes.signed ? -(2 ** (codes.bits - 1)) : 0;
        decodeWeights(codes).data.forEach((value, i) => assertEquals(output[i]! + 0, value + 0, `weight ${data[i]}`));
        assert(codes.codes.data.every((code) => code >= low && code < low + 2 ** codes.bits));
        assert(Number.isInteger(2 * codes.zero));
        assertEquals(codes.codes.shape, SHAPE);
        assertEquals(codes.scales?.length ?? 6, 6);
      }
      assertEquals(quantizer.encode(weights), quantizer.encode(weights, first), "first values by default");
      assert(Object.values(first).every((values) => values.every((value) => value > 0 && Number.isFinite(value))));
    }
  });

  Deno.test(`${name} is made again from its description`, () => {
    const { kind, bits, ...options } = JSON.parse(JSON.stringify(quantizer)), again = weightQuantizer(kind, bits, options)!;
    const weights = tensor(sets[0]!, SHAPE);
    assertEquals(again.encode(weights), quantizer.encode(weights));
    assertEquals(again.toJSON(), quantizer.toJSON());
  });
}

Deno.test("per channel, every output channel has the codes it would have alone", () => {
  const data = gaussian(5, 1).map((w, i) => w * 10 ** (Math.floor(i / 45) - 3));
  const pairs: [WeightQuantizer, WeightQuantizer][] = [
    [lsq({ bits: 3, perChannel: true }), lsq({ bits: 3 })],
    [lsqPlus({ bits: 4, perChannel: true }), lsqPlus({ bits: 4 })],
    [llsq({ bits: 2, perChannel: true }), llsq({ bits: 2 })],
    [lgLsq({ bits: 3, perChannel: true }), lgLsq({ bits: 3 })],
    [sawb({ bits: 3, perChannel: true }), sawb({ bits: 3 })],
    [binary({ perChannel: true }), binary()],
    [ternary({ perChannel: true }), ternary()],
  ];
  for (const [each, alone] of pairs) {
    const { codes, scales, scale } = each.encode(tensor(data, SHAPE));
    assertEquals([scale, scales!.length], [1, 6]);
    for (let out = 0; out < 6; out++) {
      const own = alone.encode(tensor(data.subarray(out * 45, out * 45 + 45), [1, 5, 3, 3]));
      assertEquals(codes.data.subarray(out * 45, out * 45 + 45), own.codes.data, each.kind);
      assertAlmostEquals(scales![out]!, own.scale, 1e-6 * own.scale);
    }
    assert(scales![5]! > 1e3 * scales![0]!);
  }
});

Deno.test("lsq() and its kin start as their publications say", () => {
  const data = gaussian(8, 0.3, 0.05), mean = data.reduce((sum, w) => sum + w, 0) / COUNT;
  const magnitude = data.reduce((sum, w) => sum + Math.abs(w), 0) / COUNT;
  const deviation = Math.sqrt(data.reduce((sum, w) => sum + (w - mean) ** 2, 0) / COUNT), weights = tensor(data, SHAPE);
  assertAlmostEquals(lsq({ bits: 4 }).learned!(weights)["scale"]![0]!, 2 * magnitude / Math.sqrt(7), 1e-6);
  assertAlmostEquals(lsqPlus({ bits: 4 }).learned!(weights)["scale"]![0]!, (Math.abs(mean) + 3 * deviation) / 8, 1e-6);
  assertEquals(apot({ bits: 4 }).learned!(weights)["alpha"], Float32Array.of(3));
  const best = llsq({ bits: 3 }).learned!(weights)["scale"]![0]!, error = (s: number) => quantizationError(data, s, -4, 3);
  for (let factor = 0.4; factor < 2; factor += 0.05) assert(error(best) <= 1.02 * error(best * factor), `factor ${factor}`);
});

Deno.test("sawbLevel() has the published coefficients in their order", () => {
  const large = Float32Array.from({ length: 20000 }, (_, i) => normal(4, i));
  const root = Math.sqrt(large.reduce((sum, w) => sum + w * w, 0) / 20000),
    magnitude = large.reduce((sum, w) => sum + Math.abs(w), 0) / 20000;
  const table = { 2: [3.12, -2.064], 3: [7.509, -6.892], 4: [12.68, -12.80], 5: [17.74, -18.64], 8: [31.76, -35.04] } as const;
  for (const [bits, [c1, c2]] of Object.entries(table)) {
    const level = sawbLevel(large, Number(bits));
    assertAlmostEquals(level, c1 * root + c2 * magnitude, 1e-9);
    // Swapped coefficients would give another level, negative from 3 bits on, which abs() would hide.
    assert(Number(bits) < 3 ? c2 * root + c1 * magnitude < level / 2 : c2 * root + c1 * magnitude < 0);
    // What the fit is for: near the least squared error.
    const top = 2 ** Number(bits) - 1,
      error = (alpha: number) =>
        large.reduce((sum, w) => {
          const code = Math.min(Math.max(Math.round((w / alpha + 1) * top / 2), 0), top);
          return sum + (w - (2 * code / top - 1) * alpha) ** 2;
        }, 0);
    const least = Math.min(...Array.from({ length: 50 }, (_, k) => error(0.1 * (k + 1))));
    assert(error(level) < (Number(bits) < 8 ? 1.15 : 1.4) * least, `${bits} bits: ${error(level)} against ${least}`);
  }
});

Deno.test("sawb() takes the largest magnitude where the fit gives no positive level", () => {
  const equal = Float32Array.from({ length: 64 }, (_, i) => i % 2 ? 0.5 : -0.5);
  assert(12.68 * 0.5 - 12.80 * 0.5 < 0);
  assertEquals(sawbLevel(equal, 4), 0.5);
  const { codes } = sawb({ bits: 4 }).encode(tensor(equal, [64]));
  assertEquals([...new Set(codes.data)].sort((a, b) => a - b), [0, 15]);
});

Deno.test("apotLevels() are the sums of powers of two of the publication", () => {
  assertEquals(apotLevels(2), [0, 1]);
  assertEquals(apotLevels(3), [0, 1, 2, 4]);
  assertEquals(apotLevels(4).map((level) => level / 10), [0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1]);
  // Four magnitude bits: {0, 2^0, 2^−2, 2^−4} + {0, 2^−1, 2^−3, 2^−5}, over 1.5.
  const sums = [0, 1, 1 / 4, 1 / 16].flatMap((a) => [0, 1 / 2, 1 / 8, 1 / 32].map((b) => a + b)).sort((a, b) => a - b);
  assertEquals(apotLevels(5).map((level) => level / 32), sums);
  assertEquals([2, 3, 4, 5, 6].map((bits) => apotLevels(bits).length), [2, 4, 8, 16, 32]);
});

Deno.test("apot() takes the nearest level of the normalised weights", () => {
  for (const bits of [2, 3, 4, 5, 6]) {
    const data = gaussian(9, 0.7, 0.2), levels = apotLevels(bits), top = levels.at(-1)!, alpha = 2.2;
    const mean = data.reduce((sum, w) => sum + w, 0) / COUNT, sigma = Math.sqrt(data.reduce((sum, w) => sum + (w - mean) ** 2, 0) / COUNT);
    const { codes, scale } = apot({ bits }).encode(tensor(data, SHAPE), { alpha: Float32Array.of(alpha) });
    assertAlmostEquals(scale, alpha / top, 1e-6);
    data.forEach((w, i) => {
      const place = Math.min(Math.abs(w - mean) / (sigma * alpha), 1) * top, found = Math.abs(codes.data[i]!);
      const distance = Math.min(...levels.map((level) => Math.abs(level - place)));
      assert(levels.includes(found) && Math.abs(Math.abs(found - place) - distance) < 1e-5 * top);
      assert(found === 0 || Math.sign(codes.data[i]!) === Math.sign(w - mean));
    });
    const restored = apot({ bits, restore: true }).encode(tensor(data, SHAPE), { alpha: Float32Array.of(alpha) });
    assertEquals(restored.codes.data, codes.data);
    assertAlmostEquals(restored.scale, scale * sigma, 1e-6);
  }
});

Deno.test("dorefa()'s codes are those of tanh, small and large arguments alike", () => {
  const weights = Float32Array.from({ length: 40001 }, (_, i) => (i - 20000) / 16000), peak = Math.fround(Math.tanh(1.25));
  const { codes } = dorefa({ bits: 8 }).encode(tensor(weights, [40001, 1]));
  const expected = Int16Array.from(weights, (weight) => roundHalfEven((Math.fround(Math.tanh(weight)) / (2 * peak) + 0.5) * 255));
  assertEquals(codes.data, expected);
});

Deno.test("binary() and dorefa() of one bit are the sign times the mean magnitude", () => {
  const data = Float32Array.of(-2, 0, -0.5, 1.5);
  for (const quantizer of [binary(), dorefa({ bits: 1 })]) {
    assertEquals([...decodeWeights(quantizer.encode(tensor(data, [2, 2]))).data], [-1, 1, -1, 1]);
  }
  assertEquals([...decodeWeights(binary({ perChannel: true }).encode(tensor(data, [2, 2]))).data], [-1, 1, -1, 1]);
  assertEquals([...decodeWeights(binary({ perChannel: true }).encode(tensor(Float32Array.of(4, -2, 1, -1), [2, 2]))).data], [3, -3, 1, -1]);
});

Deno.test("ternary() has Δ = 0.7 E|w| and the mean magnitude beyond it", () => {
  const data = Float32Array.of(-4, 0.5, 2, -0.1, 1.4, 0); // E|w| = 4/3, Δ = 0.9333
  const { codes, scale } = ternary().encode(tensor(data, [6]));
  assertEquals([...codes.data], [-1, 0, 1, 0, 1, 0]);
  assertAlmostEquals(scale, 7.4 / 3, 1e-6);
});

Deno.test("stepDirection() follows LLSQ's rule and leads to the step of least error", () => {
  const sample = gaussian(11, 1);
  for (const bits of [2, 3, 4]) {
    const low = -(2 ** (bits - 1)), high = -low - 1, error = (s: number) => quantizationError(sample, s, low, high);
    for (let s = 0.02; s < 8; s *= 1.3) {
      const a1 = error(s) - error(s / 2), a2 = error(2 * s) - error(s);
      const wanted = a1 >= 0 && (a2 > 0 || a1 + a2 >= 0) ? 1 : a2 <= 0 ? -1 : 0;
      assertEquals(stepDirection(sample, s, low, high), wanted);
    }
    const best = bestStep(sample, low, high);
    assertEquals([stepDirection(sample, best / 6, low, high), stepDirection(sample, 6 * best, low, high)], [-1, 1]);
    assertEquals(stepDirection(sample, best, low, high), 0);
  }
});

Deno.test("roundSmall() is roundHalfEven()", () => {
  for (let k = -4000; k < 4000; k++) {
    for (const x of [k / 2, k / 2 + 1e-9, k / 2 - 1e-9, 50 * normal(6, k), k * 2 ** 38 + 0.5]) {
      assertEquals(roundSmall(x), roundHalfEven(x) + 0);
    }
  }
});

Deno.test("weight quantizers refuse what they cannot do, by name", () => {
  const wrong: [() => unknown, string][] = [
    [() => lsq({ bits: 1 }), "lsq.bits"],
    [() => lsq({ bits: 4, perchannel: true } as unknown as { bits: number }), "lsq.perchannel"],
    [() => lsq({ bits: 4, perChannel: 1 as unknown as boolean }), "lsq.perChannel"],
    [() => lsqPlus({ bits: 4, offset: true as unknown as false }), "lsqPlus.offset"],
    [() => sawb({ bits: 6 }), "sawb.bits"],
    [() => apot({ bits: 8 }), "apot.bits"],
    [() => apot({ bits: 4, alpha: 0 }), "apot.alpha"],
    [() => binary({ bits: 2 }), "binary.bits"],
    [() => ternary({ bits: 3 }), "ternary.bits"],
    [() => lgLsq({ bits: 3, asr: false, kappa: 2 }), "lgLsq.kappa"],
    [() => lgLsq({ bits: 3, ssg: false, magnitude: 2 }), "lgLsq.magnitude"],
    [() => lgLsq({ bits: 3, kappa: -1 }), "lgLsq.kappa"],
  ];
  for (const [make, where] of wrong) assertThrows(make, OptionError, where);
  assertEquals(weightQuantizer("constant", 4), undefined);
});
