// Every activation quantizer in the training kernels: values of its codes, gradients of its formulas, starting levels, refusals.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { activationQuantizer } from "../../lib/quantize/activation_quantizer.ts";
import { lgLsqActivations } from "../../lib/quantize/lg_lsq.ts";
import { llsqActivations } from "../../lib/quantize/llsq.ts";
import { lsqActivations } from "../../lib/quantize/lsq.ts";
import { lsqPlusActivations } from "../../lib/quantize/lsq_plus.ts";
import { pact, pactPlus } from "../../lib/quantize/pact.ts";
import { quantizationError, stepDirection } from "../../lib/quantize/quantization_error.ts";
import { roundHalfEven } from "../../lib/quantize/round.ts";
import { normal } from "../../lib/random.ts";
import { randomNet, randomPixels, withGraph } from "../train/gradients.ts";
import { everyActivationQuantizer } from "./every.ts";

const BATCH = 8, INPUTS = 12, OUTPUTS = 33;
const net = randomNet([1, 1, INPUTS], (b) => {
  b.linear("fc", { features: OUTPUTS, bias: false });
  b.relu("relu");
});
const pixels = randomPixels(BATCH, net.input);
const upstream = Float32Array.from({ length: BATCH * OUTPUTS }, (_, i) => normal(9, i));

for (const [bits, alpha] of [[2, 0.75], [4, 2.5], [8, 1.5], [1, 1]] as const) {
  const levels = 2 ** bits - 1;
  for (const [name, quantizer] of everyActivationQuantizer(bits, alpha)) {
    Deno.test(`${name} with α ${alpha} trains with the values of its codes, and with their gradients`, async () => {
      await withGraph(net, BATCH, (graph) => {
        graph.forward(pixels, true);
        const sums = graph.output("fc").data, values = graph.output("relu").data, { step } = quantizer.codes(alpha);
        assert(sums.some((sum) => sum > alpha) && sums.some((sum) => sum < 0) && sums.some((sum) => sum > 0 && sum < alpha));
        assertAlmostEquals(step, alpha / levels, 1e-12);
        sums.forEach((sum, i) => {
          const exact = Math.min(Math.max(sum, 0), alpha) / step, tie = Math.abs(exact - Math.floor(exact) - 0.5) < 1e-5 * levels;
          assertAlmostEquals(values[i]!, quantizer.encode(sum, alpha) * step, tie ? step : 1e-6 * alpha);
        });

        graph.backward(upstream);
        const rules = quantizer.gradient, sample = sums.map((sum) => Math.max(0, sum));
        const { gain, sharpness } = rules?.soft?.(sample, alpha) ?? { gain: 1, sharpness: 0 };
        const place = (sum: number) => sum * levels / alpha;
        const slope = (sum: number) => gain / (1 + sharpness * (place(sum) - Math.floor(place(sum)) - 0.5) ** 2);
        const [weight, clip] = graph.parameters;
        // ∂/∂α: PACT's beyond α, and inside the share of rounding where the method has it.
        let wanted = 0;
        sums.forEach((sum, i) => {
          if (sum >= alpha) wanted += upstream[i]!;
          else if (sum > 0 && quantizer.kind !== "pact") {
            wanted += upstream[i]! * (roundHalfEven(place(sum)) - slope(sum) * place(sum)) / levels;
          }
        });
        if (rules?.scale !== undefined) wanted *= levels ** 2 / Math.sqrt(OUTPUTS * levels);
        if (rules?.simulated !== undefined) {
          const size = quantizer.kind === "lgLsq" && name.includes("magnitude") ? 3 : 1;
          wanted = size * levels * stepDirection(sample, step, 0, levels) * step ** 2;
        }
        assertAlmostEquals(clip!.gradient[0]!, wanted, 1e-4 * (1 + Math.abs(wanted)) * Math.max(1, levels / 15));
        const found = weight!.read(weight!.gradient).data;
        for (let index = 0; index < found.length; index++) {
          const o = Math.floor(index / INPUTS), c = index % INPUTS;
          let sum = 0;
          for (let image = 0; image < BATCH; image++) {
            const i = image * OUTPUTS + o, x = (pixels[image * INPUTS + c]! - net.encoding.zero) * net.encoding.scale;
            if (sums[i]! > 0 && sums[i]! < alpha) sum += upstream[i]! * slope(sums[i]!) * x;
          }
          assertAlmostEquals(found[index]!, sum, 2e-4);
        }
      }, { quantizers: { weights: () => undefined, activations: () => quantizer } });
    });
  }
}

