// Gradients of weight quantizers: the published formulas written out again, and finite differences of the surrogates they are derivatives of.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { apot, apotLevels } from "../../lib/quantize/apot.ts";
import { binary } from "../../lib/quantize/binary.ts";
import { lgLsq } from "../../lib/quantize/lg_lsq.ts";
import { llsq } from "../../lib/quantize/llsq.ts";
import { lsq } from "../../lib/quantize/lsq.ts";
import { quantizationError, stepDirection } from "../../lib/quantize/quantization_error.ts";
import type { Learned, WeightQuantizer } from "../../lib/quantize/quantizer.ts";
import { roundHalfEven } from "../../lib/quantize/round.ts";
import { sawb } from "../../lib/quantize/sawb.ts";
import { matchingGain, softRound, softSlope } from "../../lib/quantize/soft_round.ts";
import { ternary } from "../../lib/quantize/ternary.ts";
import { normal } from "../../lib/random.ts";

const OUT = 4, EACH = 40, COUNT = OUT * EACH, SHAPE = [OUT, 10, 2, 2];
const weights = Float32Array.from({ length: COUNT }, (_, i) => (1 + Math.floor(i / EACH)) * 0.5 * normal(21, i));
const upstream = Float32Array.from({ length: COUNT }, (_, i) => normal(22, i));

function gradients(quantizer: WeightQuantizer, learned: Learned): { readonly own: Float32Array; readonly learned: Learned } {
  const slopes = Object.fromEntries(Object.entries(learned).map(([key, values]) => [key, new Float32Array(values.length).fill(NaN)]));
  const state = quantizer.forward(weights, new Float32Array(COUNT), { shape: SHAPE, learned }), own = Float32Array.from(upstream);
  quantizer.backward(own, weights, state, slopes);
  return { own, learned: slopes };
}

for (const bits of [2, 3, 4, 8]) {
  for (const perChannel of [false, true]) {
    Deno.test(`lsq() of ${bits} bits ${perChannel ? "per channel " : ""}has the published gradients`, () => {
      const high = 2 ** (bits - 1) - 1, low = -high - 1, count = perChannel ? OUT : 1, each = COUNT / count;
      const scale = Float32Array.from({ length: count }, (_, out) => (0.9 + 0.2 * out) / high);
      const found = gradients(lsq({ bits, perChannel }), { scale });
      let outside = 0;
      for (let out = 0; out < count; out++) {
        let sum = 0;
        for (let i = out * each; i < (out + 1) * each; i++) {
          const v = weights[i]! / scale[out]!, inside = v > low && v < high;
          // The trap: without the mask, clipped weights are pushed on.
          assertEquals(found.own[i], inside ? upstream[i]! : 0);
          sum += upstream[i]! * (inside ? roundHalfEven(v) - v : v <= low ? low : high);
          if (!inside) outside++;
        }
        // The trap: n is the number of weights that share the step, not of all.
        assertAlmostEquals(found.learned["scale"]![out]!, sum / Math.sqrt(each * high), 1e-5 * (1 + Math.abs(sum)));
      }
      assert(outside > 0 && outside < COUNT);
    });
  }
}

Deno.test("learned steps have the derivatives of their surrogates", () => {
  // value ≈ s · (f(clip(v/s)) + c), c the difference between hard and surrogate rounding, held constant.
  const bits = 3,
    low = -4,
    high = 3,
    step = Math.fround(0.37),
    parts = [
      { quantizer: lsq({ bits }), surrogate: (v: number) => v },
      { quantizer: lgLsq({ bits, ssg: false, mde: false, kappa: 3 }), surrogate: (v: number) => softRound(v, 3) },
      { quantizer: lgLsq({ bits, ssg: false, asr: false }), surrogate: (v: number) => matchingGain(weights, step, low, high) * v },
      {
        quantizer: lgLsq({ bits, ssg: false, kappa: 5 }),
        surrogate: (v: number) => matchingGain(weights, step, low, high, 5) * softRound(v, 5),
      },
    ];
  for (const { quantizer, surrogate } of parts) {
    const { own, learned } = gradients(quantizer, { scale: Float32Array.of(step) }), h = 1e-6;
    const value = (w: number, s: number, fixed: number) => {
      const v = Math.min(Math.max(w / s, low), high), at = Math.min(Math.max(fixed / step, low), high);
      const clipped = fixed / step <= low || fixed / step >= high;
      return s * (clipped ? v : surrogate(v) + roundHalfEven(at) - surrogate(at));
    };
    let sum = 0;
    weights.forEach((w, i) => {
      const slope = (value(w + h, step, w) - value(w - h, step, w)) / (2 * h);
      assertAlmostEquals(own[i]!, upstream[i]! * slope, 1e-4);
      sum += upstream[i]! * (value(w, step + h, w) - value(w, step - h, w)) / (2 * h);
    });
    assertAlmostEquals(learned["scale"]![0]!, sum / Math.sqrt(COUNT * high), 1e-4);
  }
});

