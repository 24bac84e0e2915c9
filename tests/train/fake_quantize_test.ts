// One quantizer, two uses: what training computes with must be the codes that simulation gets, and its gradients the published formulas.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { dorefa } from "../../lib/quantize/dorefa.ts";
import { pact } from "../../lib/quantize/pact.ts";
import type { WeightQuantizer } from "../../lib/quantize/quantizer.ts";
import { uniform } from "../../lib/quantize/uniform.ts";
import { normal } from "../../lib/random.ts";
import { tensor } from "../../lib/tensor.ts";
import { randomNet, randomPixels, withGraph } from "./gradients.ts";

const weights = Float32Array.from({ length: 500 }, (_, i) => 0.4 * normal(1, i));
const quantizers: [string, WeightQuantizer][] = [
  ...[1, 2, 3, 4, 8].map((bits): [string, WeightQuantizer] => [`dorefa() of ${bits} bits`, dorefa({ bits })]),
  ...[2, 3, 4, 8].map((bits): [string, WeightQuantizer] => [`uniform() of ${bits} bits`, uniform({ bits })]),
];
for (const [name, quantizer] of quantizers) {
  Deno.test(`${name} trains with the values of its codes`, () => {
    const special = Float32Array.of(0, -0, 1e-30, 0.5, -0.5, 0.25, 1, -1);
    for (const values of [weights, weights.map((w) => 50 * w), special, new Float32Array(3)]) {
      const output = new Float32Array(values.length);
      quantizer.forward(values, output);
      const { codes, zero, scale } = quantizer.encode(tensor(values, [values.length]));
      output.forEach((value, i) => assertEquals(value + 0, Math.fround((codes.data[i]! - zero) * scale) + 0, `weight ${values[i]}`));
    }
  });

  Deno.test(`${name} has its gradient formula`, () => {
    const state = quantizer.forward(weights, new Float32Array(weights.length)), gradient = weights.map((_, i) => normal(2, i));
    const found = Float32Array.from(gradient);
    quantizer.backward(found, weights, state);
    const peak = weights.reduce((most, w) => Math.max(most, Math.abs(Math.tanh(w))), 0);
    found.forEach((value, i) => {
      const slope = quantizer.kind === "dorefa" && quantizer.bits > 1 ? (1 - Math.tanh(weights[i]!) ** 2) / peak : 1;
      assertAlmostEquals(value, gradient[i]! * slope, 1e-6 * Math.abs(gradient[i]! * slope));
    });
  });
}

Deno.test("a quantised convolution in training multiplies by its codes' values", async () => {
  for (const groups of [1, 2]) {
    const net = randomNet([5, 5, 6], (b) => {
      b.conv("conv", { channels: 4, kernel: 3, groups, bias: false });
      b.globalAveragePool("pool");
    });
    const quantizer = dorefa({ bits: 3 }), pixels = randomPixels(2, net.input), name = "conv.weight";
    const { codes, zero, scale } = quantizer.encode(net.parameters[name]!);
    const decoded = tensor(Float32Array.from(codes.data, (code) => (code - zero) * scale), codes.shape);
    const quantised = { weights: () => quantizer, activations: () => undefined };
    const found = await withGraph(net, 2, (graph) => graph.forward(pixels, false), { quantizers: quantised });
    const wanted = await withGraph(
      { ...net, parameters: { ...net.parameters, [name]: decoded } },
      2,
      (graph) => graph.forward(pixels, false),
    );
    assertEquals(found, wanted);
  }
});

for (const [bits, alpha] of [[4, 3.75], [4, 3], [2, 0.7], [1, 1], [8, 2.2]] as const) {
  Deno.test(`pact() of ${bits} bits and α ${alpha} trains with the values of its codes, and with their gradients`, async () => {
    const batch = 8, inputs = 12, outputs = 33, quantizer = pact({ bits, alpha });
    const net = randomNet([1, 1, inputs], (b) => {
      b.linear("fc", { features: outputs, bias: false });
      b.relu("relu");
    });
    await withGraph(net, batch, (graph) => {
      const pixels = randomPixels(batch, net.input);
      graph.forward(pixels, true);
      const sums = graph.output("fc").data, values = graph.output("relu").data, { step } = quantizer.codes(Math.fround(alpha));
      assert(sums.some((sum) => sum > alpha) && sums.some((sum) => sum < 0) && sums.some((sum) => sum > 0 && sum < alpha));
      sums.forEach((sum, i) => {
        const code = quantizer.encode(sum, Math.fround(alpha)), exact = Math.min(Math.max(sum, 0), alpha) / step;
        const tie = Math.abs(exact - Math.floor(exact) - 0.5) < 1e-6 * 2 ** bits;
        assertAlmostEquals(values[i]!, code * step, tie ? step : 1e-6 * alpha);
      });

      const gradient = Float32Array.from({ length: batch * outputs }, (_, i) => normal(9, i));
      graph.backward(gradient);
      const [weight, clip] = graph.parameters;
      assertEquals([weight!.name, clip!.name], ["fc.weight", "relu.alpha"]);
      const clipped = gradient.reduce((sum, g, i) => sum + (sums[i]! >= Math.fround(alpha) ? g : 0), 0);
      assertAlmostEquals(clip!.gradient[0]!, clipped, 1e-4);
      const found = weight!.read(weight!.gradient).data;
      found.forEach((value, index) => {
        const o = Math.floor(index / inputs), c = index % inputs;
        let wanted = 0;
        for (let image = 0; image < batch; image++) {
          const i = image * outputs + o, x = (pixels[image * inputs + c]! - net.encoding.zero) * net.encoding.scale;
          if (sums[i]! >= 0 && sums[i]! <= alpha) wanted += gradient[i]! * x;
        }
        assertAlmostEquals(value, wanted, 1e-4);
      });
    }, { quantizers: { weights: () => undefined, activations: () => quantizer } });
  });
}

Deno.test("pact() rounds ties to even in training as in encode()", async () => {
  const net = randomNet([1, 1, 1], (b) => {
    b.linear("fc", { features: 1, bias: false });
    b.relu("relu");
  });
  // Weight 1/8 and pixel scale 1: every second product is a tie at α = 15/4, where a code is worth 1/4.
  const exact = { ...net, encoding: { zero: 0, scale: 1 }, parameters: { "fc.weight": tensor(Float32Array.of(0.125), [1, 1]) } };
  const quantizer = pact({ bits: 4, alpha: 3.75 }), pixels = Uint8Array.from({ length: 40 }, (_, i) => i);
  const values = await withGraph(exact, 40, (graph) => graph.forward(pixels, false), {
    quantizers: { weights: () => undefined, activations: () => quantizer },
  });
  assertEquals([...values], [...pixels].map((pixel) => quantizer.encode(pixel / 8, 3.75) / 4));
});