Deno.test("the kernels' gradient of α is the derivative of α · (z + round's rest) / levels", async () => {
  // The straight-through surrogate of y = α/levels · round(clip(x · levels/α)), its rounding error held constant.
  const alpha = 1.25, levels = 7, h = 1e-5, quantizer = pactPlus({ bits: 3, alpha });
  await withGraph(net, BATCH, (graph) => {
    graph.forward(pixels, true);
    const sums = graph.output("fc").data;
    graph.backward(upstream);
    const y = (x: number, a: number) => {
      const rest = roundHalfEven(x * levels / alpha) - x * levels / alpha;
      return x <= 0 ? 0 : x >= a ? a : a / levels * (x * levels / a + rest);
    };
    const wanted = sums.reduce((sum, x, i) => sum + upstream[i]! * (y(x, alpha + h) - y(x, alpha - h)) / (2 * h), 0);
    assertAlmostEquals(graph.parameters[1]!.gradient[0]!, wanted, 1e-3);
  }, { quantizers: { weights: () => undefined, activations: () => quantizer } });
});

Deno.test("lsqActivations() moves α as LSQ moves its step", () => {
  // s −= rate · ∂L/∂s / sqrt(n · Q_p), with ∂L/∂s = Q_p · ∂L/∂α and α = Q_p · s.
  const levels = 15, features = 64, slope = 0.3, rate = 0.1, { gradient } = lsqActivations({ bits: 4 });
  const step = 0.2 - rate * (levels * slope) / Math.sqrt(features * levels);
  assertAlmostEquals(levels * 0.2 - rate * slope * gradient!.scale!(features), levels * step, 1e-9);
});

Deno.test("starting levels come from the sample as each method has it", () => {
  const sample = Float32Array.from({ length: 4000 }, (_, i) => Math.max(0, normal(3, i))),
    mean = sample.reduce((sum, v) => sum + v, 0) / 4000;
  assertAlmostEquals(lsqActivations({ bits: 3 }).start!(sample), 2 * mean * Math.sqrt(7), 1e-4);
  for (const quantizer of [pact({ bits: 4 }), pactPlus({ bits: 4 })]) {
    const level = quantizer.start!(sample), below = sample.filter((v) => v < level).length;
    // Between the extremes, whose order a swap would turn.
    assertAlmostEquals(below / 4000, 0.999, 1e-3);
    assert(level < sample.reduce((most, v) => Math.max(most, v), 0));
  }
  for (const bits of [2, 4]) {
    const levels = 2 ** bits - 1, error = (alpha: number) => quantizationError(sample, alpha / levels, 0, levels);
    for (const quantizer of [lsqPlusActivations({ bits }), llsqActivations({ bits }), lgLsqActivations({ bits })]) {
      const level = quantizer.start!(sample);
      for (let factor = 0.4; factor < 2; factor += 0.1) {
        assert(error(level) <= 1.03 * error(level * factor), `${quantizer.kind}, ${factor}`);
      }
    }
  }
});

Deno.test("activation quantizers refuse what they cannot do, by name", () => {
  const wrong: [() => unknown, string][] = [
    [() => pactPlus({ bits: 0 }), "pactPlus.bits"],
    [() => lsqActivations({ bits: 4, alpha: -1 }), "lsq.alpha"],
    [() => lsqPlusActivations({ bits: 4, offset: true as unknown as false }), "lsqPlusActivations.offset"],
    [() => llsqActivations({ bits: 4, kappa: 1 } as unknown as { bits: number }), "llsqActivations.kappa"],
    [() => lgLsqActivations({ bits: 4, asr: false, kappa: 1 }), "lgLsqActivations.kappa"],
    [() => lgLsqActivations({ bits: 4, mde: 1 as unknown as boolean }), "lgLsqActivations.mde"],
  ];
  for (const [make, where] of wrong) assertThrows(make, OptionError, where);
  assertEquals(activationQuantizer("apot", 4), undefined);
  assertEquals(JSON.stringify(lgLsqActivations({ bits: 3, kappa: 4 })), '{"kind":"lgLsq","bits":3,"kappa":4}');
});