Deno.test("softSlope() is the derivative of softRound(), never zero, and 1 on average", () => {
  for (const kappa of [0.1, 1, 2, 10]) {
    const { gain, sharpness } = softSlope(kappa);
    let total = 0;
    for (let k = 0; k < 200; k++) {
      const x = -2 + (k + 0.5) / 50, place = x - Math.floor(x) - 0.5, slope = gain / (1 + sharpness * place * place);
      assertAlmostEquals(slope, (softRound(x + 1e-6, kappa) - softRound(x - 1e-6, kappa)) / 2e-6, 1e-4);
      assertAlmostEquals(slope, kappa / (2 * Math.atan(kappa / 2) * (1 + kappa ** 2 * place ** 2)), 1e-12);
      assert(slope > 0);
      total += slope / 200;
    }
    assertAlmostEquals(total, 1, 0.01);
    assertEquals([softRound(3, kappa), softRound(-2, kappa)].map((x) => Math.round(x * 1e9) / 1e9), [3, -2]);
  }
});

Deno.test("matchingGain() brings the surrogate nearest to the codes", () => {
  for (const kappa of [undefined, 3]) {
    const gain = matchingGain(weights, 0.4, -4, 3, kappa);
    const error = (factor: number) =>
      weights.reduce((sum, w) => {
        const v = Math.min(Math.max(w / 0.4, -4), 3);
        return sum + (roundHalfEven(v) - factor * (kappa === undefined ? v : softRound(v, kappa))) ** 2;
      }, 0);
    assert(error(gain) < error(gain * 1.01) && error(gain) < error(gain * 0.99));
  }
  assertEquals(matchingGain(new Float32Array(5), 0.4, -4, 3), 1);
});

Deno.test("llsq() and lgLsq() move their steps by the simulated gradient, whatever comes from above", () => {
  for (const perChannel of [false, true]) {
    const count = perChannel ? OUT : 1, each = COUNT / count;
    for (const factor of [0.05, 0.5, 1, 3, 20]) {
      const scale = Float32Array.from({ length: count }, () => 0.5 * factor);
      const [plain, large] = [llsq({ bits: 3, perChannel }), lgLsq({ bits: 3, perChannel, magnitude: 2.5 })].map((each) =>
        gradients(each, { scale })
      );
      for (let out = 0; out < count; out++) {
        const own = weights.subarray(out * each, (out + 1) * each), wanted = stepDirection(own, scale[out]!, -4, 3) * scale[out]! ** 2;
        assertAlmostEquals(plain!.learned["scale"]![out]!, wanted, 1e-5 * Math.abs(wanted));
        assertAlmostEquals(large!.learned["scale"]![out]!, 2.5 * wanted, 1e-5 * Math.abs(wanted));
      }
      plain!.own.forEach((value, i) => {
        const v = weights[i]! / scale[Math.floor(i / each)]!;
        assertEquals(value, v > -4 && v < 3 ? upstream[i] : 0);
      });
    }
  }
  // Descending, the step ends where the error is nearly least.
  let step = 3;
  const quantizer = llsq({ bits: 3 });
  for (let k = 0; k < 400; k++) {
    step = Math.max(step / 2, step - 0.2 * gradients(quantizer, { scale: Float32Array.of(step) }).learned["scale"]![0]!);
  }
  const least = Math.min(...Array.from({ length: 100 }, (_, k) => quantizationError(weights, 0.03 * (k + 1), -4, 3)));
  assert(quantizationError(weights, step, -4, 3) < 1.6 * least);
});

Deno.test("apot() has the published gradients", () => {
  for (const restore of [false, true]) {
    const alpha = 1.2,
      levels = apotLevels(4),
      top = levels.at(-1)!,
      found = gradients(apot({ bits: 4, restore }), { alpha: Float32Array.of(alpha) });
    const mean = weights.reduce((sum, w) => sum + w, 0) / COUNT,
      sigma = Math.sqrt(weights.reduce((sum, w) => sum + (w - mean) ** 2, 0) / COUNT);
    let sum = 0, outside = 0;
    weights.forEach((w, i) => {
      const place = (w - mean) / (sigma * alpha);
      // Not clipped: weights outside the range still learn.
      assertAlmostEquals(found.own[i]!, upstream[i]! * (restore ? 1 : 1 / sigma), 1e-5);
      const nearest = levels.reduce((best, level) =>
        Math.abs(level / top - Math.abs(place)) < Math.abs(best / top - Math.abs(place)) ? level : best
      ) / top;
      sum += upstream[i]! * (Math.abs(place) > 1 ? Math.sign(place) : Math.sign(place) * nearest - place);
      if (Math.abs(place) > 1) outside++;
    });
    assert(outside > 5);
    assertAlmostEquals(found.learned["alpha"]![0]!, sum * (restore ? sigma : 1), 1e-4);
  }
});

Deno.test("sawb(), binary() and ternary() pass gradients straight through, binary() within its clip", () => {
  for (const quantizer of [sawb({ bits: 3 }), sawb({ bits: 2, perChannel: true }), binary(), binary({ perChannel: true }), ternary()]) {
    assertEquals(gradients(quantizer, {}).own, upstream);
  }
  gradients(binary({ clip: 0.6 }), {}).own.forEach((value, i) =>
    assertEquals(value, Math.abs(weights[i]!) <= Math.fround(0.6) ? upstream[i] : 0)
  );
});
